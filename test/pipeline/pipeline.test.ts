import fc from 'fast-check'
import t from 'tap'
import { compileMapping } from '../../src/mapping/mapping.ts'
import { compileTemplate } from '../../src/mapping/template.ts'
import { hashKey, NO_KEY } from '../../src/model/record-key.ts'
import { compilePlan, type PlanOptions } from '../../src/pipeline/plan.ts'
import { idleIn, MAX_SAMPLES } from '../../src/pipeline/report.ts'
import { createSelect } from '../../src/pipeline/select.ts'
import type { RelabelConfig } from '../../src/relabel/config.ts'
import { compileRelabel } from '../../src/relabel/relabel.ts'
import { jsonDocument } from '../helpers/documents.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
import { type Result, runPipeline } from '../helpers/pipeline.ts'
import { holds } from '../helpers/property.ts'

const plan = {
  select: createSelect(undefined),
  map: compileMapping({
    source: 'sensors',
    targets: [],
    labels: [['site', compileTemplate('{site}')]],
    metaLabels: true,
    defaultPort: 9100,
  }),
  rules: [],
}
const plain = {
  select: createSelect(undefined),
  map: compileMapping({ source: 'inventory', targets: [], labels: [], metaLabels: false, defaultPort: 9100 }),
  rules: [],
}

t.test('a plain list of names becomes one group', async (t) => {
  t.same(runPipeline([jsonDocument(['sensor_1', 'sensor_0'])], plain).groups, [
    { targets: ['sensor_0:9100', 'sensor_1:9100'], labels: [['__meta_rollcall_source', 'inventory']] },
  ])
})

t.test('equal labels share a group, duplicates merge, several documents are one list', async (t) => {
  const { groups, report } = runPipeline(
    [
      jsonDocument([
        { host: 'b', site: 'x' },
        { host: 'a', site: 'x' },
      ]),
      jsonDocument({
        items: [
          { host: 'c', site: 'y' },
          { host: 'a', site: 'x' },
        ],
      }),
    ],
    {
      ...plan,
      map: compileMapping({
        source: 's',
        targets: [],
        labels: [['site', compileTemplate('{site}')]],
        metaLabels: false,
        defaultPort: 1,
      }),
    },
  )
  t.same(groups, [
    {
      targets: ['a:1', 'b:1'],
      labels: [
        ['__meta_rollcall_source', 's'],
        ['site', 'x'],
      ],
    },
    {
      targets: ['c:1'],
      labels: [
        ['__meta_rollcall_source', 's'],
        ['site', 'y'],
      ],
    },
  ])
  t.equal(report.records, 4)
})

t.test('30: one bad record never spoils the rest', async (t) => {
  const records = [
    'good',
    42,
    null,
    { serial: 1 },
    'http://a',
    'a b',
    'a/b',
    { host: 'a', port: 0 },
    { host: 'a', port: 70_000 },
    { host: 'a', port: 'abc' },
  ]
  const { groups, report } = runPipeline([jsonDocument(records)], plain)
  t.same(
    groups.flatMap((group) => group.targets),
    ['good:9100'],
  )
  t.same(Object.fromEntries(report.rejected), { not_a_host: 2, no_host: 1, invalid_host: 3, invalid_port: 3 })
  t.match(report.samples, [{ index: 1 }, { index: 2 }, { index: 3 }, { index: 4 }])
})

t.test(
  '51: a quarantined record is named by its key, without what may be secret or long in it',
  async (t) => {
    const rows: [id: unknown, key: string | undefined][] = [
      ['SN-7', 'SN-7'],
      [7, '7'],
      ['http://admin:hunter2@cam/', 'http://<secret>@cam/'],
      ['x'.repeat(500), `${'x'.repeat(79)}…`],
      [{}, undefined],
    ]
    for (const [id, key] of rows) {
      const { report } = runPipeline([jsonDocument(['good', { id, port: 1 }])], plain)
      t.same(
        report.samples.map((sample) => sample.key),
        [key],
      )
    }
  },
)

t.test('all rejects are counted, some are kept to show', async (t) => {
  const { report } = runPipeline([jsonDocument(['good', ...Array.from({ length: 100 }, () => 1)])], plain)
  t.equal(report.rejected.get('not_a_host'), 100)
  t.equal(report.samples.length, MAX_SAMPLES)
})

