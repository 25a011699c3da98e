import t from 'tap'
import { compileTemplate, expand } from '../../src/relabel/template.ts'

const NAMES = new Map([
  ['name', 1],
  ['1x', 2],
  ['01', 3],
])
const GROUPS = ['whole', 'one', 'two', 'three', undefined]

const cases: readonly [name: string, template: string, expected: string][] = [
  ['text', 'plain', 'plain'],
  ['nothing', '', ''],
  ['a number', 'x$1-', 'xone-'],
  ['a number in braces', '${1}x', 'onex'],
  ['the whole match', '$0', 'whole'],
  ['the longest name is taken', '$1x', 'two'],
  ['a name', '$name.', 'one.'],
  ['a name in braces', '${name}s', 'ones'],
  ['an unknown name is empty', '<$names>', '<>'],
  ['a number beyond the groups is empty', '<$9>', '<>'],
  ['a group that took no part is empty', '<$4>', '<>'],
  ['a leading zero makes a name', '$01', 'three'],
  ['ten digits are a name', '<$1234567890>', '<>'],
  ['nine digits are a number', '<$123456789>', '<>'],
  ['two dollar signs are one', '$$1 $$', '$1 $'],
  ['three dollar signs', '$$$1', '$one'],
  ['a dollar sign at the end', 'x$', 'x$'],
  ['a dollar sign before a space', '$ 1', '$ 1'],
  ['an open brace', '${1', '${1'],
  ['empty braces', '${}', '${}'],
  ['a space in braces', '${ 1}', '${ 1}'],
  ['letters of any script are a name', '<$été>', '<>'],
  ['a sign ends a name', '$1→$2', 'one→two'],
]

for (const [name, template, expected] of cases) {
  t.test(`expands as Go does: ${name}`, async (t) => {
    t.equal(expand(compileTemplate(template, NAMES), GROUPS), expected)
  })
}
