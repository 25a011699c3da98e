import t from 'tap'
import { compileMapping, DEFAULT_METRICS_PORT, type MappingOptions } from '../../src/mapping/mapping.ts'
import { type LabelDropReason, REJECTION_REASONS } from '../../src/mapping/rejection.ts'
import { compilePath, compileTemplate } from '../../src/mapping/template.ts'
import type { Json } from '../../src/model/record.ts'

function mapping(change: Partial<MappingOptions> = {}) {
  return compileMapping({
    source: 'sensors',
    targets: [],
    labels: [],
    metaLabels: false,
    defaultPort: DEFAULT_METRICS_PORT,
    ...change,
  })
}

/** The addresses that are served when no rule changes them. */
const addressesOf = (record: Json, change?: Partial<MappingOptions>) =>
  mapping(change)(record)
    .targets.filter(({ fault }) => fault === undefined)
    .map((target) => target.address)

/** Everything that is wrong when no rule changes it. */
const faultsOf = (record: Json, change?: Partial<MappingOptions>) => {
  const { targets, rejections } = mapping(change)(record)
  return [...rejections, ...targets.flatMap(({ fault }) => fault ?? [])]
}

const reasonsOf = (record: Json, change?: Partial<MappingOptions>) =>
  faultsOf(record, change).map(({ reason }) => reason)

t.test('the usual shapes of a record are recognised', async (t) => {
  const rows: [record: Json, address: string][] = [
    ['sensor_0', 'sensor_0:9100'],
    ['sensor_0:9200', 'sensor_0:9200'],
    ['10.0.0.1', '10.0.0.1:9100'],
    ['2001:db8::1', '[2001:db8::1]:9100'],
    ['[2001:db8::1]:9200', '[2001:db8::1]:9200'],
    [{ hostname: 'a' }, 'a:9100'],
    [{ hostname: 'a', port: 9200 }, 'a:9200'],
    [{ hostname: 'a', port: '9200' }, 'a:9200'],
    [{ hostname: 'a', port: null }, 'a:9100'],
    [{ hostname: 'a:9300', port: 9200 }, 'a:9300'],
    [{ name: 'n', ip: 'i', host: 'h', hostname: 'hn', address: 'a' }, 'a:9100'],
    [{ name: 'n', ip: 'i', host: 'h', hostname: 'hn' }, 'hn:9100'],
    [{ name: 'n', ip: 'i', host: 'h' }, 'h:9100'],
    [{ name: 'n', ip: '10.0.0.9' }, '10.0.0.9:9100'],
    [{ name: 'n' }, 'n:9100'],
    [{ address: null, hostname: '', name: 'n' }, 'n:9100'],
  ]
  for (const [record, address] of rows) t.same(addressesOf(record), [address], JSON.stringify(record))
  t.same(addressesOf('a', { defaultPort: 1234 }), ['a:1234'])
})

t.test('what is no target is quarantined with its reason', async (t) => {
  const rows: [record: Json, reason: keyof typeof REJECTION_REASONS][] = [
    [42, 'not_a_host'],
    [null, 'not_a_host'],
    [true, 'not_a_host'],
    [['a'], 'not_a_host'],
    [{}, 'no_host'],
    [{ serial: 'x' }, 'no_host'],
    [{ hostname: '' }, 'no_host'],
    [JSON.parse('{"__proto__": {"hostname": "evil"}}'), 'no_host'],
    [{ hostname: 5 }, 'invalid_host'],
    [{ hostname: { name: 'a' } }, 'invalid_host'],
    ['http://a', 'invalid_host'],
    [{ hostname: 'http://a:9100/metrics' }, 'invalid_host'],
    ['a b', 'invalid_host'],
    ['a/b', 'invalid_host'],
    ['', 'invalid_host'],
    ['a\u0007', 'invalid_host'],
    ['\ud800', 'invalid_host'],
    ['a'.repeat(300), 'invalid_host'],
    ['x'.repeat(10_000_000), 'invalid_host'],
    ['a:0', 'invalid_port'],
    [{ hostname: 'a', port: 0 }, 'invalid_port'],
    [{ hostname: 'a', port: 70_000 }, 'invalid_port'],
    [{ hostname: 'a', port: 'abc' }, 'invalid_port'],
    [{ hostname: 'a', port: 9100.5 }, 'invalid_port'],
    [{ hostname: 'a', port: true }, 'invalid_port'],
    [{ hostname: 'a', port: [9100] }, 'invalid_port'],
  ]
  for (const [record, reason] of rows) {
    const name = JSON.stringify(record).slice(0, 60)
    t.same(reasonsOf(record), [reason], name)
    t.same(addressesOf(record), [], name)
  }
  t.ok(Object.values(REJECTION_REASONS).every((meaning) => meaning.length > 10))
})