t.test('meta labels that are left out are counted', async (t) => {
  const { report } = runPipeline([jsonDocument([{ host: 'a', 'x-y': 1, 'x.y': 2 }])], plan)
  t.same(Object.fromEntries(report.droppedLabels), { collision: 1 })
})

t.test('an empty list is a result; a list of nothing but rubbish is a failure', async (t) => {
  t.same(runPipeline([jsonDocument([])], plain).groups, [])
  t.throws(() => runPipeline([jsonDocument([1, 2])], plain), {
    reason: 'all_rejected',
    message: 'none of 2 records makes a target; the first: 1 is neither an object nor a host name',
  })
  const filtered = compilePlan({
    records: undefined,
    filter: 'prom',
    mapping: { source: 's', targets: [], labels: [], metaLabels: false, defaultPort: 9100 },
    relabelConfigs: [],
  })
  const rejected = { prom: true, host: 7 }
  t.match(runPipeline([jsonDocument([{ host: 'a' }, rejected])], filtered), { groups: [] }, 'one is left out')
  t.throws(() => runPipeline([jsonDocument([rejected])], filtered), {
    reason: 'all_rejected',
    message: /^none of 1 records makes a target/,
  })
})

t.test('4: the same inventory in any order gives the same bytes', async (t) => {
  const host = fc.stringMatching(/^[a-c][0-9]$/)
  const record = fc.oneof(
    host,
    fc.record(
      { host, site: fc.constantFrom('x', 'y', '', 'é'), 'a-b': fc.nat(2), a_b: fc.nat(2) },
      { requiredKeys: ['host'] },
    ),
    fc.jsonValue(),
  )
  const shuffled = fc
    .array(record, { maxLength: 30 })
    .chain((records) =>
      fc.tuple(fc.constant(records), fc.shuffledSubarray(records, { minLength: records.length })),
    )
  const bytes = (records: unknown[]) => {
    const { groups } = runPipeline([jsonDocument(['always', ...records])], plan)
    return encodeGroups(groups).toString()
  }
  holds(
    t,
    'any order',
    fc.property(shuffled, ([one, other]) => bytes(one) === bytes(other)),
    { numRuns: 300 },
  )
})

t.test('rules change, drop and spoil targets, and each is counted', async (t) => {
  const labels = ['site', 'kind', 'to', 'note'].map((name) => [name, compileTemplate(`{${name}|}`)] as const)
  const map = compileMapping({ source: 's', targets: [], labels, metaLabels: false, defaultPort: 9100 })
  const rules = compileRelabel([
    { source_labels: ['kind'], regex: 'printer', action: 'drop' },
    { source_labels: ['site'], target_label: '__tmp_site' },
    { source_labels: ['__tmp_site'], regex: '(.+)', target_label: 'place', replacement: 'at-$1' },
    { source_labels: ['to'], regex: '(.+)', target_label: '__address__' },
    { source_labels: ['note'], regex: '(.+)', target_label: 'long', replacement: '$1$1' },
    { regex: 'site|kind|to|note|__meta_rollcall_source', action: 'labeldrop' },
  ])
  const run = (records: unknown[]) =>
    runPipeline([jsonDocument(records)], { select: createSelect(undefined), map, rules })
  const { groups, report } = run([
    { host: 'a', site: 'x' },
    { host: 'b', kind: 'printer' },
    { host: 'c', to: 'new:9200' },
    { host: 'd', to: 'no port' },
    { host: 'e', to: 'e:0' },
    { host: 'f', to: 'f' },
    { host: 'g', note: 'x'.repeat(40_000) },
    'h',
  ])
  t.same(groups, [
    {
      targets: ['a:9100'],
      labels: [
        ['__meta_rollcall_source', 's'],
        ['place', 'at-x'],
      ],
    },
    { targets: ['g:9100', 'h:9100', 'new:9200'], labels: [['__meta_rollcall_source', 's']] },
  ])
  t.equal(report.dropped, 1)
  t.same(Object.fromEntries(report.rejected), { invalid_host: 1, invalid_port: 2 })
  t.same(Object.fromEntries(report.droppedLabels), { invalid_value: 1 }, 'a label costs no target')
  t.match(report.samples[0]?.detail, /the rules made the address "no port", which is not host:port/)
  t.same(run([{ host: 'b', kind: 'printer' }, 5]).groups, [], 'rules may drop all that there is')
})

