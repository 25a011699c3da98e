import { spawnSync } from 'node:child_process'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { explanationText } from '../../src/commands/explain-text.ts'
import { helpText } from '../../src/commands/help.ts'
import { start } from '../helpers/cli.ts'
import { runHere } from '../helpers/commands.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { prometheusApi } from '../helpers/prometheus-api.ts'
import { findTool, missing } from '../helpers/tools.ts'

/** Escape sequences, of two bytes and of one, and text that runs backwards. */
const ESCAPES = 'x\u009b31m\u202e'

const RECORDS = [
  { hostname: '10.0.0.1', site: 'berlin', snmp_community: 'c4n4ry' },
  { hostname: 'b', site: ESCAPES },
  { hostname: '10.0.0.3', port: 70_000 },
  { hostname: 'http://ann:c4n4ry@cam/' },
  { hostname: '\u001b[31mred' },
  { hostname: 'test-1', site: 'test' },
]

/** A configuration with an inventory of its own that works, and one that does not. */
async function configured(t: Test, { broken = false } = {}) {
  const inventory = await inventoryServer(t, RECORDS)
  const folder = t.testdir()
  const path = join(folder, 'rollcall.yml')
  const source = `{ name: sensors, http: { url: "${inventory.url}" }, labels: { site: "{site}" }, relabel_configs: [{ source_labels: [site], regex: test, action: drop }] }`
  const refused = '{ name: cameras, http: { url: "http://127.0.0.1:1/" } }'
  writeFileSync(path, `sources:\n${broken ? `  - ${refused}\n` : ''}  - ${source}\n`)
  return { inventory, folder, file: `--config.file=${path}` }
}

const escaped = 'x\\u009b31m\\u202e'

