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

t.test('a key that has no meaning is pointed at, not its value', async (t) => {
  const [problem] = validateRelabel({ regex: 'a', separator: '-', action: 'labeldrop' })
  t.match(problem, { path: ['separator'], atKey: true })
})

t.test('a long value is cut in messages', async (t) => {
  const [problem] = validateRelabel({ target_label: '-'.repeat(500) })
  t.match(problem?.message, /^"-{118}… is not a label name/)
})
