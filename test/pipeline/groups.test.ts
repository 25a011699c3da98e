import fc from 'fast-check'
import t from 'tap'
import { compileTemplate } from '../../src/mapping/template.ts'
import { compilePlan } from '../../src/pipeline/plan.ts'
import type { RelabelConfig } from '../../src/relabel/config.ts'
import { jsonDocument } from '../helpers/documents.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
import { type Result, runPipeline } from '../helpers/pipeline.ts'
import { holds } from '../helpers/property.ts'

function run(records: unknown, relabelConfigs: RelabelConfig[] = [], groupsOnly = false): Result {
  const mapping = { source: 's', targets: [], labels: [], metaLabels: true, defaultPort: 9100, groupsOnly }
  return runPipeline([jsonDocument(records)], compilePlan({ records: undefined, mapping, relabelConfigs }))
}

const addressesOf = ({ groups }: Result) => groups.flatMap(({ targets }) => targets)

const rejectedOf = ({ report }: Result) => Object.fromEntries(report.rejected)

t.test('an address of a group is served as it is written, with a port or without', async (t) => {
  const targets = [
    '10.200.0.67',
    '2001:db8::1',
    'a',
    'a:70000',
    'd e',
    'dummy:9f3c',
    'example.com/foo',
    'https://shop.example/health',
    'redis://cache1:6379',
  ]
  for (const groupsOnly of [false, true])
    for (const __scheme__ of ['http', 'https'])
      t.same(addressesOf(run([{ targets, labels: { __scheme__ } }], [], groupsOnly)), targets)
})

t.test('what Prometheus could not take as an address of a group is quarantined alone', async (t) => {
  const result = run([{ targets: ['a:1', '', 'b\u0000', 7, 'f:1'], labels: {} }])
  t.same(addressesOf(result), ['a:1', 'f:1'])
  t.same(rejectedOf(result), { invalid_host: 3 })
  t.match(result.report.samples, [{ index: 0 }, { detail: 'the address "" is empty' }])
  t.equal(result.keyless, 3, 'nothing is told to be gone')
})

t.test('rules may make an address of a text that is none, whoever wrote it', async (t) => {
  const rules: RelabelConfig[] = [
    {
      source_labels: ['__address__'],
      regex: '(.*)/\\d+',
      target_label: '__address__',
      replacement: '$1:9100',
    },
    { source_labels: ['__address__', 'host'], regex: ';(.+)', target_label: '__address__' },
  ]
  const records = [
    { ip: '10.0.0.1/24' },
    { targets: ['10.0.0.2/24'] },
    { targets: [''], labels: { host: 'b:1' } },
  ]
  const result = run(records, rules)
  t.same(addressesOf(result).sort(), ['10.0.0.1:9100', '10.0.0.2:9100', 'b:1'])
  t.same(rejectedOf(result), {})
  const left = run([...records, { ip: '10.0.0.3/x' }, { ip: 'a', port: 0 }], rules)
  t.same(rejectedOf(left), { invalid_host: 1, invalid_port: 1 })
  t.match(left.report.samples, [
    { detail: '"10.0.0.3/x" is not a host: it has a slash; only host:port is allowed' },
    {},
  ])
})

t.test('rules may turn any address of a group into one, as for the blackbox exporter', async (t) => {
  const rules: RelabelConfig[] = [
    { source_labels: ['__address__'], target_label: '__param_target' },
    { target_label: '__address__', replacement: 'blackbox:9115' },
  ]
  const result = run([{ targets: ['https://example.com/x?y=1', 'b c'] }], rules)
  t.same(result.groups, [
    {
      targets: ['blackbox:9115'],
      labels: [
        ['__meta_rollcall_source', 's'],
        ['__param_target', 'b c'],
      ],
    },
    {
      targets: ['blackbox:9115'],
      labels: [
        ['__meta_rollcall_source', 's'],
        ['__param_target', 'https://example.com/x?y=1'],
      ],
    },
  ])
  t.same(rejectedOf(result), {})
})