t.test('targets prints what /targets would answer, and tells the rest on standard error', async (t) => {
  const { file } = await configured(t)
  const { code, out, err } = await runHere(['targets', file])
  t.equal(code, 0, 'quarantined records are no failure')
  t.same(JSON.parse(out), [
    { targets: ['10.0.0.1:9100'], labels: { __meta_rollcall_source: 'sensors', site: 'berlin' } },
    { targets: ['b:9100'], labels: { __meta_rollcall_source: 'sensors', site: ESCAPES } },
  ])
  t.match(out, /^\[\n {2}\{\n/)
  t.match(out, /\n\]\n$/)
  t.match(out, escaped)
  const [summary, ...quarantined] = err.split('\n')
  t.match(
    summary,
    /^sensors: 2 targets in 2 groups from 6 records in \d+\.\d\d s, 3 quarantined \(invalid_port 1, invalid_host 2\), 1 dropped by rules$/,
  )
  t.same(quarantined, [
    'sensors: record 2 (10.0.0.3): invalid_port: port 70000 is not 1 to 65535',
    'sensors: record 3 (http://<secret>@cam/): invalid_host: "http://<secret>@cam/" is not a host: it has a scheme; only host:port is allowed',
    'sensors: record 4 (\\u001b[31mred): invalid_host: "\\u001b[31mred" is not a host: it is not a DNS name, IPv4 or IPv6 address',
    '',
  ])
})

t.test('targets writes a file that file_sd_configs takes', async (t) => {
  const promtool = findTool('promtool')
  if (missing(t, promtool, 'promtool')) return
  const { file, folder } = await configured(t)
  writeFileSync(join(folder, 'targets.json'), (await runHere(['targets', file])).out)
  const config = join(folder, 'prometheus.yml')
  writeFileSync(config, 'scrape_configs: [{ job_name: a, file_sd_configs: [{ files: ["targets.json"] }] }]\n')
  const { status, stdout, stderr } = spawnSync(promtool as string, ['check', 'config', config], {
    encoding: 'utf8',
  })
  t.equal(status, 0, stdout + stderr)
})

t.test('targets as a table, harmless to the terminal', async (t) => {
  const { file } = await configured(t, { broken: true })
  const { code, out, err } = await runHere(['targets', '--format=table', file])
  t.equal(code, 1, 'one source failed')
  t.equal(
    out,
    `SOURCE   ADDRESS        LABELS
sensors  10.0.0.1:9100  site="berlin"
sensors  b:9100         site="${escaped}"

QUARANTINED
sensors: record 2 (10.0.0.3): invalid_port: port 70000 is not 1 to 65535
sensors: record 3 (http://<secret>@cam/): invalid_host: "http://<secret>@cam/" is not a host: it has a scheme; only host:port is allowed
sensors: record 4 (\\u001b[31mred): invalid_host: "\\u001b[31mred" is not a host: it is not a DNS name, IPv4 or IPv6 address
`,
  )
  t.match(
    err,
    /^cameras: failed after \d+\.\d\d s: connect: GET http:\/\/127\.0\.0\.1:1\/: .*ECONNREFUSED.*\nsensors: 2 targets/,
  )
  const fine = await runHere(['targets', '--format=table'], {
    INVENTORY_URL: (await inventoryServer(t, ['a'])).url.href,
  })
  t.match(fine, { code: 0, out: 'SOURCE     ADDRESS  LABELS\ninventory  a:9100\n' })
  t.match(fine.err, /^inventory: 1 target in 1 group from 1 record in \d\.\d\d s\n$/)
})

t.test('one source can be chosen, and one that fails gives no list', async (t) => {
  const { file } = await configured(t, { broken: true })
  t.match(await runHere(['targets', '--source=cameras', file]), { code: 1, out: '', err: /^cameras: failed/ })
  t.match(await runHere(['targets', '--source=sensors', file]), { code: 0, err: /^sensors: 2 targets/ })
  t.match(await runHere(['targets', '--source=sensor', file]), {
    code: 2,
    err: '--source: there is no source "sensor"; did you mean sensors?\n',
  })
  t.match(await runHere(['explain', 'x', '--source=unlike', file]), {
    code: 2,
    err: '--source: there is no source "unlike"; the sources are cameras, sensors\n',
  })
  t.match(await runHere(['targets', '--source=', file]), {
    code: 2,
    err: '--source: "" is not the name of a source\n',
  })
  t.match(await runHere(['targets', '--format=xml', file]), {
    code: 2,
    err: '--format: "xml" is not a format; write json or table\n',
  })
})

t.test('more rejects than are kept are counted, and what is left out is told', async (t) => {
  const records = ['good', { host: 'a', 'x-y': 1, 'x.y': 1 }, ...Array.from({ length: 12 }, () => 5)]
  const inventory = await inventoryServer(t, records)
  const path = join(t.testdir(), 'rollcall.yml')
  writeFileSync(path, `sources: [{ name: a, http: { url: "${inventory.url}" }, meta_labels: true }]\n`)
  const { err } = await runHere(['targets', `--config.file=${path}`], { METRICS_PORT: '1' })
  t.match(err, /^WARNING: METRICS_PORT has no effect with a configuration file\na: 2 targets/)
  t.match(err, /12 quarantined \(not_a_host 12\), labels left out \(collision 1\)\n/)
  t.match(err, /a: record 11: not_a_host: 5 is neither.*\na: … and 2 more\n$/)
})

t.test('METRICS_PORT is for records that name no port, not for target groups, as --help says', async (t) => {
  const { url } = await inventoryServer(t, ['a', { targets: ['b', 'c:1'], labels: {} }])
  const { out } = await runHere(['targets', '--format=table'], {
    INVENTORY_URL: url.href,
    METRICS_PORT: '9200',
  })
  t.match(out, /^SOURCE .*\ninventory {2}a:9200\ninventory {2}b\ninventory {2}c:1\n/)
  t.match(
    helpText(),
    /METRICS_PORT=<port> .*It is not added to target groups \(records with a list of targets\)/,
  )
})

t.test('check --probe tells what each source gives', async (t) => {
  const { file, inventory } = await configured(t, { broken: true })
  const { code, out } = await runHere(['check', '--probe', file])
  t.equal(code, 1)
  t.match(
    out,
    /\ncameras: failed after \d+\.\d\d s: connect: .*\nsensors: 2 targets in 2 groups from 6 records/,
  )
  t.match(out, /sensors: record 2 \(10.0.0.3\): invalid_port: port 70000 is not 1 to 65535\n/)
  t.match(await runHere(['check', '--probe'], { INVENTORY_URL: inventory.url.href }), { code: 0, err: '' })
})

t.test('label_names: utf8 keeps the names that only Prometheus 3 accepts', async (t) => {
  const { url } = await inventoryServer(t, [
    { targets: ['a:1'], labels: { 'service.name': 'x', '': 'no', 'drop-me': 'x' } },
  ])
  const path = join(t.testdir(), 'rollcall.yml')
  const labels = async (names: string) => {
    const rules = `[{ source_labels: [service_name], regex: (.+), target_label: "\${1}_y", replacement: z },
      { regex: drop-me, action: labeldrop }, { regex: service.(name), replacement: $1, action: labelmap }]`
    writeFileSync(
      path,
      `global: { label_names: ${names} }\nsources: [{ name: s, http_sd: { url: "${url}" }, relabel_configs: ${rules} }]\n`,
    )
    const { code, out, err } = await runHere(['targets', `--config.file=${path}`])
    t.equal(code, 0, err)
    return JSON.parse(out)[0].labels
  }
  const source = { __meta_rollcall_source: 's' }
  const made = { name: 'x' }
  t.same(await labels('utf8'), { ...source, ...made, _: 'no', 'service.name': 'x' })
  t.same(await labels('legacy'), {
    ...source,
    ...made,
    _: 'no',
    drop_me: 'x',
    service_name: 'x',
    x_y: 'z',
  })
  const rules = '[{ source_labels: ["a.b"], target_label: c-d, replacement: e }]'
  writeFileSync(
    path,
    `global: { label_names: utf8 }\nsources: [{ name: s, http: { url: "${url}" }, labels: { a.b: "1" }, relabel_configs: ${rules} }]\n`,
  )
  t.match(JSON.parse((await runHere(['targets', `--config.file=${path}`])).out)[0].labels, {
    'a.b': '1',
    'c-d': 'e',
  })
})

t.test('check --probe --against compares with what a running server serves', async (t) => {
  const inventory = await inventoryServer(t, ['a', 'b', 'c'])
  const env = { INVENTORY_URL: inventory.url.href }
  const server = await start(t, ['--web.enable-lifecycle'], env)
  const against = async (url: string, args: string[] = [], given: Record<string, string> = env) => {
    const { code, out } = await runHere(['check', '--probe', `--against=${url}`, ...args], given)
    const compared = out.split('\n').filter((line) => /against|compared|known there/.test(line))
    return { code, compared: compared.join('\n').replaceAll(server.url, 'URL') }
  }
  await fetch(`${server.url}/-/refresh`, { method: 'POST' })
  t.same(await against(`${server.url}/`), {
    code: 0,
    compared:
      'inventory: against URL/targets/inventory: no target would join, no target would leave when the guard allows it',
  })
  inventory.json(['a', 'd', ...Array.from({ length: 12 }, (_, index) => `n${index + 10}`)])
  const { compared } = await against(server.url)
  t.match(
    compared,
    /: 13 targets \(d:9100, n10:9100, .*, n18:9100, …\) would join, 2 targets \(b:9100, c:9100\)/,
  )
  const file = join(t.testdir(), 'rollcall.yml')
  writeFileSync(file, `sources: [{ name: other, http: { url: "${inventory.url}" } }]`)
  t.match(await against(server.url, [`--config.file=${file}`], {}), {
    code: 0,
    compared: 'other: all of its targets would join: URL/targets/other is not known there',
  })
  for (const [url, reason] of [
    [inventory.url.href, 'it is not a Rollcall server'],
    [
      'http://127.0.0.1:1',
      'connect ECONNREFUSED 127.0.0.1:1; nothing listens there; check the host and the port, and that the server runs',
    ],
  ] as const) {
    const failed = await against(url)
    t.equal(failed.code, 1, url)
    t.match(failed.compared, `inventory: not compared with ${url}`)
    t.match(failed.compared, `${reason}\nFAILED: not every list could be compared`)
  }
  const stranger = await inventoryServer(t)
  for (const body of ['{}', '<h1>not found</h1>', '{"message":"no \\"code\\":\\"source_not_found\\""}']) {
    stranger.handle((_request, response) => void response.writeHead(404).end(body))
    t.match((await against(stranger.url.href)).compared, 'it answered with status 404', body)
  }
  const broken = await inventoryServer(t)
  broken.handle((_request, response) => void response.writeHead(503).end())
  t.match((await against(broken.url.href)).compared, 'it answered with status 503')
  await inventory.stop()
  t.match(await against(server.url), { code: 1, compared: '' }, 'there is no list to compare')
  t.match(await runHere(['check', '--against=http://a'], env), { code: 2, err: /^--against: needs --probe/ })
  for (const wrong of ['a', 'http://user:hunter2@a', 'http://a?token=hunter2']) {
    const { code, err } = await runHere(['check', '--probe', `--against=${wrong}`], env)
    t.equal(code, 2)
    t.match(err, /^--against: ".*" is not the http or https URL/)
    t.notMatch(err, 'hunter2')
  }
})

t.test(
  'check --probe warns of rules that drop everything, and fails for fields that no record has',
  async (t) => {
    const inventory = await inventoryServer(t, [{ hostname: 'a', site: 's', rack: '' }, { hostname: 'b' }])
    const { url } = inventory
    const many = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`k${index}`, index]))
    const path = join(t.testdir(), 'rollcall.yml')
    const found = async (keys: string) => {
      writeFileSync(path, `sources: [{ name: a, http: { url: "${url}" }, ${keys} }]\n`)
      const { code, out } = await runHere(['check', '--probe', `--config.file=${path}`])
      const lines = out.split('\n').filter((line) => /^(WARNING|ERROR|FAILED): /.test(line))
      t.equal(code, lines.some((line) => line.startsWith('FAILED: ')) ? 1 : 0)
      // The line in the file is told; the column depends on the other keys.
      for (const line of lines) {
        if (!line.startsWith('FAILED')) t.match(line, /: [^ ]*rollcall\.yml:1:\d+: sources\[0\]\.\w/)
      }
      return lines.map((line) => line.replace(/(?<=: )\S+: sources\[0\]\./, ''))
    }
    const ABSENT = 'FAILED: the configuration names fields that no record has'
    const labels =
      'site: "{site}", rack: "r{rack}", room: "{house}/{room}", x: "{x|}", y: "{y|z}", none: "", fixed: a'
    t.same(await found(`labels: { ${labels} }`), [
      'WARNING: labels.rack: every record that has {rack} has it null or empty',
      'ERROR: labels.room: no record has {house}; correct the path, or write {house|} if it may be absent; the records have hostname, site, rack',
      'ERROR: labels.room: no record has {room}; correct the path, or write {room|} if it may be absent; the records have hostname, site, rack',
      ABSENT,
    ])
    t.same(await found('targets: [{ address: "{hostname}:1", labels: { b: "{b}", site: "{site}" } }]'), [
      'ERROR: targets[0].labels.b: no record has {b}; correct the path, or write {b|} if it may be absent; the records have hostname, site, rack',
      ABSENT,
    ])
    t.same(
      await found('targets: ["{hostname}:1", { address: "{ipmi.host}:1", optional: true }], key: asset'),
      [
        'ERROR: key: no record has {asset}; correct the path; the records have hostname, site, rack',
        'ERROR: targets[1]: no record has {ipmi.host}; correct the path; the records have hostname, site, rack',
        ABSENT,
      ],
    )
    t.same(await found('targets: ["{hostnam}:1"]'), [
      'ERROR: targets[0]: no record has {hostnam}; did you mean {hostname}? If not, correct the path; the records have hostname, site, rack',
      'FAILED: not every source could be read',
      ABSENT,
    ])
    t.same(await found('for_each: \'spec["p.q"][-1]\', targets: ["{item}:1"], labels: { b: "{b}" }'), [
      'ERROR: for_each: no record has spec["p.q"][-1]; correct the path; the records have hostname, site, rack',
      ABSENT,
    ])
    t.same(await found('for_each: site, targets: ["{item}:1"]'), [], 'one record has no list, and no target')
    t.same(await found('relabel_configs: [{ source_labels: [site], regex: s, action: drop }]'), [])
    t.same(await found('filter: rack, labels: { b: "{b}" }'), [
      'WARNING: filter: "rack" selects none of the records; check the spelling of its keys and values',
    ])
    t.same(
      await found('labels: { b: "{b|}" }, relabel_configs: [{ source_labels: [b], regex: c, action: keep }]'),
      [
        'WARNING: relabel_configs: the rules drop every target; rollcall explain with the name of a device shows which rule drops it',
      ],
    )
    t.match(await found('records: "[?no]", labels: { b: "{b}" }'), [
      /^WARNING: records: "\[\?no\]" selects nothing/,
    ])
    inventory.json([
      { 'a.b': 1, store: { id: 2, open: null }, tags: [], ports: [{ nr: 3 }], ...many, 4: '\u001b' },
    ])
    const rows: [keys: string, told: RegExp][] = [
      [
        'labels: { a: "{store.idd}" }',
        /labels\.a: no record has {store.idd}; did you mean {store.id}\? If not, correct/,
      ],
      ['labels: { a: "{ports[0].n}" }', /did you mean {ports\[0\]\.nr}\?/],
      [
        'for_each: port, targets: ["{item}:1"]',
        /for_each: no record has port; did you mean ports\? If not, correct/,
      ],
      [
        'for_each: ports, targets: ["{item.nrr}:1"]',
        /targets\[0\]: no record has {item.nrr}; did you mean {item.nr}\? /,
      ],
      [
        'key: serial',
        /key: .* the records have 4, \["a.b"\], store.id, store.open, tags, ports, ports\[0\].nr, k0, .*…$/,
      ],
    ]
    for (const [keys, told] of rows)
      t.match(
        (await found(keys)).find((line) => /^ERROR/.test(line)),
        told,
        keys,
      )
    inventory.json([{ '\u001bname': 'a' }])
    t.match((await found('key: name'))[0], /; the records have \["\\u001bname"\]$/)
    inventory.json(['a'])
    t.match((await found('key: name'))[0], /no record has {name}; correct the path$/, 'a text has no fields')
  },
)

