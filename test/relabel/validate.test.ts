import t from 'tap'
import { compileRelabel } from '../../src/relabel/relabel.ts'
import { validateRelabel } from '../../src/relabel/validate.ts'
import { ruleCases } from '../helpers/relabel-rules/all.ts'

for (const { name, rule, problems } of ruleCases) {
  t.test(`says what is wrong with a rule: ${name}`, async (t) => {
    const found = validateRelabel(rule)
    t.same(found.map(({ path }) => path.join('.')).sort(), Object.keys(problems).sort())
    for (const { path, message } of found) t.match(message, problems[path.join('.')])
    if (found.length === 0) t.doesNotThrow(() => compileRelabel([rule]))
  })
}

t.test('with UTF-8 names any text is a name, as in Prometheus 3', async (t) => {
  const rows: [rule: Parameters<typeof validateRelabel>[0], path: string | undefined][] = [
    [{ source_labels: ['a.b', 'é'], target_label: 'x-y' }, undefined],
    [{ source_labels: ['a'], target_label: '$1.b' }, undefined],
    [{ source_labels: ['a'], target_label: 'a.b', action: 'lowercase' }, undefined],
    [{ source_labels: ['a'], target_label: 'a.b', modulus: 2, action: 'hashmod' }, undefined],
    [{ regex: 'a', replacement: '$1.b', action: 'labelmap' }, undefined],
    [{ source_labels: [''], target_label: 'a' }, 'source_labels.0'],
    [{ source_labels: ['a'], target_label: '\ud800' }, 'target_label'],
    [{ regex: 'a', replacement: '', action: 'labelmap' }, 'replacement'],
  ]
  for (const [rule, path] of rows) {
    const found = validateRelabel(rule, 'utf8').map((problem) => problem.path.join('.'))
    t.same(found, path === undefined ? [] : [path], JSON.stringify(rule))
  }
})

t.test('a key that has no meaning is pointed at, not its value', async (t) => {
  const [problem] = validateRelabel({ regex: 'a', separator: '-', action: 'labeldrop' })
  t.match(problem, { path: ['separator'], atKey: true })
})

t.test('a long value is cut in messages', async (t) => {
  const [problem] = validateRelabel({ target_label: '-'.repeat(500) })
  t.match(problem?.message, /^"-{118}… is not a label name/)
})
