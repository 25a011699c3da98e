import fc from 'fast-check'
import t from 'tap'
import { compileMapping } from '../../src/mapping/mapping.ts'
import { compileTemplate } from '../../src/mapping/template.ts'
import { runPipeline } from '../../src/pipeline/pipeline.ts'
import { MAX_SAMPLES } from '../../src/pipeline/report.ts'
import { createSelect } from '../../src/pipeline/select.ts'
import { encodeGroups } from '../../src/snapshot/encode.ts'
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
}
const plain = {
  select: createSelect(undefined),
  map: compileMapping({ source: 'inventory', targets: [], labels: [], metaLabels: false, defaultPort: 9100 }),
}

const document = (value: unknown) => Buffer.from(JSON.stringify(value))

t.test('a plain list of names becomes one group', async (t) => {
  t.same(runPipeline([document(['sensor_1', 'sensor_0'])], plain).groups, [
    { targets: ['sensor_0:9100', 'sensor_1:9100'], labels: [['__meta_rollcall_source', 'inventory']] },
  ])
})

t.test('equal labels share a group, duplicates merge, several documents are one list', async (t) => {
  const { groups, report } = runPipeline(
    [
      document([
        { host: 'b', site: 'x' },
        { host: 'a', site: 'x' },
      ]),
      document({
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
  const { groups, report } = runPipeline([document(records)], plain)
  t.same(
    groups.flatMap((group) => group.targets),
    ['good:9100'],
  )
  t.same(Object.fromEntries(report.rejected), { not_a_host: 2, no_host: 1, invalid_host: 3, invalid_port: 3 })
  t.equal(report.samples[0]?.index, 1)
})

t.test('all rejects are counted, some are kept to show', async (t) => {
  const { report } = runPipeline([document(['good', ...Array.from({ length: 100 }, () => 1)])], plain)
  t.equal(report.rejected.get('not_a_host'), 100)
  t.equal(report.samples.length, MAX_SAMPLES)
})

t.test('meta labels that are left out are counted', async (t) => {
  const { report } = runPipeline([document([{ host: 'a', 'x-y': 1, 'x.y': 2 }])], plan)
  t.same(Object.fromEntries(report.droppedLabels), { collision: 1 })
})

t.test('an empty list is a result; a list of nothing but rubbish is a failure', async (t) => {
  t.same(runPipeline([document([])], plain).groups, [])
  t.throws(() => runPipeline([document([1, 2])], plain), {
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
    const { groups } = runPipeline([document(['always', ...records])], plan)
    return encodeGroups(groups).toString()
  }
  holds(
    t,
    'any order',
    fc.property(shuffled, ([one, other]) => bytes(one) === bytes(other)),
    { numRuns: 300 },
  )
})