t.test(
  '75: check --probe warns of an expression that selects nothing where there is something',
  async (t) => {
    const inventory = await inventoryServer(t, [])
    const named = { INVENTORY_URL: inventory.url.href }
    t.match(
      (await runHere(['check', '--probe'], named)).out,
      'WARNING: source inventory: the inventory is empty',
    )
    const path = join(t.testdir(), 'rollcall.yml')
    const rows: [records: string, answer: unknown, items: number | undefined][] = [
      ["devices[?status == 'Active']", { devices: [{ status: 'active' }, { status: 'gone' }] }, 2],
      ['devices', { devices: [], hosts: [{ name: 'a' }] }, 1],
      ['[?no]', ['a', 'b', 'c'], 3],
      ['devices', { devices: [] }, undefined],
      ['[?no]', [], undefined],
      ['devices[?name]', { devices: [{ name: 'a' }, { label: 'b' }] }, undefined],
    ]
    for (const [records, answer, items] of rows) {
      inventory.json(answer)
      writeFileSync(path, JSON.stringify({ sources: [{ name: 'a', http: { url: inventory.url }, records }] }))
      const { code, out } = await runHere(['check', '--probe', `--config.file=${path}`])
      t.equal(code, 0)
      const warning = `sources[0].records: ${JSON.stringify(records)} selects nothing, although the response has lists with ${items} items`
      const isEmpty = out.includes(' from 0 records')
      if (items !== undefined) t.match(out, warning, records)
      else if (isEmpty)
        t.match(out, /WARNING: .*:1:\d+: sources\[0\]: the inventory is empty, so there are no/)
      else t.notMatch(out, 'WARNING', records)
    }
  },
)

