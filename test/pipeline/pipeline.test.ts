import fc from 'fast-check'
import t from 'tap'
import { compileMapping } from '../../src/mapping/mapping.ts'
import { compileTemplate } from '../../src/mapping/template.ts'
import { runPipeline } from '../../src/pipeline/pipeline.ts'
import { MAX_SAMPLES } from '../../src/pipeline/report.ts'
import { createSelect } from '../../src/pipeline/select.ts'
import type { RelabelConfig } from '../../src/relabel/config.ts'
import { compileRelabel } from '../../src/relabel/relabel.ts'
import { encodeGroups } from '../../src/snapshot/encode.ts'
import { jsonDocument } from '../helpers/documents.ts'
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
  t.equal(report.samples[0]?.index, 1)
})

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
    message: 'not one of 2 records makes a target; the first: 1 is neither an object nor a host name',
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
    { targets: ['h:9100', 'new:9200'], labels: [['__meta_rollcall_source', 's']] },
  ])
  t.equal(report.dropped, 1)
  t.same(Object.fromEntries(report.rejected), { invalid_host: 1, invalid_port: 2, invalid_label: 1 })
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
