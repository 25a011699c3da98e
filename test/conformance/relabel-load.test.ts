import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { checkConfig, findPromtools, inParallel, type Promtool } from '../helpers/promtool.ts'
import { ruleCases } from '../helpers/relabel-rules/all.ts'

t.test('promtool accepts and refuses the same rules as Rollcall', async (t) => {
  const promtools = await findPromtools()
  if (promtools.length === 0) {
    t.comment('NOT COMPARED: there is no promtool on the PATH, so nothing was checked here')
    t.not(process.env.CI, 'true', 'in CI there has to be a promtool')
    return
  }
  for (const promtool of promtools) await compare(t, promtool)
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