t.test('a rejection shows the value and says what is wrong with it', async (t) => {
  const detail = (record: Json) => faultsOf(record)[0]?.detail
  t.equal(detail('http://a'), '"http://a" is not a host: it has a scheme; only host:port is allowed')
  t.match(detail('a/b'), /has a slash/)
  t.match(detail('a b'), /has a space/)
  t.match(detail('a'.repeat(300)), /longer than 253/)
  t.match(detail('ä'), /not a DNS name/)
  t.equal(detail({ hostname: 'a', port: 70_000 }), 'port 70000 is not 1 to 65535')
  t.match(
    detail({ serial: 'x' }),
    /none of address, hostname, host, ip, name in an object with the keys \["serial"\]/,
  )
  t.match(detail(42), /^42 is neither/)
  t.match(detail('http://user:hunter2@a/'), '"http://…@a/" is not a host')
  t.match(
    detail(JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`)),
    '(too deep to be shown) is neither',
  )
  const long = detail('x'.repeat(10_000_000)) ?? ''
  t.ok(long.length < 200, 'a huge value is cut')
})

const target = (address: string, labels: Record<string, string> = {}) => ({
  address: compileTemplate(address),
  labels: Object.entries(labels).map(([name, value]) => [name, compileTemplate(value)] as const),
})

t.test('templates make one or several targets per record', async (t) => {
  const targets = [target('{hostname}:{port|9100}'), target('{hostname}:{snmp}')]
  t.same(addressesOf({ hostname: 'a', snmp: 161 }, { targets }), ['a:9100', 'a:161'])
  t.same(addressesOf({ hostname: 'a' }, { targets }), ['a:9100'], 'the good one is kept')
  t.same(reasonsOf({ hostname: 'a' }, { targets }), ['missing_field'], 'and the bad one is told')
  t.same(reasonsOf({}, { targets }), ['missing_field', 'missing_field'])
  const one = (text: string) => ({ targets: [target(text)] })
  t.same(addressesOf({ ip: '2001:db8::1' }, one('{ip}:9100')), ['[2001:db8::1]:9100'])
  t.same(addressesOf('sensor_1', one('{@}:9100')), ['sensor_1:9100'])
  t.same(reasonsOf({ ip: {} }, one('{ip}:9100')), ['invalid_host'])
  t.same(reasonsOf({ ip: 'a', port: {} }, one('{ip}:{port}')), ['invalid_port'])
  t.match(mapping(one('{id}:9100'))({ id: 2 ** 60 }).rejections, [
    { reason: 'invalid_host', detail: 'id is a number beyond 2^53, which is not read exactly' },
  ])
})

t.test('a field that stands where a port does has to be one: it has gone wrong, and not moved', async (t) => {
  const one = { targets: [target('{host}:{port|9100}')] }
  for (const port of ['n/a', 0, 70_000, '9100 ', '9f3c', true]) {
    const { targets, unreadable } = mapping(one)({ host: 'a', port })
    t.match(targets, [{ address: `a:${port}`, fault: { reason: 'invalid_port' } }], String(port))
    t.same(unreadable, [], 'the rules may make an address of it')
  }
  for (const port of [9100, '9100', null, '', undefined])
    t.match(mapping(one)({ host: 'a', ...(port !== undefined && { port }) }).targets, [
      { address: 'a:9100', fault: undefined },
    ])
})

t.test('a path that leads through something of another kind is no field that is absent', async (t) => {
  const labels = [['__param_t', compileTemplate('{t.u}')]] as const
  const blocked = mapping({ labels })({ host: 'a', t: 'z' })
  t.same([blocked.droppedLabels, blocked.unreadable], [['not_text'], [0]])
  for (const t1 of [{}, null, undefined, { u: null }]) {
    const absent = mapping({ labels })({ host: 'a', ...(t1 !== undefined && { t: t1 }) })
    t.same([absent.droppedLabels, absent.unreadable], [[], []])
  }
  const optional = { targets: [{ ...target('{m.url}:1'), optional: true as const }] }
  t.match(mapping(optional)({ m: 'http://x' }), { unreadable: [0], lacking: 0 })
  t.match(mapping(optional)({ m: null }), { unreadable: [], lacking: 1 })
  t.match(mapping(optional)({ m: {} }), { unreadable: [], lacking: 1 })
  const items = { targets: [target('{item}:1')], forEach: compilePath('m.list') }
  t.match(mapping(items)({ m: '[1]' }), { rejections: [{ reason: 'invalid_list' }], unreadable: [0] })
  t.match(mapping({ ...items, forEach: compilePath('m[0].list') })({ m: { a: 1 } }), {
    rejections: [{ reason: 'invalid_list', detail: /m\[0\]\.list/ }],
  })
  t.match(mapping(items)({ m: {} }), { rejections: [], lacking: 1 })
})

t.test('labels of a target group that are none may have said where it is scraped', async (t) => {
  for (const written of ['oops', ['a'], 7])
    t.match(mapping({})({ targets: ['x:1'], labels: written as never }), { unreadable: [0] })
  t.match(mapping({})({ targets: ['x:1'], labels: null }), { unreadable: [] })
})

t.test('an address from a template is what the template says, with a port or without', async (t) => {
  const rows: [template: string, value: string | number, address: string][] = [
    ['{v}', 'a:9200', 'a:9200'],
    ['{v}', '10.200.0.67', '10.200.0.67'],
    ['{v}', '10.0.0.1/24', '10.0.0.1/24'],
    ['{v}', '2001:db8::1', '2001:db8::1'],
    ['{v}:9100', '[2001:db8::1]', '[2001:db8::1]:9100'],
    ['{v}:9100', 'fe80::1%eth0', 'fe80::1%eth0:9100'],
    ['{v}', 'https://shop.example/health', 'https://shop.example/health'],
    ['https://{v}/health', 'shop.example', 'https://shop.example/health'],
    ['redis://{v}:6379', 'cache1', 'redis://cache1:6379'],
    ['{v}:9f3c', 'dummy', 'dummy:9f3c'],
    ['{v}:70000', 'a', 'a:70000'],
    ['{v}:9100', 'n/a', 'n/a:9100'],
  ]
  for (const [template, v, address] of rows)
    t.match(
      mapping({ targets: [target(template)] })({ v }).targets,
      [{ address, fault: undefined }],
      template,
    )
  t.match(mapping({ targets: [target('{v}:1')] })({ v: 'a\u0000' }).targets, [
    {
      address: 'a\u0000:1',
      fault: { reason: 'invalid_host', detail: 'the address "a\\u0000:1" has a control character' },
    },
  ])
})

t.test('a recognised text that is no address waits for the rules as it is, without a port', async (t) => {
  const rows: [record: Json, address: string, reason: string][] = [
    [{ ip: '10.0.0.1/24' }, '10.0.0.1/24', 'invalid_host'],
    [{ ip: 'http://a:1/b' }, 'http://a:1/b', 'invalid_host'],
    [{ ip: 'a', port: 70_000 }, 'a:70000', 'invalid_port'],
    ['a:0', 'a:0', 'invalid_port'],
  ]
  for (const [record, address, reason] of rows)
    t.match(mapping()(record), { targets: [{ address, fault: { reason } }], rejections: [], unreadable: [] })
})

t.test('a target can have labels of its own, which win over those of the source', async (t) => {
  const targets = [
    target('{host}:9100'),
    target('{host}:9256', { exporter: 'process', team: '{owner}' }),
    target('{host}:9113', { team: '{none}', note: '{note}' }),
  ]
  const labels = [['team', compileTemplate('edge')]] as const
  const map = compileMapping({ source: 's', targets, labels, metaLabels: false, defaultPort: 1 })
  const record = { host: 'a', owner: 'web' }
  t.same(map(record).targets, [
    {
      slot: 0,
      asWritten: true,
      address: 'a:9100',
      labels: [
        ['__meta_rollcall_source', 's'],
        ['team', 'edge'],
      ],
    },
    {
      slot: 1,
      asWritten: true,
      address: 'a:9256',
      labels: [
        ['__meta_rollcall_source', 's'],
        ['exporter', 'process'],
        ['team', 'web'],
      ],
    },
    { slot: 2, asWritten: true, address: 'a:9113', labels: [['__meta_rollcall_source', 's']] },
  ])
  const spoilt = map({ ...record, note: {} })
  t.same(
    spoilt.targets.map(({ address }) => address),
    ['a:9100', 'a:9256', 'a:9113'],
    'a bad label spoils no target',
  )
  t.match(spoilt, { rejections: [], droppedLabels: ['not_text'], unreadable: [] })
  const bad = map({ owner: 'web' })
  t.same(bad.unreadable, [0, 1, 2])
})

t.test('every target carries the source and the configured labels', async (t) => {
  const labels = [
    ['site', compileTemplate('{store.id}')],
    ['team', compileTemplate('edge')],
  ] as const
  t.same(mapping({ labels })({ hostname: 'a', store: { id: 12 } }).targets, [
    {
      slot: 0,
      address: 'a:9100',
      labels: [
        ['__meta_rollcall_source', 'sensors'],
        ['site', '12'],
        ['team', 'edge'],
      ],
    },
  ])
  t.same(mapping({ labels })({ hostname: 'a' }).targets[0]?.labels, [
    ['__meta_rollcall_source', 'sensors'],
    ['team', 'edge'],
  ])
})

t.test('61: a configured label that cannot be sent is left out, and its target stays', async (t) => {
  const map = mapping({ labels: [['site', compileTemplate('{site}')]] })
  const rows: [site: Json, droppedLabels: LabelDropReason[]][] = [
    ['a\u0000', ['invalid_value']],
    ['\udc00', ['invalid_value']],
    ['x'.repeat(100_000), ['invalid_value']],
    [2 ** 60, ['invalid_value']],
    [{ id: 1 }, ['not_text']],
    [[{}], ['not_text']],
    [null, []],
    ['', []],
  ]
  for (const [site, droppedLabels] of rows) {
    const name = JSON.stringify(site).slice(0, 60)
    const mapped = map({ hostname: 'a', site })
    const target = { slot: 0, address: 'a:9100', labels: [['__meta_rollcall_source', 'sensors']] }
    t.same(mapped, { targets: [target], rejections: [], droppedLabels, unreadable: [], lacking: 0 }, name)
  }
})

t.test(
  '61: without a label that says where it is scraped, a target may be another than before',
  async (t) => {
    for (const name of ['__scheme__', '__metrics_path__', '__param_module']) {
      const labels = [[name, compileTemplate('{value}')]] as const
      const record = { hostname: 'a', value: {} }
      t.match(mapping({ labels })(record), { targets: [{ address: 'a:9100' }], unreadable: [0] }, name)
      const own = [target('{hostname}:1'), { ...target('{hostname}:2'), labels }]
      t.match(
        mapping({ targets: own })(record),
        { targets: { length: 2 }, unreadable: [1] },
        `${name} of one`,
      )
      t.same(mapping({ targets: own })({ ...record, value: 'x' }).unreadable, [])
    }
  },
)

t.test('a quarantined target is known by the place of its template', async (t) => {
  const targets = [target('{a}:1'), target('{b}:2'), target('{c}:3')]
  const map = mapping({ targets })
  t.match(map({ a: 'a', c: 'c' }), { targets: [{ slot: 0 }, { slot: 2 }], unreadable: [1] })
  t.match(map({ b: 'b' }), { targets: [{ slot: 1 }], unreadable: [0, 2] })
})

t.test('a configured label wins over a meta label of the same name, and can remove it', async (t) => {
  const metaLabels = true
  const labels = [['__meta_inventory_site', compileTemplate('{other}')]] as const
  const labelsOf = (record: Json) => mapping({ labels, metaLabels })(record).targets[0]?.labels
  t.same(
    labelsOf({ host: 'a', site: 'x', other: 'y' })?.find(([name]) => name === '__meta_inventory_site')?.[1],
    'y',
  )
  t.same(
    labelsOf({ host: 'a', site: 'x' })?.find(([name]) => name === '__meta_inventory_site'),
    undefined,
  )
})

t.test(
  'records that have labels of their own give them to their targets, and those of the source win',
  async (t) => {
    const labels = [
      ['instance', compileTemplate('{id}')],
      ['env', compileTemplate('prod')],
    ] as const
    const map = mapping({ ownLabels: true, metaLabels: true, labels })
    const record = {
      id: 'a',
      address: '10.0.0.7:1',
      host: '10.0.0.7',
      labels: { site: 's1', env: 'dev', 'a-b': 'x' },
    }
    t.same(map(record).targets, [
      {
        slot: 0,
        address: '10.0.0.7:1',
        labels: [
          ['__meta_inventory_address', '10.0.0.7:1'],
          ['__meta_inventory_host', '10.0.0.7'],
          ['__meta_inventory_id', 'a'],
          ['__meta_rollcall_source', 'sensors'],
          ['a_b', 'x'],
          ['env', 'prod'],
          ['instance', 'a'],
          ['site', 's1'],
        ],
      },
    ])
    t.match(mapping({ ownLabels: true })({ address: 'a' }).targets, [
      { labels: [['__meta_rollcall_source', 'sensors']] },
    ])
    for (const labels of [{ site: {} }, 'x'])
      t.match(mapping({ ownLabels: true })({ address: 'a', labels }), {
        targets: [{ address: 'a:9100' }],
        droppedLabels: ['not_text'],
      })
    const spoofed = mapping({ ownLabels: true })({
      address: 'a',
      labels: { __meta_rollcall_source: 'x', __address__: 'b' },
    })
    t.match(spoofed.targets, [{ address: 'a:9100', labels: [['__meta_rollcall_source', 'sensors']] }])
  },
)

t.test('a URL is taken apart into what Prometheus scrapes it by', async (t) => {
  const targets = [{ ...target('{url}'), isUrl: true } as const]
  const rows: [url: string, address: string, labels: Record<string, string>][] = [
    ['https://shop.example/health', 'shop.example', { __scheme__: 'https', __metrics_path__: '/health' }],
    ['http://shop.example:8080', 'shop.example:8080', { __scheme__: 'http' }],
    ['HTTP://shop.example:80/', 'shop.example:80', { __scheme__: 'http', __metrics_path__: '/' }],
    ['https://[::1]:1/a%20b', '[::1]:1', { __scheme__: 'https', __metrics_path__: '/a b' }],
    [
      'https://a/probe?module=http_2xx&target=b%2Fc+d#x',
      'a',
      {
        __scheme__: 'https',
        __metrics_path__: '/probe',
        __param_module: 'http_2xx',
        __param_target: 'b/c d',
      },
    ],
    ['http://a?x=1', 'a', { __scheme__: 'http', __param_x: '1' }],
  ]
  for (const [url, address, labels] of rows) {
    const [made] = mapping({ targets })({ url }).targets
    t.equal(made?.address, address, url)
    t.same(Object.fromEntries(made?.labels ?? []), { ...labels, __meta_rollcall_source: 'sensors' }, url)
  }
})

t.test('what no label can say of a URL is quarantined', async (t) => {
  const map = mapping({ targets: [{ ...target('{url}'), isUrl: true }] })
  const rows: [url: Json, why: RegExp][] = [
    ['shop.example/health', /^"shop.example\/health" is not a URL to scrape: it does not begin with http:/],
    ['ftp://a', /does not begin with http/],
    ['https://user:hunter2@a/', /^"https:\/\/…@a\/" is not a URL to scrape: it has a user/],
    ['https:///x', /its host is not a DNS name/],
    ['https://a b/', /its host is not a DNS name/],
    ['https://a:0/', /its port is not 1 to 65535/],
    ['https://a/b%2fc', /its path has a % that a label cannot express/],
    ['https://a/%', /its path has a % that a label cannot express/],
    ['https://a/%00', /has a control character/],
    ['https://a/?match[]=x', /the name of its parameter "match\[\]" is not valid in a label name/],
    ['https://a/?x=1&x=2', /it has the parameter x twice/],
    ['https://a/?x=', /its parameter x is empty/],
    [{}, /url is an object or a list/],
  ]
  for (const [url, detail] of rows)
    t.match(map({ url }), { targets: [], rejections: [{ reason: 'invalid_url', detail }], unreadable: [0] })
  t.match(map({}).rejections, [{ reason: 'missing_field' }])
})

t.test('labels of a URL win over those of the source, and those of the target over both', async (t) => {
  const labels = [['__metrics_path__', compileTemplate('/all')]] as const
  const map = (own: Record<string, string>) =>
    mapping({ labels, targets: [{ ...target('{url}', own), isUrl: true }] })({ url: 'http://a/own' })
  const pathOf = (own: Record<string, string>) =>
    Object.fromEntries(map(own).targets[0]?.labels ?? []).__metrics_path__
  t.equal(pathOf({}), '/own')
  t.equal(pathOf({ __metrics_path__: '/this' }), '/this')
})

t.test('a record does without an optional target whose field it lacks', async (t) => {
  const targets = [target('{host}:9100'), { ...target('{ipmi.host}:9290'), optional: true } as const]
  const map = mapping({ targets })
  for (const ipmi of [undefined, null, {}, { host: null }, { host: '' }]) {
    const mapped = map({ host: 'a', ...(ipmi !== undefined && { ipmi }) })
    t.match(mapped, { targets: [{ address: 'a:9100' }], rejections: [], unreadable: [], lacking: 1 })
  }
  t.match(map({ host: 'a', ipmi: { host: 'b' } }), {
    targets: [{}, { address: 'b:9290', slot: 1 }],
    lacking: 0,
  })
  t.match(
    map({ host: 'a', ipmi: { host: {} } }),
    { targets: { length: 1 }, rejections: [{ reason: 'invalid_host' }], unreadable: [1], lacking: 0 },
    'what is there and wrong is quarantined',
  )
  const url = mapping({ targets: [{ ...target('{url}'), isUrl: true, optional: true }] })
  t.match(url({}), { targets: [], rejections: [], lacking: 1 })
  t.match(url({ url: 'x' }), { targets: [], rejections: [{ reason: 'invalid_url' }], lacking: 0 })
})

t.test('for each item of a list there are the targets of all templates', async (t) => {
  const targets = [
    target('{host}:{item.port}', { exporter: '{item.name}' }),
    { ...target('{host}:{item.tls}'), optional: true } as const,
  ]
  const labels = [['port', compileTemplate('{item.port}')]] as const
  const map = mapping({ targets, labels, forEach: ['spec', 'ports'] })
  const mapped = map({
    host: 'a',
    item: 'is another while there are items',
    spec: { ports: [{ port: 1, name: 'node' }, { port: 2, tls: 3 }, { name: {} }, null] },
  })
  t.match(mapped, {
    targets: [
      { address: 'a:1', slot: 0 },
      { address: 'a:2', slot: 0 },
      { address: 'a:3', slot: 1 },
    ],
    rejections: [{ reason: 'missing_field', detail: 'item.port is absent, null or empty' }, {}],
    unreadable: [0, 0],
    lacking: 3,
  })
  t.same(
    mapped.targets.map((one) => Object.fromEntries(one.labels)),
    [
      { __meta_rollcall_source: 'sensors', port: '1', exporter: 'node' },
      { __meta_rollcall_source: 'sensors', port: '2' },
      { __meta_rollcall_source: 'sensors', port: '2' },
    ],
  )
  const plain = mapping({ targets: [target('{host}:{item}')], forEach: ['ports'] })
  t.same(
    plain({ host: 'a', ports: [1, '2'] }).targets.map(({ address }) => address),
    ['a:1', 'a:2'],
  )
  const lists = mapping({ targets: [target('{item}:1')], forEach: [0] })
  t.match(lists([['a', 'b']]).targets, [{ address: 'a:1' }, { address: 'b:1' }])
})

t.test(
  'a record without a list for for_each makes no targets; one with something else there is quarantined',
  async (t) => {
    const map = mapping({ targets: [target('{host}:{item}'), target('{host}:2')], forEach: ['ports'] })
    for (const record of [{ host: 'a' }, { host: 'a', ports: [] }, { host: 'a', ports: null }, 'a', null])
      t.same(map(record), { targets: [], rejections: [], droppedLabels: [], unreadable: [], lacking: 2 })
    for (const ports of [{ http: 80 }, '80', 80, false])
      t.match(map({ host: 'a', ports }), {
        targets: [],
        rejections: [
          { reason: 'invalid_list', detail: `for_each names ${JSON.stringify(ports)}, which is not a list` },
        ],
        unreadable: [0, 1],
      })
  },
)

t.test('labels that cannot be made are counted for each item', async (t) => {
  const labels = [['site', compileTemplate('{item.site}')]] as const
  const map = mapping({ targets: [target('{item.host}:1')], labels, forEach: ['all'] })
  const { droppedLabels } = map({
    all: [
      { host: 'a', site: {} },
      { host: 'b', site: 'x' },
      { host: 'c', site: [{}] },
    ],
  })
  t.same(droppedLabels, ['not_text', 'not_text'])
})
