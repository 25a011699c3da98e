import fc from 'fast-check'
import t from 'tap'
import { compileTemplate } from '../../src/mapping/template.ts'
import { encodeGroups } from '../../src/model/list.ts'
import { type Result, runPipeline } from '../../src/pipeline/pipeline.ts'
import { compilePlan } from '../../src/pipeline/plan.ts'
import type { RelabelConfig } from '../../src/relabel/config.ts'
import { jsonDocument } from '../helpers/documents.ts'
import { holds } from '../helpers/property.ts'

function run(records: unknown, relabelConfigs: RelabelConfig[] = [], groupsOnly = false): Result {
  const mapping = { source: 's', targets: [], labels: [], metaLabels: true, defaultPort: 9100, groupsOnly }
  return runPipeline([jsonDocument(records)], compilePlan({ records: undefined, mapping, relabelConfigs }))
}

const addressesOf = ({ groups }: Result) => groups.flatMap(({ targets }) => targets)

const rejectedOf = ({ report }: Result) => Object.fromEntries(report.rejected)

t.test('an address of a group without a port gets the one that Prometheus would use', async (t) => {
  const rows: [address: string, https: boolean, expected: string][] = [
    ['a:9100', false, 'a:9100'],
    ['a', false, 'a:80'],
    ['a', true, 'a:443'],
    ['a:9100', true, 'a:9100'],
    ['10.0.0.1', false, '10.0.0.1:80'],
    ['2001:db8::1', false, '[2001:db8::1]:80'],
    ['[2001:db8::1]', true, '[2001:db8::1]:443'],
    ['[2001:db8::1]:9100', false, '[2001:db8::1]:9100'],
  ]
  for (const [address, https, expected] of rows) {
    const labels = { __scheme__: https ? 'https' : 'http' }
    t.same(addressesOf(run([{ targets: [address], labels }])), [expected], address)
  }
})

t.test('one bad address of a group is quarantined alone', async (t) => {
  const result = run([{ targets: ['a:1', 'http://b/', 'c:0', 'd e', '', 7, 'f:1'], labels: {} }])
  t.same(addressesOf(result), ['a:1', 'f:1'])
  t.same(rejectedOf(result), { invalid_host: 4, invalid_port: 1 })
  t.match(result.report.samples, [{ index: 0 }, { detail: /"http:\/\/b\/" is not a host: it has a scheme/ }])
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

t.test('what the rules leave of a group is checked, and only then gets its port', async (t) => {
  const rules: RelabelConfig[] = [
    { source_labels: ['__address__'], regex: 'tls-.*', target_label: '__scheme__', replacement: 'https' },
    { source_labels: ['__address__'], regex: 'gone', action: 'drop' },
    { source_labels: ['__address__'], regex: 'spoilt', target_label: '__address__', replacement: 'x/y' },
    { source_labels: ['__address__'], regex: 'empty', target_label: '__address__', replacement: '' },
  ]
  const result = run([{ targets: ['tls-a', 'b', 'gone', 'spoilt', 'empty', 'http://c'] }, 'plain'], rules)
  t.same(addressesOf(result).sort(), ['b:80', 'plain:9100', 'tls-a:443'])
  t.equal(result.report.dropped, 1)
  t.same(rejectedOf(result), { invalid_host: 3 })
})

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