t.test(
  'rules that change nothing keep targets as they are, and labels with impossible names are left out',
  async (t) => {
    const map = compileMapping({ source: 's', targets: [], labels: [], metaLabels: true, defaultPort: 9100 })
    const run = (configs: RelabelConfig[], records: unknown[]) => {
      const rules = compileRelabel(configs)
      return runPipeline([jsonDocument(records)], { select: createSelect(undefined), map, rules })
    }
    t.same(run([], ['a']).groups, [{ targets: ['a:9100'], labels: [['__meta_rollcall_source', 's']] }])
    t.same(run([{ action: 'keep' }], ['a']).groups, run([], ['a']).groups)
    const { report, groups } = run(
      [{ action: 'labelmap', regex: '__meta_inventory_(.+)' }],
      [{ host: 'a', '2fa': 'x' }],
    )
    t.same(Object.fromEntries(report.droppedLabels), { misnamed: 1 })
    t.match(Object.fromEntries(groups[0]?.labels ?? []), { host: 'a' })
  },
)

/** A plan as a configuration makes it. */
const compiled = (options: Partial<PlanOptions> & { targets?: readonly string[] } = {}) =>
  compilePlan({
    records: undefined,
    relabelConfigs: [],
    ...options,
    mapping: {
      source: 's',
      labels: Object.entries({ site: '{site}', __scheme__: '{scheme}' }).map(
        ([name, text]) => [name, compileTemplate(text)] as const,
      ),
      metaLabels: false,
      defaultPort: 9100,
      ...options.mapping,
      targets: (options.targets ?? []).map((text) => ({ address: compileTemplate(text), labels: [] })),
    },
  })

/** Each target with the key of its record. */
function keysByTarget({ groups, keys }: Result): Record<string, number | undefined> {
  const targets = groups.flatMap(({ targets }) => targets)
  return Object.fromEntries(targets.map((target, index) => [target, keys[index]]))
}

t.test('each target has the key of its record, in the order of the list', async (t) => {
  const records = [
    { id: 'one', host: 'b', site: 'x' },
    { id: 'two', host: 'a', site: 'y' },
    { id: 'three', host: 'c', site: 'x' },
    'd',
    { id: 'one', host: 'b', site: 'x' },
  ]
  t.same(keysByTarget(runPipeline([jsonDocument(records)], compiled())), {
    'a:9100': hashKey('two', 0),
    'b:9100': hashKey('one', 0),
    'c:9100': hashKey('three', 0),
    'd:9100': NO_KEY,
  })
  const targets = ['{host}:1', '{host}:2']
  t.same(keysByTarget(runPipeline([jsonDocument(records.slice(0, 1))], compiled({ targets }))), {
    'b:1': hashKey('one', 0),
    'b:2': hashKey('one', 1),
  })
})

t.test('what tells records apart can be said; where it is missing there is no key', async (t) => {
  const plan = compiled({ key: compileTemplate('{asset.tag}') })
  const records = [
    { id: 1, host: 'a', asset: { tag: 'T1' } },
    { id: 2, host: 'b' },
    { id: 3, host: 'c', asset: { tag: {} } },
  ]
  t.same(keysByTarget(runPipeline([jsonDocument(records)], plan)), {
    'a:9100': hashKey('T1', 0),
    'b:9100': NO_KEY,
    'c:9100': NO_KEY,
  })
})

t.test('59: records that are there and cannot be read are known by their keys', async (t) => {
  const rules: RelabelConfig[] = [
    { source_labels: ['site'], regex: 'spoilt', target_label: '__address__', replacement: 'a/b' },
    { source_labels: ['site'], regex: '(xx+)', target_label: '__param_site', replacement: '$1$1' },
    { source_labels: ['site'], regex: 'unwanted', action: 'drop' },
  ]
  const rows: [name: string, record: unknown, unreadable: number[], keyless: number][] = [
    ['a target', { id: 'k', host: 'a' }, [], 0],
    ['no host', { id: 'k', address: {} }, [hashKey('k', 0)], 0],
    ['no host, and no key', { serial_: 'x' }, [], 1],
    ['no record at all', 42, [], 1],
    ['an address that a rule spoils', { id: 'k', host: 'a', site: 'spoilt' }, [hashKey('k', 0)], 0],
    ['the same without a key', { host: undefined, address: 'a b' }, [hashKey('a b', 0)], 0],
    ['one that a rule drops', { id: 'k', host: 'a', site: 'unwanted' }, [], 0],
    ['a label that does not count', { id: 'k', host: 'a', site: {} }, [], 0],
    ['a label of its place', { id: 'k', host: 'a', scheme: {} }, [hashKey('k', 0)], 0],
    ['a place that a rule spoils', { id: 'k', host: 'a', site: 'x'.repeat(40_000) }, [hashKey('k', 0)], 0],
  ]
  for (const [name, record, unreadable, keyless] of rows) {
    const result = runPipeline([jsonDocument(['always', record])], compiled({ relabelConfigs: rules }))
    t.same([...result.unreadable], unreadable, name)
    t.equal(result.keyless, keyless, name)
  }
  const targets = ['{a}:1', '{b}:2', '{c}:3']
  const some = runPipeline([jsonDocument([{ id: 'k', a: 'a', c: 'c' }])], compiled({ targets }))
  t.same([...some.unreadable], [hashKey('k', 1)], 'one target of a record')
})

