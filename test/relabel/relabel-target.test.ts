import t from 'tap'
import type { Target } from '../../src/model/target-group.ts'
import type { RelabelConfig } from '../../src/relabel/config.ts'
import { compileRelabel } from '../../src/relabel/relabel.ts'
import { relabelTarget } from '../../src/relabel/relabel-target.ts'

const TARGET: Target = {
  address: 'a:1',
  labels: [
    ['A', 'x'],
    ['__tmp', 'y'],
    ['env', 'prod'],
  ],
}

const cases: readonly { name: string; rules: readonly RelabelConfig[]; target?: Target; expected: object }[] =
  [
    {
      name: 'the address is a label like any other',
      rules: [
        {
          source_labels: ['__address__'],
          regex: '(.*):.*',
          target_label: '__address__',
          replacement: '$1:2',
        },
      ],
      expected: { address: 'a:2', labels: TARGET.labels },
    },
    {
      name: 'a label is written from the address',
      rules: [{ source_labels: ['__address__'], target_label: 'instance' }],
      expected: { address: 'a:1', labels: [...TARGET.labels, ['instance', 'a:1']] },
    },
    {
      name: 'an address that the rules remove is empty',
      rules: [{ regex: '__.*', action: 'labeldrop' }],
      expected: {
        address: '',
        labels: [
          ['A', 'x'],
          ['env', 'prod'],
        ],
      },
    },
    {
      name: 'a dropped target says by which rule',
      rules: [{ action: 'drop' }],
      expected: { droppedBy: 0 },
    },
    {
      name: 'a target without labels has an address',
      target: { address: 'a:1', labels: [] },
      rules: [{ source_labels: ['__address__'], regex: 'a:1', action: 'keep' }],
      expected: { address: 'a:1', labels: [] },
    },
  ]

function unexpected(name: string): never {
  throw new Error(`${name} is not a misnamed label`)
}

for (const { name, rules, target = TARGET, expected } of cases) {
  t.test(name, async (t) => t.same(relabelTarget(target, compileRelabel(rules), unexpected), expected))
}

t.test('without rules the target is the same object', async (t) => {
  t.equal(relabelTarget(TARGET, [], unexpected), TARGET)
})

t.test('labels stay the same object when only the address changes', async (t) => {
  const rules = compileRelabel([{ target_label: '__address__', replacement: 'b:1' }])
  t.equal((relabelTarget(TARGET, rules, unexpected) as Target).labels, TARGET.labels)
})

const mapped: readonly [
  name: string,
  rule: RelabelConfig,
  misnamed: readonly string[],
  labels: Target['labels'],
][] = [
  [
    'names that labelmap makes are left out when they are none',
    { regex: 'x_(.*)', action: 'labelmap' },
    ['', '2fa'],
    [
      ['b', 'b'],
      ['x_', 'c'],
      ['x_2fa', 'a'],
      ['x_b', 'b'],
    ],
  ],
  [
    'names that begin with a letter are names',
    { regex: 'x_(.*)', replacement: 'y_$1', action: 'labelmap' },
    [],
    [
      ['x_', 'c'],
      ['x_2fa', 'a'],
      ['x_b', 'b'],
      ['y_', 'c'],
      ['y_2fa', 'a'],
      ['y_b', 'b'],
    ],
  ],
]

for (const [name, rule, misnamed, labels] of mapped) {
  t.test(name, async (t) => {
    const target: Target = {
      address: 'a:1',
      labels: [
        ['x_', 'c'],
        ['x_2fa', 'a'],
        ['x_b', 'b'],
      ],
    }
    const found: string[] = []
    const result = relabelTarget(target, compileRelabel([rule]), (label) => found.push(label))
    t.same(result, { address: 'a:1', labels })
    t.same(found, misnamed)
  })
}

t.test('a misnamed label is there for the rules that follow', async (t) => {
  const rules = compileRelabel([
    { regex: 'x_(.)(.*)', replacement: '${1}${2}', action: 'labelmap' },
    { regex: '2(.*)', replacement: 'two_$1', action: 'labelmap' },
    { regex: '2.*|x_.*', action: 'labeldrop' },
  ])
  const target: Target = { address: 'a:1', labels: [['x_2fa', 'a']] }
  t.same(relabelTarget(target, rules, unexpected), { address: 'a:1', labels: [['two_fa', 'a']] })
})
