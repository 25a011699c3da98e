import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { runHere } from '../helpers/commands.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import type { SdResult } from '../helpers/populate.ts'
import { canonical, discover, findPromtools, type Promtool } from '../helpers/promtool.ts'
import { seedOfRun } from '../helpers/random.ts'
import { isThorough } from '../helpers/thorough.ts'

const GROUPS = 200

/** What blackbox, SNMP, ICMP and other jobs have for addresses. */
const ODD_ADDRESSES = [
  '10.200.0.67',
  '10.0.0.1/24',
  '2001:db8::1',
  '[2001:db8::1]',
  'https://shop.example/health',
  'https://user@shop.example:8443/a?b=c&d=%20#e',
  'redis://cache1:6379',
  'example.com/foo',
  'dummy:9f3c',
  'a:0',
  'a:70000',
  ':9100',
  'a:',
  'two words',
  ' a ',
  '/',
  ',',
  '"],"labels":{',
  'a\\',
  'ä.example',
  '数:1',
  'UPPER:1',
  '{hostname}:9100',
]

const address = fc.oneof(
  fc.constantFrom(...ODD_ADDRESSES),
  fc.webUrl({ withQueryParameters: true }),
  fc.ipV6(),
  fc.domain(),
  // biome-ignore lint/suspicious/noControlCharactersInRegex: without them, which are quarantined
  fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[\u0000-\u001f\u007f-\u009f]/.test(text)),
)

const labels = fc.dictionary(
  fc.constantFrom(
    'site',
    'job',
    '__address__',
    '__scheme__',
    '__metrics_path__',
    '__param_target',
    '__meta_x',
  ),
  fc.oneof(fc.constantFrom('x', '', 'http', 'https', 'a\nb', 'é', null), fc.string({ unit: 'grapheme' })),
)

const group = fc.record(
  { targets: fc.option(fc.array(address, { maxLength: 4 })), labels: fc.option(labels) },
  { requiredKeys: ['targets'] },
)

t.test('Prometheus discovers the same targets with and without Rollcall in between', async (t) => {
  const promtools = await findPromtools()
  if (promtools.length === 0) {
    t.comment('NOT COMPARED: there is no promtool on the PATH, so nothing was checked here')
    t.notOk(isThorough, 'in CI there has to be a promtool')
    return
  }
  const seed = seedOfRun()
  t.comment(`SEED=${seed} repeats this run`)
  const groups = fc.sample(group, { numRuns: GROUPS, seed })
  const all = [{ targets: ODD_ADDRESSES }, ...groups]
  for (const kind of ['http_sd', 'http']) {
    const between = await throughRollcall(t, kind, all)
    for (const promtool of promtools) {
      const [direct, served] = [await discovered(t, promtool, all), await discovered(t, promtool, between)]
      t.ok(direct.length > GROUPS / 2, `${direct.length} targets, ${promtool.command}`)
      t.same(differences(direct, served), [], `${kind}, ${promtool.command}`)
    }
  }
})

t.test('Prometheus 3 discovers label names of any text as they are', async (t) => {
  const promtool = (await findPromtools()).find(({ major }) => major === 3)
  if (promtool === undefined) {
    t.comment('NOT COMPARED: there is no promtool of Prometheus 3 on the PATH, so nothing was checked here')
    t.notOk(isThorough, 'in CI there has to be one')
    return
  }
  const all = [
    { targets: ['a:1'], labels: { 'service.name': 'x', é: 'y', 'k-8': 'z', 数: '1', '2nd': 'b' } },
    { targets: ['b:1'], labels: { service_name: 'x' } },
  ]
  const between = await throughRollcall(t, 'http_sd', all, { label_names: 'utf8' })
  t.same(differences(await discovered(t, promtool, all), await discovered(t, promtool, between)), [])
})

/** What Rollcall answers when its inventory answers these groups. */
async function throughRollcall(
  t: Test,
  kind: string,
  groups: readonly unknown[],
  global: object = {},
): Promise<unknown> {
  const server = await inventoryServer(t, groups)
  const config = join(t.testdir(), 'rollcall.yml')
  await writeFile(
    config,
    JSON.stringify({ global, sources: [{ name: 's', [kind]: { url: server.url.href } }] }),
  )
  const { code, out, err } = await runHere(['targets', `--config.file=${config}`])
  t.equal(code, 0, err)
  return JSON.parse(out)
}

/** What Prometheus makes of such an answer of an http_sd endpoint. */
async function discovered(t: Test, promtool: Promtool, answer: unknown): Promise<SdResult[]> {
  const server = await inventoryServer(t, answer)
  const config = join(t.testdir(), 'prometheus.yml')
  const job = {
    job_name: 'job',
    http_sd_configs: [{ url: server.url.href }],
    // The promtool of 3 panics when it compares two targets that cannot be scraped as they are.
    ...(promtool.major === 3 && { relabel_configs: MOVED }),
  }
  await writeFile(config, JSON.stringify({ scrape_configs: [job] }))
  const results = await discover(promtool, config, 'job')
  return canonical(
    results.map(
      ({ discoveredLabels: { __meta_url, __meta_rollcall_source, ...discoveredLabels }, ...result }) => ({
        ...result,
        discoveredLabels,
      }),
    ),
  )
}

/** The rules of a blackbox job. */
const MOVED = [
  { source_labels: ['__address__'], target_label: '__param_target' },
  { target_label: '__address__', replacement: 'exporter:9115' },
]

/** The first results that only one of the two has. */
function differences(some: readonly SdResult[], others: readonly SdResult[]): string[] {
  const [one, other] = [some, others].map((all) => all.map((result) => JSON.stringify(result)))
  const only = (these: string[], those: string[]) => these.filter((text) => !those.includes(text))
  return [...only(one as string[], other as string[]), ...only(other as string[], one as string[])].slice(
    0,
    5,
  )
}
