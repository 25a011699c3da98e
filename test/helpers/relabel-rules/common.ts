import type { RuleCase } from './rule-case.ts'

const source_labels = ['env']

/** The action, the source labels and the regex of any rule. */
export const commonCases: readonly RuleCase[] = [
  {
    name: 'an action that is none',
    rule: { source_labels, regex: 'x', action: 'keeep' },
    problems: { action: /^"keeep" is not a relabel action; did you mean "?keep"?\?$/ },
  },
  {
    name: 'an action that is nothing like one',
    rule: { action: 'something-else' },
    problems: { action: /^"something-else" is not a relabel action; write one of replace, keep, / },
  },
  {
    name: 'an empty action',
    rule: { action: '', target_label: 'x' },
    problems: { action: /^is empty; write one of .* for the default replace$/ },
  },
  { name: 'an action in upper case', rule: { action: 'KEEP', source_labels }, problems: {} },
  {
    name: 'source label with a hyphen',
    rule: { source_labels: ['env', 'a-b'], target_label: 'x' },
    problems: { 'source_labels.1': /^"a-b" is not a label name/ },
    laxer: [3],
  },
  {
    name: 'empty source label',
    rule: { source_labels: [''], target_label: 'x' },
    problems: { 'source_labels.0': /^"" is not a label name/ },
  },
  { name: 'no source labels', rule: { source_labels: [], target_label: 'x' }, problems: {} },
  {
    name: 'regex with look-ahead',
    rule: { regex: 'a(?=b)', action: 'keep' },
    problems: {
      regex:
        /^"a\(\?=b\)" is not an RE2 expression: invalid or unsupported Perl syntax at "\(\?="; RE2 has no look-around/,
    },
  },
  {
    name: 'regex with look-behind',
    rule: { regex: '(?<!a)b', action: 'keep' },
    problems: { regex: /RE2 has no look-around/ },
  },
  {
    name: 'regex with a back-reference',
    rule: { regex: '(a)\\1', action: 'keep' },
    problems: { regex: /RE2 has no back-references/ },
  },
  {
    name: 'regex with an open group',
    rule: { regex: '(a', action: 'drop' },
    problems: { regex: /^"\(a" is not an RE2 expression: missing closing \); see https:/ },
  },
  {
    name: 'regex that repeats nothing',
    rule: { regex: '*', action: 'drop' },
    problems: { regex: /missing argument to repetition operator; see/ },
  },
  {
    name: 'regex that repeats too often',
    rule: { regex: 'a{1001}', action: 'drop' },
    problems: { regex: /invalid repeat count at "\{1001\}"/ },
  },
  {
    name: 'regex with an unknown class',
    rule: { regex: '\\p{Foo}', action: 'drop' },
    problems: { regex: /invalid character class range/ },
  },
  {
    name: 'regex with a possessive repetition',
    rule: { regex: 'a++', action: 'drop' },
    problems: { regex: /invalid nested repetition operator/ },
  },
  {
    name: 'regex with two groups of one name',
    rule: { regex: '(?P<a>.)(?P<a>.)', action: 'drop' },
    problems: { regex: /duplicate capture group name at "a"; give each group its own name$/ },
    laxer: [2, 3],
  },
  { name: 'regex that closes the anchors', rule: { regex: 'a)|(?:b', action: 'drop' }, problems: {} },
]