t.test('61: a label that cannot be made costs no target by way of a rule', async (t) => {
  const keep: RelabelConfig = { source_labels: ['site'], regex: 'prod', action: 'keep' }
  const place: RelabelConfig = {
    source_labels: ['site'],
    regex: '',
    target_label: '__param_by',
    replacement: 'x',
  }
  const rows: [name: string, site: unknown, rule: RelabelConfig, isUnreadable: boolean][] = [
    ['dropped without its label', {}, keep, true],
    ['dropped with a label that has a control character', 'pro\u0001d', keep, true],
    ['dropped for what its label is', 'test', keep, false],
    ['dropped since it has no such field', undefined, keep, false],
    ['elsewhere without its label', {}, place, true],
    ['elsewhere since it has no such field', undefined, place, false],
    ['where it was all the same', {}, { ...place, target_label: 'by' }, false],
  ]
  for (const [name, site, rule, isUnreadable] of rows) {
    const records = [
      { id: 'always', host: 'b', site: 'prod' },
      { id: 'k', host: 'a', site },
    ]
    const result = runPipeline([jsonDocument(records)], compiled({ relabelConfigs: [rule] }))
    t.same([...result.unreadable], isUnreadable ? [hashKey('k', 0)] : [], name)
  }
})

t.test('62: objects that the records expression leaves out are counted', async (t) => {
  const host = (index: number, status = 'active') => ({ host: `h${index}`, status })
  const answer = { items: [host(1), host(2, 'retired'), host(3)], meta: { tags: ['a'] } }
  const rows: [name: string, records: string | undefined, answers: unknown[], notSelected: number][] = [
    ['all that there is', undefined, [answer], 0],
    ['a list by its name', 'items', [answer], 0],
    ['those with a status', "items[?status == 'active']", [answer], 1],
    ['the status is spelt otherwise', "items[?status == 'Active']", [answer, answer], 6],
    ['records that have lists themselves', 'items[].ports[]', [{ items: [{ ports: [host(1)] }] }], 1],
    ['a list twice, which is more than there are', '[items, items][]', [answer], 0],
  ]
  for (const [name, records, answers, notSelected] of rows) {
    const { report } = runPipeline(
      answers.map(jsonDocument),
      compiled({ records, paging: { hasMore: false, total: false } }),
    )
    t.equal(report.notSelected, notSelected, name)
  }
})