t.test('without an inventory there is nothing to ask, and the way out is told', async (t) => {
  for (const args of [['targets'], ['explain', 'a'], ['check'], ['check', '--probe']] as const) {
    const { code, err } = await runHere(args)
    t.equal(code, 2, args[0])
    t.match(
      err,
      /^there is no inventory to (read|check): set --config.file or INVENTORY_URL; [^\n]*the demo[^\n]*\n$/,
    )
  }
})

t.test('explain says what would become of something', async (t) => {
  const { file } = await configured(t)
  const served = await runHere(['explain', '10.0.0.1', file])
  t.match(served, { code: 0, err: '' })
  t.equal(
    served.out,
    `would be served as 10.0.0.1:9100

sensors: record 0 (from 0) of the answer
  record    {"hostname":"10.0.0.1","site":"berlin","snmp_community":"<secret>"}
  target    10.0.0.1:9100
    labels  __meta_rollcall_source="sensors", site="berlin"
    rule 1  drop: unchanged
    final   10.0.0.1:9100
    labels  __meta_rollcall_source="sensors", site="berlin"
  verdict   would be served as 10.0.0.1:9100
`,
  )
  const rows: [query: string, out: string | RegExp][] = [
    [
      'test-1',
      /^dropped by rule 1 \(action drop, regex "test" on site="test"\)\n\n.*\n.*\n.*\n.*\n {4}rule 1 {2}drop: dropped\n {2}verdict/,
    ],
    [
      '10.0.0.3',
      /^quarantined: invalid_port: port 70000 is not 1 to 65535\n\n.*\n.*\n {2}target {7}10.0.0.3:70000\n/,
    ],
    ['hostname=b', new RegExp(`site="${escaped.replaceAll('\\', '\\\\')}"`)],
    ['cam', /^quarantined: invalid_host: "http:\/\/<secret>@cam\/" is not a host/],
    [
      'c4n4ry',
      /^not in the inventory: no record of sensors contains "c4n4ry" \(6 searched\); try a part of the value, or list all targets: rollcall targets --format=table\n$/,
    ],
    ['hostnam=x', /; no searchable field is named hostnam; did you mean hostname\?\n$/],
  ]
  for (const [query, out] of rows) {
    const result = await runHere(['explain', query, file])
    t.match(result.out, out, query)
    t.notMatch(result.out + result.err, query === 'c4n4ry' ? /never/ : /c4n4ry/)
    t.notMatch(result.out.replaceAll('\n', ''), /\p{Cc}|\u202e/u)
  }
})

