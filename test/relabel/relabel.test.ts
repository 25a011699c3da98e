import t from 'tap'
import type { Labels } from '../../src/model/labels.ts'
import type { RelabelConfig } from '../../src/relabel/config.ts'
import { compileRelabel, isDropped, relabel, relabelSteps } from '../../src/relabel/relabel.ts'

const LABELS: Labels = [
  ['__address__', '10.0.0.1:9100'],
  ['__meta_site', 'Lyon'],
  ['env', 'prod'],
]

const cases: readonly {
  name: string
  rules: readonly RelabelConfig[]
  labels?: Labels
  expected: Readonly<Record<string, string>> | { droppedBy: number }
}[] = [
  {
    name: 'no rules leave everything',
    rules: [],
    expected: { __address__: '10.0.0.1:9100', __meta_site: 'Lyon', env: 'prod' },
  },
  {
    name: 'replace copies by default',
    rules: [{ source_labels: ['env'], target_label: 'copy' }],
    expected: { __address__: '10.0.0.1:9100', __meta_site: 'Lyon', copy: 'prod', env: 'prod' },
  },
  {
    name: 'replace joins its source labels',
    rules: [{ source_labels: ['env', 'none', '__meta_site'], target_label: 'env' }],
    expected: { __address__: '10.0.0.1:9100', __meta_site: 'Lyon', env: 'prod;;Lyon' },
  },
  {
    name: 'replace with a fixed value writes it on a match and deletes with an empty one',
    rules: [
      { source_labels: ['env'], regex: 'prod|dev', target_label: 'tier', replacement: 1 },
      { source_labels: ['env'], regex: 'dev', target_label: 'never', replacement: 'x' },
      { target_label: '__meta_site', replacement: '' },
    ],
    expected: { __address__: '10.0.0.1:9100', env: 'prod', tier: '1' },
  },
  {
    name: 'replace expands its target label, and does nothing when that is no name',
    rules: [
      { source_labels: ['env'], target_label: 'is_$1', replacement: 'yes' },
      { source_labels: ['__address__'], target_label: 'is_$1', replacement: 'yes' },
      { source_labels: ['env'], regex: '(x).*', target_label: 'is_$1' },
    ],
    expected: { __address__: '10.0.0.1:9100', __meta_site: 'Lyon', env: 'prod', is_prod: 'yes' },
  },
  {
    name: 'keep says which rule dropped',
    rules: [
      { source_labels: ['env'], regex: 'prod', action: 'keep' },
      { source_labels: ['env'], regex: 'dev', action: 'KEEP' },
    ],
    expected: { droppedBy: 1 },
  },
  {
    name: 'drop drops what matches, and the first drop ends',
    rules: [
      { source_labels: ['env'], regex: 'p.*', action: 'drop' },
      { regex: '', action: 'drop' },
    ],
    expected: { droppedBy: 0 },
  },
  {
    name: 'keepequal drops what differs',
    rules: [{ source_labels: ['env'], target_label: '__meta_site', action: 'keepequal' }],
    expected: { droppedBy: 0 },
  },
  {
    name: 'dropequal drops what is equal, two missing labels too',
    rules: [
      { source_labels: ['env'], target_label: 'none', action: 'dropequal' },
      { source_labels: ['nothing'], target_label: 'none', action: 'dropequal' },
    ],
    expected: { droppedBy: 1 },
  },
  {
    name: 'hashmod writes the shard',
    rules: [{ source_labels: ['__address__'], modulus: 1000, target_label: 'shard', action: 'hashmod' }],
    expected: { __address__: '10.0.0.1:9100', __meta_site: 'Lyon', env: 'prod', shard: '645' },
  },
  {
    name: 'lowercase and uppercase write the other case',
    rules: [
      { source_labels: ['__meta_site'], target_label: 'low', action: 'lowercase' },
      { source_labels: ['__meta_site'], target_label: 'up', action: 'uppercase' },
    ],
    expected: { __address__: '10.0.0.1:9100', __meta_site: 'Lyon', env: 'prod', low: 'lyon', up: 'LYON' },
  },
  {
    name: 'labelmap copies labels under new names, also after another change',
    rules: [
      { target_label: '__meta_team', replacement: 'sre' },
      { regex: '__meta_(.+)', action: 'labelmap' },
    ],
    expected: {
      __address__: '10.0.0.1:9100',
      __meta_site: 'Lyon',
      __meta_team: 'sre',
      env: 'prod',
      site: 'Lyon',
      team: 'sre',
    },
  },
  {
    name: 'labelmap gives a name to the last of its rivals',
    labels: [
      ['x_a', 'a'],
      ['x_b', 'b'],
      ['x_c', 'c'],
    ],
    rules: [{ regex: 'x_.', replacement: 'y', action: 'labelmap' }],
    expected: { x_a: 'a', x_b: 'b', x_c: 'c', y: 'c' },
  },
  {
    name: 'labelmap does not check the name it makes, as Prometheus does not',
    labels: [['x_1', 'a']],
    rules: [{ regex: 'x_(.*)', action: 'labelmap' }],
    expected: { 1: 'a', x_1: 'a' },
  },
  {
    name: 'labeldrop and labelkeep choose labels by name',
    rules: [
      { regex: '__meta_.*', action: 'labeldrop' },
      { regex: '__.*', action: 'labelkeep' },
    ],
    expected: { __address__: '10.0.0.1:9100' },
  },
]

for (const { name, rules, labels = LABELS, expected } of cases) {
  t.test(name, async (t) => {
    const before = JSON.stringify(labels)
    const result = relabel(labels, compileRelabel(rules))
    t.same(isDropped(result) ? result : Object.fromEntries(result), expected)
    t.equal(JSON.stringify(labels), before, 'the labels that were given are not changed')
    if (!isDropped(result))
      t.same(
        result.map(([key]) => key),
        Object.keys(expected).sort(),
        'sorted',
      )
  })
}

t.test('labels that no rule changes are the same object', async (t) => {
  const rules = compileRelabel([
    { source_labels: ['env'], target_label: 'env' },
    { target_label: 'none', replacement: '' },
    { source_labels: ['env'], regex: 'prod', action: 'keep' },
    { regex: 'nothing', action: 'labeldrop' },
    { action: 'labelmap' },
  ])
  t.equal(relabel(LABELS, rules), LABELS)
})

t.test('steps show each rule before and after, up to the one that drops', async (t) => {
  const rules = compileRelabel([
    { regex: 'nothing', action: 'labeldrop' },
    { target_label: 'env', replacement: 'dev' },
    { source_labels: ['env'], regex: 'dev', action: 'drop' },
    { target_label: 'late', replacement: 'x' },
  ])
  const [first, second, third, ...rest] = [...relabelSteps(LABELS, rules)]
  t.equal(first?.before, LABELS)
  t.equal(first?.after, LABELS, 'a rule that changes nothing leaves the same object')
  t.match(second, { rule: 1, action: 'replace', before: LABELS })
  t.same(new Map(second?.after as Labels).get('env'), 'dev')
  t.match(third, { rule: 2, action: 'drop', before: second?.after, after: { droppedBy: 2 } })
  t.same(rest, [])
})

t.test('steps end where relabel ends', async (t) => {
  const rules = compileRelabel([
    { regex: '__meta_(.+)', action: 'labelmap' },
    { regex: '__.*', action: 'labeldrop' },
  ])
  t.same([...relabelSteps(LABELS, rules)].at(-1)?.after, relabel(LABELS, rules))
})