t.test(
  '62: records that the filter leaves out are counted as not selected, and those it fails for quarantined',
  async (t) => {
    const record = (id: number, tags: unknown) => ({ id: `h${id}`, host: `h${id}`, tags })
    const rows: [
      filter: string,
      records: unknown[],
      addresses: string[],
      report: object,
      unreadable: string[],
    ][] = [
      [
        "contains(tags, 'prom')",
        [record(1, ['prom']), record(2, null), record(3, []), record(4, ['x', 'prom'])],
        ['h1:9100', 'h4:9100'],
        {
          records: 3,
          notSelected: 1,
          rejected: new Map([['filter_failed', 1]]),
          samples: [{ index: 1, key: 'h2' }],
        },
        ['h2'],
      ],
      // What JMESPath takes for true.
      [
        'tags',
        [false, null, '', [], {}, 0, 'x', [0], { a: 0 }, true].map((tags, index) => record(index, tags)),
        ['h5:9100', 'h6:9100', 'h7:9100', 'h8:9100', 'h9:9100'],
        { records: 5, notSelected: 5, rejected: new Map(), samples: [] },
        [],
      ],
      ['host', ['h1', record(2, 1)], ['h2:9100'], { records: 1, notSelected: 1 }, []],
    ]
    for (const [filter, records, addresses, report, unreadable] of rows) {
      const result = runPipeline([jsonDocument(records)], compiled({ filter }))
      t.same(
        result.groups.flatMap(({ targets }) => targets),
        addresses,
        filter,
      )
      t.match(result.report, report, filter)
      t.same(
        [...result.unreadable],
        unreadable.map((key) => hashKey(key, 0)),
        filter,
      )
    }
    const targets = ['{host}:1', '{host}:2'].map((text) => ({ address: compileTemplate(text), labels: [] }))
    const mapping = { source: 's', targets, labels: [], metaLabels: false, defaultPort: 1 }
    const several = runPipeline(
      [jsonDocument([record(1, []), record(2, null)])],
      compilePlan({ records: undefined, filter: 'length(tags) == `0`', mapping, relabelConfigs: [] }),
    )
    t.same([...several.unreadable], [hashKey('h2', 0), hashKey('h2', 1)], 'it keeps all of its targets')
    t.match(
      several.report.samples[0]?.detail,
      /^the filter expression "length\(tags\) == `0`" fails on the record: Invalid/,
    )
    const both = runPipeline(
      [jsonDocument({ items: [record(1, 1), record(2, 0), { ...record(3, 1), off: true }] })],
      compiled({ records: 'items[?!off]', filter: 'tags == `1`' }),
    )
    t.equal(both.report.notSelected, 2, 'with those that the records expression leaves out')
  },
)

t.test(
  'what records have nothing for is idle, as what is not selected, dropped or quarantined is',
  async (t) => {
    const targets = [
      { address: compileTemplate('{host}:1'), labels: [] },
      { address: compileTemplate('{ipmi}:1'), labels: [], optional: true as const },
    ]
    const mapping = { source: 's', targets, labels: [], metaLabels: false, defaultPort: 1 }
    const relabelConfigs = [{ source_labels: ['__address__'], regex: 'c:1', action: 'drop' }]
    const plan = compilePlan({ records: undefined, filter: 'host', mapping, relabelConfigs })
    const records = [{ host: 'a', ipmi: 'i' }, { host: 'b' }, { host: 'c' }, { host: { x: 1 } }, {}]
    const { report } = runPipeline([jsonDocument(records)], plan)
    t.match(report, { records: 4, notSelected: 1, lacking: 3, dropped: 1 })
    t.equal(idleIn(report), 1 + 3 + 1 + 1)
  },
)

t.test('a page that begins with the last record of the one before has it once', async (t) => {
  const mapping = { source: 's', targets: [], labels: [], metaLabels: false, defaultPort: 9100 }
  const device = (id: number, host: string, up = 1) => ({ id, host, up })
  const rows: [records: string, pages: object[][], hosts: string[], count: number][] = [
    [
      'items',
      [
        [device(1, 'a'), device(2, 'b')],
        [device(2, 'b'), device(3, 'c')],
      ],
      ['a', 'b', 'c'],
      3,
    ],
    [
      'items',
      [
        [device(1, 'a'), device(2, 'b')],
        [device(2, 'b', 2), device(3, 'c')],
      ],
      ['a', 'b', 'c'],
      3,
    ],
    ['items', [[device(1, 'a')], []], ['a'], 1],
    [
      'items[?up]',
      [
        [device(1, 'a'), device(2, 'b')],
        [device(2, 'b'), device(3, 'c')],
      ],
      ['a', 'b', 'c'],
      3,
    ],
    [
      'items[?up]',
      [
        [device(1, 'a'), device(2, 'b')],
        [device(2, 'other'), device(3, 'c')],
      ],
      ['a', 'b', 'c', 'other'],
      4,
    ],
  ]
  for (const [records, pages, hosts, count] of rows) {
    const plan = compilePlan({ records, mapping, relabelConfigs: [], paging: { hasMore: true, total: true } })
    const documents = pages.map((items, index) => ({ ...jsonDocument({ items }), isJoined: index > 0 }))
    const { groups, report } = runPipeline(documents, plan)
    t.same(
      groups.flatMap(({ targets }) => targets),
      hosts.map((host) => `${host}:9100`),
      records,
    )
    t.equal(report.records, count, records)
  }
})