t.test('explain names the other source, or record, that makes the same target', async (t) => {
  const folder = t.testdir({ 'a.json': '[{"host":"x","id":1},{"host":"x","id":2}]', 'b.json': '["x"]' })
  const path = join(folder, 'rollcall.yml')
  writeFileSync(
    path,
    'sources: [{ name: a, file: { files: [a.json] } }, { name: b, file: { files: [b.json] } }]\n',
  )
  const { out } = await runHere(['explain', 'id=1', `--config.file=${path}`])
  const others = [
    'record 1 (from 0) of a.json makes the same target too',
    'the source b (record 0 (from 0) of b.json) makes the same target too',
  ]
  t.match(out, `would be served as x:9100; ${others.join('; ')}\n`)
})

t.test('explain as JSON, and when a source fails', async (t) => {
  const { file } = await configured(t, { broken: true })
  const { code, out, err } = await runHere(['explain', 'berlin', '--format=json', file])
  t.equal(code, 1)
  t.match(err, /^cameras: failed after/)
  t.match(JSON.parse(out), {
    query: 'berlin',
    matches: 1,
    explanations: [{ source: 'sensors', verdict: 'would be served as 10.0.0.1:9100' }],
    verdict: 'would be served as 10.0.0.1:9100; cameras could not be read: connect',
  })
  t.match(
    (await runHere(['explain', 'nothing', file])).out,
    'not found: no record of sensors contains "nothing" (6 searched); cameras could not be read: connect\n',
  )
  t.match(await runHere(['explain', 'berlin', '--source=sensors', file]), { code: 0, err: '' })
})

