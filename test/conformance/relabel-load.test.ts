import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runHere } from '../helpers/commands.ts'
import { checkConfig, discover, findPromtools, inParallel, type Promtool } from '../helpers/promtool.ts'
import { ruleCases } from '../helpers/relabel-rules/all.ts'
import { missing } from '../helpers/tools.ts'

t.test('promtool accepts and refuses the same rules as Rollcall', async (t) => {
  const promtools = await findPromtools()
  if (promtools.length === 0) {
    t.comment('NOT COMPARED: there is no promtool on the PATH, so nothing was checked here')
    t.not(process.env.CI, 'true', 'in CI there has to be a promtool')
    return
  }
  for (const promtool of promtools) await compare(t, promtool)
})

t.test('a modulus has all its digits, up to the largest one of Prometheus', async (t) => {
  const promtools = await findPromtools()
  if (missing(t, promtools[0]?.command, 'promtool')) return
  const addresses = Array.from({ length: 20 }, (_, index) => `sensor-${index}.example:9100`)
  const rule = (modulus: string) =>
    `{ source_labels: [__address__], modulus: ${modulus}, target_label: m, action: hashmod }`
  const folder = t.testdir({ 'hosts.json': JSON.stringify(addresses) })
  const sharded = async (modulus: string) => {
    const file = join(folder, 'rollcall.yml')
    const source = `{ name: s, file: { files: [hosts.json] }, relabel_configs: [${rule(modulus)}] }`
    await writeFile(file, `sources: [${source}]`)
    return runHere(['targets', `--config.file=${file}`])
  }
  const moduli = ['9007199254740992', '18446744073709551557', '18446744073709551615', '0xfffffffffffffffe']
  for (const modulus of moduli) {
    const { code, out, err } = await sharded(modulus)
    t.equal(code, 0, err)
    const ours = (JSON.parse(out) as { targets: string[]; labels: { m: string } }[]).flatMap((group) =>
      group.targets.map((target) => `${target} ${group.labels.m}`),
    )
    for (const promtool of promtools) {
      const file = join(folder, 'prometheus.yml')
      const job = `{ job_name: j, static_configs: [{ targets: ${JSON.stringify(addresses)} }], relabel_configs: [${rule(modulus)}] }`
      await writeFile(file, `scrape_configs: [${job}]`)
      const theirs = (await discover(promtool, file, 'j')).map(
        ({ labels }) => `${labels.instance} ${labels.m}`,
      )
      t.same(ours.sort(), theirs.sort(), `${modulus}, ${promtool.command}`)
    }
  }
  for (const modulus of ['18446744073709551616', '1e19', '0']) {
    const { code, err } = await sharded(modulus)
    t.equal(code, 2)
    t.match(err, /rollcall\.yml:1:\d+: sources\[0\]\.relabel_configs\[0\]\.modulus: /, modulus)
  }
})

async function compare(t: Test, promtool: Promtool): Promise<void> {
  const directory = t.testdir()
  const answers = await inParallel([...ruleCases.entries()], 4, async ([index, { rule }]) => {
    const file = join(directory, `${index}.yml`)
    const job = { job_name: 'fleet', static_configs: [{ targets: ['a:1'] }], relabel_configs: [rule] }
    await writeFile(file, yaml({ scrape_configs: [job] }))
    return checkConfig(promtool, file)
  })
  for (const [index, { name, problems, laxer = [] }] of ruleCases.entries()) {
    const refused = Object.keys(problems).length > 0 && !laxer.includes(promtool.major)
    t.equal(
      answers[index] !== undefined,
      refused,
      `${name} (${promtool.command}: ${answers[index] ?? 'fine'})`,
    )
  }
}

/** JSON is YAML too; but to Prometheus a written null is the text "null", and only an absent one is none. */
function yaml(value: unknown): string {
  return JSON.stringify(value).replaceAll(':null', ': ')
}
