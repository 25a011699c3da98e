import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { authority, tlsServer } from '../helpers/certificates.ts'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { limitFileSize } from '../helpers/limit-files.ts'
import { createScope } from '../helpers/scope.ts'
import { findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'
import { assertNamed } from './incident.ts'

const CMDB = [
  { hostname: 'plain.shop.example', status: 'active', site: 'berlin' },
  { hostname: 'bad-port', status: 'active', site: 'berlin', port: 70_000 },
  { hostname: 'ruled', status: 'active', site: 'test-7' },
  { hostname: 'retired', status: 'retired', site: 'berlin' },
  { hostname: 'hidden', status: 'active', site: 'berlin', scrape: false },
  { hostname: 'moved-label', status: 'active', site: 'berlin', rack: 'r9' },
  { hostname: '10.0.0.7', id: 'first', status: 'active', site: 'berlin' },
  { hostname: '10.0.0.7', id: 'second', status: 'active', site: 'paris' },
  { hostname: 'shared', status: 'active', site: 'berlin' },
]

const names = (count: number) => Array.from({ length: count }, (_, index) => `one-of-many-${index}`)

t.test('what is wrong in inventories, configuration and files is named by one question', async (t) => {
  if (missing(t, findTool('openssl'), 'openssl')) return
  const scope = createScope()
  t.teardown(() => scope.end())
  const folder = scope.testdir()
  const cmdb = await inventoryServer(t, { items: CMDB })
  const denied = await inventoryServer(t, ['denied-1', 'denied-2'])
  const paged = await inventoryServer(t)
  paged.handle(({ url: path = '' }, response) => {
    const page = Number(/page=(\d)/.exec(path)?.[1] ?? 1)
    if (page === 3) return void response.writeHead(500).end()
    response.end(JSON.stringify({ items: [`page-${page}`], next: `/inventory?page=${page + 1}` }))
  })
  const renamed = await inventoryServer(t, [{ fqdn: 'renamed-1' }, { fqdn: 'renamed-2' }])
  const many = await inventoryServer(t, names(24))
  const down = await inventoryServer(t, ['down-1'])
  const ca = authority(folder)
  const expired = await tlsServer(t, ca.signExpired('localhost', 'IP:127.0.0.1'), (_request, response) =>
    response.end('["certified"]'),
  )
  writeFileSync(
    join(folder, 'twin.json'),
    JSON.stringify([
      { host: 'shared', site: 'oslo' },
      { host: '10.0.0.8', site: 'berlin', id: 'third' },
      { host: '10.0.0.8', site: 'berlin', id: 'fourth' },
    ]),
  )
  const file = join(folder, 'rollcall.yml')
  const configure = (more = '') =>
    writeFileSync(
      file,
      `global: { refresh_interval: 1s, timeout: 900ms }
sources:
  - name: cmdb
    http: { url: "${cmdb.url}" }
    records: "items[?status == 'active']"
    filter: "scrape != \`false\`"
    labels: { site: "{site}" }
    relabel_configs:
      - { source_labels: [site], regex: "test-.*", action: drop }
      - { source_labels: [__meta_inventory_rack], regex: r9, target_label: site, replacement: lab }
    meta_labels: true
  - { name: twin, file: { files: [twin.json] }, labels: { site: "{site}" } }
  - { name: denied, required: false, http: { url: "${denied.url}" } }
  - { name: paged, required: false, http: { url: "${paged.url}", pagination: { next_url: next } }, records: items }
  - { name: renamed, required: false, http: { url: "${renamed.url}" }, targets: ["{fqdn}:9100"] }
  - { name: many, required: false, http: { url: "${many.url}" } }
  - { name: down, required: false, max_staleness: 2s, http: { url: "${down.url}" } }
  - { name: expired, required: false, http: { url: "${expired}", tls_config: { ca_file: ${ca.certFile} } } }
  - { name: nowhere, required: false, http: { url: "http://nowhere.invalid/inventory" } }
${more}`,
    )
  configure()
  const { url } = await start(scope, [`--config.file=${file}`, '--web.enable-lifecycle'])
  const loaded = async () => {
    const { sources } = (await (await fetch(`${url}/health`)).json()) as {
      sources: Record<string, { targets: number }>
    }
    return ['cmdb', 'twin', 'denied', 'renamed', 'many', 'down'].every((name) => sources[name]?.targets)
  }
  await until('the lists are served', loaded)
  denied.handle((_request, response) => void response.writeHead(401).end())
  renamed.json([{ fqdn_v2: 'renamed-1' }, { fqdn_v2: 'renamed-2' }])
  many.json(names(3))
  await down.stop()

  const incidents: [name: string, ask: string, ...names: (RegExp | string)[]][] = [
    ['bad port', 'bad-port', 'quarantined: invalid_port: port 70000'],
    ['rule', 'ruled', 'dropped by rule 1 (action drop, regex "test-.*" on site="test-7")'],
    ['not selected', 'retired', /not selected: .*items\[\?status == 'active'\]/],
    ['filtered out', 'hidden', /not selected: .*scrape != `false`/],
    [
      'labels overwritten',
      'moved-label',
      /served as moved-label:9100; rule 2 overwrites site: "berlin" becomes "lab"/,
    ],
    [
      'duplicate with other labels',
      'first',
      /served as 10\.0\.0\.7:9100; record 6 .*same target.*site="paris"/,
    ],
    ['duplicate', 'fourth', /served as 10\.0\.0\.8:9100; record 1 .*same target/],
    [
      'two sources',
      'site=oslo',
      /served as shared:9100; the source cmdb \(record 7 .*same target.*site="berlin"/,
    ],
    ['short for full name', 'plain', 'served as plain.shop.example:9100'],
    ['full for short name', 'shared.shop.example', 'did you mean shared?'],
    ['name with a typo', 'plian.shop.example', 'did you mean plain.shop.example?'],
    ['401', 'denied-1', /unknown since then: denied has been failing since .*Z, auth: .*HTTP 401/],
    ['failing page', 'page-1', /paged has not been read yet: http_status: page 3: .*HTTP 500/],
    ['renamed field', 'renamed-1', /all_rejected: .*fqdn is absent/],
    ['held', 'one-of-many-7', /held until .*: too many of the targets would leave/],
    ['stale', 'down-1', /answers 503: down: .*more than its max_staleness: .*ECONNREFUSED/],
    ['certificate of the inventory expired', 'certified', /expired has not been read yet: tls: .*expired/],
    [
      'name of the inventory does not resolve',
      'any',
      /nowhere has not been read yet: dns: .*nowhere\.invalid/,
    ],
  ]
  for (const [name, ask, ...names] of incidents) await assertNamed(t, { name, url, ask, names })

  configure('  - { name: late, htp: { url: "http://127.0.0.1/" } }\n')
  await fetch(`${url}/-/reload`, { method: 'POST' })
  const failed = /the last reload failed at .*rollcall\.yml:\d+:\d+: sources\[9\]\.htp/
  await assertNamed(t, { name: 'reload failed, of what is new', url, ask: 'late-1', names: [failed] })
  await assertNamed(t, { name: 'reload failed, of what is served', url, ask: 'ruled', names: [failed] })
  await assertNamed(t, { name: 'reload failed', url, ask: '/health', names: [/sources\[9\]\.htp/] })
})

t.test('a disk that takes nothing is named with the targets whose file is old', async (t) => {
  const scope = createScope()
  t.teardown(() => scope.end())
  const folder = scope.testdir()
  const inventory = await inventoryServer(t, ['a', 'b'])
  const file = join(folder, 'rollcall.yml')
  writeFileSync(
    file,
    `global: { refresh_interval: 500ms }
sources: [{ name: cmdb, file_sd: "${folder}/cmdb.json", http: { url: "${inventory.url}" } }]
`,
  )
  const { url, child } = await start(scope, [`--config.file=${file}`, `--storage.path=${folder}/data`])
  await until('the list is served', async () => (await fetch(`${url}/targets`)).status === 200)
  limitFileSize(child.pid, 0)
  inventory.json(['a', 'b', 'c'])
  const names = [/served as c:9100/, /file_sd \(.*cmdb\.json\) cannot be written.*EFBIG/, /storage .*EFBIG/]
  await assertNamed(t, { name: 'disk full', url, ask: 'c', names })
})

t.test('what a restart, and days, make of targets is named', async (t) => {
  const scope = createScope()
  t.teardown(() => scope.end())
  const folder = scope.testdir()
  const inventory = await inventoryServer(t, ['stays', 'leaves'])
  const file = join(folder, 'rollcall.yml')
  const source = `{ name: cmdb, http: { url: "${inventory.url}" } }`
  writeFileSync(file, `global: { refresh_interval: 300ms }\nsources: [${source}]\n`)
  const args = [`--config.file=${file}`, `--storage.path=${folder}/data`]
  const first = await start(scope, args)
  const serves = async (text: string) => (await (await fetch(`${first.url}/targets`)).text()).includes(text)
  await until('the list is served', () => serves('leaves'))
  inventory.json(['stays'])
  await until('it has left', async () => !(await serves('leaves')))
  first.child.kill('SIGTERM')
  await first.ended
  await ageHistory(join(folder, 'data', 'history'), 3 * 86_400_000)
  await inventory.stop()
  const { url } = await start(scope, args)
  const days = /leaves:9100 of cmdb left 3 days ago, at .*: the inventory lacked it for 2 readings/
  await assertNamed(t, { name: 'left days ago', url, ask: 'leaves', names: [days] })
  const stale = [
    /served as stays:9100 \(as of .*Z: the inventory has not been read since the start/,
    /ECONNREFUSED/,
  ]
  await assertNamed(t, { name: 'stale since a restart', url, ask: 'stays', names: stale })
})

/** Makes all events of a history so much older, in milliseconds. */
async function ageHistory(folder: string, ms: number): Promise<void> {
  for (const name of readdirSync(folder)) {
    const older = (text: string) => String(Number(text) - ms)
    const lines = readFileSync(join(folder, name), 'utf8')
    rmSync(join(folder, name))
    const path = join(folder, name.replace(/(?<=-)\d{13}(?=\.jsonl$)/, older))
    writeFileSync(path, lines.replaceAll(/(?<="atMs":)\d+/g, older))
  }
}