t.test('explain asks a Prometheus server once what it makes of the targets', async (t) => {
  const { file, folder } = await configured(t)
  const { url, state, answer } = await prometheusApi(t)
  state.active = [{ address: '10.0.0.1:9100', lastScrape: new Date().toISOString() }]
  const flag = `--prometheus.url=${url.href}`
  const name = url.host
  const asked = await runHere(['explain', '10.0.0.1', file, flag])
  t.match(asked, { code: 0, err: '' })
  const verdict = `would be served as 10.0.0.1:9100; up in Prometheus ${name} (pool node, scraped `
  t.ok(asked.out.startsWith(verdict))
  t.ok(asked.out.includes(`\n  verdict   ${verdict}`))
  const json = JSON.parse((await runHere(['explain', 'hostname=b', file, flag, '--format=json'])).out)
  t.match(json.explanations[0].targets[0].scrapes, [
    {
      server: name,
      state: 'unknown',
      pool: null,
      why: /it asks for \/targets, but does not know the target/,
    },
  ])

  // Credentials are those of the configuration, for this URL only.
  state.handle = (request, response) => {
    if (request.headers.authorization === undefined) response.writeHead(401).end()
    else answer(request, response)
  }
  const refused = await runHere(['explain', '10.0.0.1', file, flag])
  t.equal(refused.code, 1)
  t.match(refused.err, /^--prometheus\.url: GET http:.* HTTP 401; check the credentials/)
  t.match(refused.out, /^would be served as 10\.0\.0\.1:9100\n/)
  const path = join(folder, 'rollcall.yml')
  const entry = { name: 'eu', url: url.origin, authorization: { credentials: 'c4n4ry' } }
  appendFileSync(path, `prometheus: [${JSON.stringify(entry)}]\n`)
  const trusted = await runHere(['explain', '10.0.0.1', file, flag])
  t.match(trusted, { code: 0, err: '' })
  t.match(trusted.out, 'up in Prometheus eu (pool node')
  for (const wrong of ['ftp://a', 'http://u:p@a', 'http://a/?b'])
    t.match(await runHere(['explain', 'a', file, `--prometheus.url=${wrong}`]), {
      code: 2,
      err: /^--prometheus\.url: .* is not the http or https URL of a Prometheus server/,
    })
})

