import t from 'tap'
import { compileMapping, type MappingOptions } from '../../src/mapping/mapping.ts'
import type { LabelDropReason, RejectionReason } from '../../src/mapping/rejection.ts'
import { compileTemplate } from '../../src/mapping/template.ts'
import type { Json } from '../../src/model/record.ts'

function map(record: Json, change: Partial<MappingOptions> = {}) {
  const base = { source: 's', targets: [], labels: [], metaLabels: false, defaultPort: 9100 }
  return compileMapping({ ...base, ...change })(record)
}

const labelsOf = (labels: Json, change?: Partial<MappingOptions>) =>
  Object.fromEntries(map({ targets: ['a:1'], labels }, change).targets[0]?.labels ?? [])

t.test('a target group becomes a target for each address, all with its labels', async (t) => {
  const { targets, rejections } = map({ targets: ['a:1', 'b', 'http://c/'], labels: { site: 'x' } })
  const labels = [
    ['__meta_rollcall_source', 's'],
    ['site', 'x'],
  ]
  t.same(targets, [
    { address: 'a:1', labels, slot: 0, asWritten: true },
    { address: 'b', labels, slot: 0, asWritten: true },
    { address: 'http://c/', labels, slot: 0, asWritten: true },
  ])
  t.ok(targets[0]?.labels === targets[1]?.labels, 'they share one list of labels')
  t.same(rejections, [])
})

t.test(
  'what Prometheus could not take as the address of a group waits for the rules, with its fault',
  async (t) => {
    const rows: [address: string, detail: string][] = [
      ['', 'the address "" is empty'],
      ['a\u0007:1', 'the address "a\\u0007:1" has a control character'],
      ['a\n', 'the address "a\\n" has a control character'],
      ['\ud800', 'the address "\\ud800" is not valid Unicode'],
      ['x'.repeat(70_000), `the address "${'x'.repeat(78)}… is longer than 65536 characters`],
    ]
    for (const [address, detail] of rows) {
      const mapped = map({ targets: [address, 'a:1'] })
      const [bad, good] = mapped.targets
      t.match(
        bad,
        { address, fault: { reason: 'invalid_host', detail } },
        JSON.stringify(address).slice(0, 40),
      )
      t.match(good, { address: 'a:1', fault: undefined })
      t.same(mapped.rejections, [])
    }
  },
)

t.test('groups are recognised among other records, which stay what they are', async (t) => {
  const rows: [record: Json, addresses: string[]][] = [
    [{ targets: ['a:1'] }, ['a:1']],
    [{ targets: ['a:1'], labels: {} }, ['a:1']],
    [{ targets: ['a:1'], labels: null }, ['a:1']],
    [{ targets: [] }, []],
    [{ targets: null }, []],
    [{ hostname: 'a', labels: {} }, ['a:9100']],
    [{ hostname: 'a', targets: 5 }, ['a:9100']],
    [{ hostname: 'a', targets: ['b:1'] }, ['a:9100']],
    ['targets', ['targets:9100']],
  ]
  for (const [record, addresses] of rows) {
    const { targets, rejections } = map(record)
    t.same(
      targets.map(({ address }) => address),
      addresses,
      JSON.stringify(record),
    )
    t.same(rejections, [])
  }
})

t.test('with templates for targets there are no groups', async (t) => {
  const targets = [{ address: compileTemplate('{targets[0]}:1'), labels: [] }]
  t.same(
    map({ targets: ['a'] }, { targets }).targets.map(({ address }) => address),
    ['a:1'],
  )
})

t.test('what is meant as a group but is none is quarantined', async (t) => {
  const rows: [record: Json, reason: RejectionReason, detail: RegExp][] = [
    [{ targets: 'a:1' }, 'invalid_group', /^not a target group: targets must be a list of texts$/],
    [{ targets: 5, labels: {} }, 'invalid_group', /targets must be a list/],
    [{ targets: ['a:1'], label: {} }, 'invalid_group', /it has the key "label"; a target group has only/],
  ]
  for (const [record, reason, detail] of rows) {
    const { targets, rejections, unreadable } = map(record)
    t.same(targets, [], JSON.stringify(record))
    t.match(rejections, [{ reason, detail }])
    t.same(unreadable, [0], 'its targets are not told to be gone')
  }
})