t.test(
  'what the rules leave is checked: of a group as what somebody wrote, of others as host:port',
  async (t) => {
    const rules: RelabelConfig[] = [
      { source_labels: ['__address__'], regex: 'tls-.*', target_label: '__scheme__', replacement: 'https' },
      { source_labels: ['__address__'], regex: 'gone', action: 'drop' },
      { source_labels: ['__address__'], regex: 'spoilt.*', target_label: '__address__', replacement: 'x/y' },
      { source_labels: ['__address__'], regex: 'empty', target_label: '__address__', replacement: '' },
    ]
    const groups = { targets: ['tls-a', 'b', 'gone', 'spoilt', 'empty', 'http://c'] }
    const result = run([groups, 'plain', 'spoilt'], rules)
    t.same(addressesOf(result).sort(), ['b', 'http://c', 'plain:9100', 'tls-a', 'x/y'])
    t.equal(result.report.dropped, 1)
    t.same(rejectedOf(result), { invalid_host: 2 })
    t.match(result.report.samples, [
      { detail: 'the rules made the address "", which is empty' },
      { detail: 'the rules made the address "x/y", which is not host:port' },
    ])
  },
)

t.test('groups that are empty are no error; groups that are all bad are', async (t) => {
  t.same(run([{ targets: [] }, { targets: null, labels: { a: 'b' } }]).groups, [])
  t.throws(() => run([{ targets: [] }, { targets: 5 }]), {
    name: 'RefreshError',
    reason: 'all_rejected',
  })
  t.same(run([{ targets: [] }], [{ action: 'keep' }]).groups, [])
})

t.test('where only groups are expected, the document has to be a list', async (t) => {
  for (const document of [null, {}, { error: 'x' }, { items: [{ targets: ['a:1'] }] }, 'a:1', 5]) {
    t.throws(() => run(document, [], true), {
      name: 'RefreshError',
      reason: 'shape',
      message: /^the answer is (null|an object|a string|a number), not a list of target groups; check that/,
    })
  }
  t.same(run([], [], true).groups, [], 'an empty list is an answer')
  const result = run([{ targets: ['a:1'] }, 'b:1'], [], true)
  t.same(addressesOf(result), ['a:1'])
  t.same(rejectedOf(result), { invalid_group: 1 })
})

t.test('a group has no meta labels but its own', async (t) => {
  t.same(run([{ targets: ['a:1'], labels: { site: 'x' } }]).groups[0]?.labels, [
    ['__meta_rollcall_source', 's'],
    ['site', 'x'],
  ])
})

t.test('4: the same groups in any order give the same bytes', async (t) => {
  const name = fc.constantFrom('a', 'a-b', 'a.b', 'a_b', '2', '_2', '__address__', '__proto__')
  const value = fc.oneof(fc.constantFrom('x', 'y', '', 'é'), fc.nat(2), fc.constant(null), fc.jsonValue())
  const address = fc.oneof(fc.constantFrom('a:1', 'b:1', 'c', 'http://d'), fc.jsonValue())
  const labels = fc.array(fc.tuple(name, value), { maxLength: 4 })
  const group = fc.tuple(fc.array(address, { maxLength: 4 }), labels)
  const shuffle = <Item>(items: Item[]) => fc.shuffledSubarray(items, { minLength: items.length })
  type Group = [targets: unknown[], labels: [string, unknown][]]
  const shuffledGroup = ([targets, labels]: Group) => {
    const unique = [...new Map(labels)]
    return fc.tuple(
      fc.constant<Group>([targets, unique]),
      fc.tuple(shuffle(targets), shuffle(unique)) as fc.Arbitrary<Group>,
    )
  }
  const lists = fc
    .array(group.chain(shuffledGroup), { maxLength: 8 })
    .chain((pairs) =>
      fc.tuple(fc.constant(pairs.map(([one]) => one)), shuffle(pairs.map(([, other]) => other))),
    )
  const mapping = {
    source: 's',
    targets: [],
    labels: [['site', compileTemplate('{labels.a|none}')] as const],
    metaLabels: false,
    defaultPort: 1,
  }
  const plan = compilePlan({ records: undefined, mapping, relabelConfigs: [] })
  const bytes = (groups: Group[]) => {
    const records = groups.map(([targets, labels]) => ({ targets, labels: Object.fromEntries(labels) }))
    return encodeGroups(runPipeline([jsonDocument(['always', ...records])], plan).groups).toString()
  }
  holds(
    t,
    'any order of groups, targets and labels',
    fc.property(lists, ([one, other]) => bytes(one) === bytes(other)),
    { numRuns: 300 },
  )
})