t.test('a list without a single target is a failure, and can be explained all the same', async (t) => {
  const inventory = await inventoryServer(t, { version: 'v7', items: [{ host: 'a', port: 0 }] })
  const env = { INVENTORY_URL: inventory.url.href }
  t.match(await runHere(['explain', 'a'], env), {
    code: 1,
    out: /^quarantined: invalid_port: port 0 is not/,
    err: /all_rejected/,
  })
  t.match(
    (await runHere(['explain', 'v7'], env)).out,
    /^not selected: it is not in the list of records\n\ninventory: in the answer\n {2}record/,
  )
  inventory.json([{ host: 'a', 'x-y': 1, 'x.y': 'z' }])
  const path = join(t.testdir(), 'rollcall.yml')
  writeFileSync(
    path,
    `sources: [{ name: a, http: { url: "${inventory.url}" }, meta_labels: true, relabel_configs: [{ target_label: new, replacement: x }, { regex: __meta.*, action: labeldrop }] }]\n`,
  )
  const { out } = await runHere(['explain', 'z', `--config.file=${path}`])
  t.match(out, /rule 1 {8}replace: new \(none\) → "x"\n/)
  t.match(out, /labeldrop: __meta_inventory_host "a" → \(none\), /)
  t.match(out, /label left out {2}collision\n/)
})

t.test('what only the served list has is told as such', async (t) => {
  const served = { address: 'a:1', labels: { site: 'x' } }
  const verdict = 'served as a:1'
  const target = { ...served, steps: [], final: served, rejection: null, served: true, verdict }
  const explanation = {
    source: 's',
    position: null,
    record: null,
    targets: [target],
    dropped_labels: [],
    verdict,
  }
  const text = explanationText({ query: 'a', matches: 1, explanations: [explanation], verdict })
  t.match(text, /^served as a:1\n\ns: in the served list\n {2}record {4}null\n/)
})

t.test('a push source has nothing to read, which is no failure and no empty list', async (t) => {
  const folder = t.testdir({ token: 'c4n4ry', 'rollcall.yml': pushConfig('token') })
  const file = `--config.file=${join(folder, 'rollcall.yml')}`
  const push = 'a push source has only what devices register with the running server; query it'
  const nothing = `devices: ${push}: curl 'http://localhost:8080/targets/devices'\n`
  t.same(await runHere(['targets', file]), { code: 0, out: '', err: nothing })
  const probe = await runHere(['check', '--probe', file])
  t.equal(probe.code, 0)
  t.equal(
    probe.out,
    `configuration: valid: 1 source (devices)\n${nothing}SUCCESS: the configuration is valid, and reading the sources found no fault\n`,
  )
  const there = '--web.external-url=https://rollcall.example.com/x/'
  const explained = await runHere(['explain', "site=it's a", file, there])
  t.equal(explained.code, 0)
  t.equal(
    explained.out,
    `not found; devices was not searched: ${push}: curl 'https://rollcall.example.com/x/api/v1/explain?q=site%3Dit%27s%20a'\n`,
  )
  const listening = await runHere(['targets', file, '--web.listen-address=[::1]:9999'])
  t.match(listening.err, "curl 'http://[::1]:9999/targets/devices'")
  writeFileSync(join(folder, 'rollcall.yml'), pushConfig('missing'))
  const failed = await runHere(['check', '--probe', file])
  t.equal(failed.code, 1, 'its token is tried')
  t.match(failed.out, /^devices: failed after .*: file: the secret file .*missing cannot be read/m)
})

const pushConfig = (token: string) => `sources:\n  - name: devices\n    push: { token_file: ${token} }\n`