t.test('61: a label of a group that cannot be sent is left out, and its targets stay', async (t) => {
  const rows: [labels: Json, reasons: LabelDropReason[]][] = [
    [{ site: {} }, ['not_text']],
    [{ site: ['x'] }, ['not_text']],
    [{ site: 2 ** 60 }, ['invalid_value']],
    [{ site: 'a\u0000' }, ['invalid_value']],
    [{ site: 'x'.repeat(100_000) }, ['invalid_value']],
    [{ site: null }, []],
    [{ site: '' }, []],
    [{ site: {}, rack: [] }, ['not_text', 'not_text']],
    [[], ['not_text']],
    ['site=x', ['not_text']],
    [5, ['not_text']],
  ]
  for (const [labels, droppedLabels] of rows) {
    const mapped = map({ targets: ['a:1', 'b:1'], labels })
    const name = JSON.stringify(labels).slice(0, 60)
    t.same(
      mapped.targets.map(({ address, labels }) => [address, labels]),
      ['a:1', 'b:1'].map((address) => [address, [['__meta_rollcall_source', 's']]]),
      name,
    )
    t.match(mapped, { rejections: [], droppedLabels, unreadable: [] }, name)
  }
})

t.test(
  '61: without a label that says where they are scraped, the targets may be others than before',
  async (t) => {
    for (const name of ['__scheme__', '__metrics_path__', '__param_target']) {
      const mapped = map({ targets: ['a:1'], labels: { [name]: {} } })
      t.equal(mapped.targets.length, 1, name)
      t.same(mapped.unreadable, [0], name)
    }
  },
)

t.test('where only groups are expected, anything else is none', async (t) => {
  for (const record of ['a:1', 5, null, ['a:1'], {}, { hostname: 'a' }, { labels: {} }]) {
    const { targets, rejections } = map(record, { groupsOnly: true })
    t.same(targets, [], JSON.stringify(record))
    t.match(rejections, [{ reason: 'invalid_group' }])
  }
  t.equal(map({ targets: ['a:1'] }, { groupsOnly: true }).targets.length, 1)
})

t.test('a target that is no text is quarantined alone', async (t) => {
  const { targets, rejections, unreadable } = map({ targets: ['a:1', 5, null, 'b:1'] })
  t.same(unreadable, [0, 0])
  t.same(
    targets.map(({ address }) => address),
    ['a:1', 'b:1'],
  )
  t.match(rejections, [
    { reason: 'invalid_host', detail: 'the target 5 is not a text' },
    { reason: 'invalid_host', detail: 'the target null is not a text' },
  ])
})

t.test('2: labels of a group are such that Prometheus 2 accepts them', async (t) => {
  const labels = { n: 1.5, yes: true, none: null, empty: '', 'a-b.c': 'x', '2fa': 'y', é: 'e' }
  const own = { __address__: 'evil:1', __meta_rollcall_source: 'other', __meta_rollcall_x: 'y' }
  t.same(labelsOf({ ...labels, ...own, __scheme__: 'https', __meta_ec2_id: 'i' }), {
    __meta_rollcall_source: 's',
    __meta_ec2_id: 'i',
    __scheme__: 'https',
    n: '1.5',
    yes: 'true',
    a_b_c: 'x',
    _2fa: 'y',
    _: 'e',
  })
  t.equal(labelsOf({ '': 'z' })._, 'z')
})

t.test(
  '3: labels that collide after sanitising are resolved the same way every time, and counted',
  async (t) => {
    const entries = [
      ['a.b', '1'],
      ['a-b', '2'],
      ['a b', '3'],
    ]
    for (const order of [entries, entries.toReversed()]) {
      const labels = Object.fromEntries(order)
      t.equal(labelsOf(labels).a_b, '3', 'the first in order')
      t.equal(labelsOf({ ...labels, a_b: '4' }).a_b, '4', 'or the exact name')
      t.same(map({ targets: ['a:1'], labels }).droppedLabels, ['collision', 'collision'])
    }
  },
)

t.test('labels of the source win over those of the group, and can remove them', async (t) => {
  const labels = ['site', 'team', 'gone'].map(
    (name) => [name, compileTemplate(`{labels.my_${name}}`)] as const,
  )
  const group = { site: 'x', my_site: 'y', my_team: 'edge', gone: 'z' }
  t.match(labelsOf(group, { labels }), { site: 'y', team: 'edge', gone: undefined })
  const { targets, rejections } = map({ targets: ['a:1', 5], labels: { my_site: {} } }, { labels })
  t.same([targets.length, rejections.length], [1, 1])
  const spoilt = map({ targets: ['a:1', 5] }, { labels: [['bad', compileTemplate('{targets[0]}\u0000')]] })
  t.match(spoilt.targets, [{ address: 'a:1', labels: [['__meta_rollcall_source', 's']] }])
  t.match(spoilt, { rejections: [{ reason: 'invalid_host' }], droppedLabels: ['invalid_value'] })
})

t.test('30: a group with keys of the prototype is not harmed by them', async (t) => {
  const record = JSON.parse('{"targets":["a:1"],"labels":{"__proto__":"x","constructor":"y"}}')
  t.same(map(record).targets[0]?.labels, [
    ['__meta_rollcall_source', 's'],
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ])
  t.match(map(JSON.parse('{"__proto__":{"targets":["a:1"]}}')).rejections, [{ reason: 'no_host' }])
})
