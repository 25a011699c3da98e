import type { RelabelConfig } from '../../src/relabel/options.ts'

/** A rule, and what is wrong with it: the keys, each with a part of its message; none when it is right. */
export interface RuleCase {
  readonly name: string
  readonly rule: RelabelConfig
  readonly problems: Readonly<Record<string, RegExp>>
  /** Prometheus of these major versions does not mind, although we do. */
  readonly laxer?: readonly (2 | 3)[]
}

const source_labels = ['env']
const EMPTY_TARGET = /^is missing or empty; \w+ needs it: the name of the label to /

/** What Prometheus accepts and refuses at load; `relabel-load.test.ts` asks promtool too. */
export const ruleCases: readonly RuleCase[] = [
  { name: 'replace', rule: { source_labels, target_label: 'x' }, problems: {} },
  { name: 'replace without target_label', rule: { source_labels }, problems: { target_label: EMPTY_TARGET } },
  { name: 'no keys at all', rule: {}, problems: { target_label: EMPTY_TARGET } },
  { name: 'target_label null', rule: { target_label: null }, problems: { target_label: EMPTY_TARGET } },
  { name: 'target_label empty', rule: { target_label: '' }, problems: { target_label: EMPTY_TARGET } },
  {
    name: 'replace to no label name',
    rule: { target_label: 'a-b' },
    problems: {
      target_label: /^"a-b" is not a label name; use letters, digits and "_", and no digit first$/,
    },
    laxer: [3],
  },
  {
    name: 'replace to a name that begins with a digit',
    rule: { target_label: '1a' },
    problems: { target_label: /^"1a" is not a label name/ },
    laxer: [3],
  },
  { name: 'replace to a template', rule: { target_label: 'a_${1}_$2x${name}9' }, problems: {} },
  { name: 'replace to a group alone', rule: { target_label: '${3}' }, problems: {} },
  { name: 'replace to a number', rule: { target_label: '$3' }, problems: {} },
  {
    name: 'replace to an open brace',
    rule: { target_label: 'a${1' },
    problems: { target_label: /references such as \$1 or \$\{name\}$/ },
    laxer: [3],
  },
  {
    name: 'replace to empty braces',
    rule: { target_label: '${}' },
    problems: { target_label: /not a label name/ },
    laxer: [3],
  },
  {
    name: 'replace to two dollar signs',
    rule: { target_label: '$$' },
    problems: { target_label: /not a label name/ },
    laxer: [3],
  },
  {
    name: 'replace to a digit and a group',
    rule: { target_label: '1$1' },
    problems: { target_label: /not a label name/ },
    laxer: [3],
  },
  {
    name: 'replace to a dot and a group',
    rule: { target_label: '$1.x' },
    problems: { target_label: /not a label name/ },
    laxer: [3],
  },
  {
    name: 'replace with every key',
    rule: {
      source_labels,
      separator: '',
      regex: '',
      modulus: 3,
      replacement: '',
      target_label: 'x',
      action: 'replace',
    },
    problems: {},
  },
  {
    name: 'empty keys',
    rule: {
      source_labels: null,
      separator: null,
      regex: null,
      modulus: null,
      replacement: null,
      target_label: 'x',
    },
    problems: {},
  },
  {
    name: 'numbers as texts',
    rule: { source_labels, separator: 1, regex: 80, replacement: 9100, target_label: 'x' },
    problems: {},
  },
  {
    name: 'booleans as texts',
    rule: { source_labels, regex: true, replacement: false, target_label: 'x' },
    problems: {},
  },
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
    problems: { action: /^is empty; write one of .*: it is then replace$/ },
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
  { name: 'keep without anything', rule: { action: 'keep' }, problems: {} },
  {
    name: 'drop with a target label that has no meaning',
    rule: { action: 'drop', target_label: '-', modulus: 1 },
    problems: {},
  },
  {
    name: 'hashmod',
    rule: { source_labels, modulus: 4, target_label: 'x', action: 'hashmod' },
    problems: {},
  },
  {
    name: 'hashmod without modulus',
    rule: { source_labels, target_label: 'x', action: 'hashmod' },
    problems: { modulus: /^is missing or 0; hashmod needs it/ },
  },
  {
    name: 'hashmod by 0',
    rule: { source_labels, modulus: 0, target_label: 'x', action: 'hashmod' },
    problems: { modulus: /^is missing or 0/ },
  },
  {
    name: 'hashmod without target_label',
    rule: { source_labels, modulus: 4, action: 'hashmod' },
    problems: { target_label: EMPTY_TARGET },
  },
  {
    name: 'hashmod to a template',
    rule: { source_labels, modulus: 4, target_label: 'x$1', action: 'hashmod' },
    problems: { target_label: /^"x\$1" is not a label name; [^$]*$/ },
    laxer: [3],
  },
  {
    name: 'lowercase',
    rule: { source_labels, target_label: 'x', regex: 'x', modulus: 1, action: 'lowercase' },
    problems: {},
  },
  {
    name: 'lowercase without target_label',
    rule: { source_labels, action: 'lowercase' },
    problems: { target_label: EMPTY_TARGET },
  },
  {
    name: 'lowercase to a template',
    rule: { source_labels, target_label: '$1', action: 'lowercase' },
    problems: { target_label: /not a label name/ },
    laxer: [2, 3],
  },
  {
    name: 'uppercase with replacement',
    rule: { source_labels, target_label: 'x', replacement: 'y', action: 'uppercase' },
    problems: {
      replacement:
        /^"y" has no meaning for uppercase, which takes source_labels, separator and target_label; remove the key$/,
    },
  },
  {
    name: 'uppercase with the default replacement',
    rule: { source_labels, target_label: 'x', replacement: '$1', action: 'uppercase' },
    problems: {},
  },
  { name: 'keepequal', rule: { source_labels, target_label: 'x', action: 'keepequal' }, problems: {} },
  {
    name: 'keepequal without target_label',
    rule: { source_labels, action: 'keepequal' },
    problems: { target_label: /keepequal needs it: the name of the label to compare with$/ },
  },
  {
    name: 'keepequal with the default regex',
    rule: { source_labels, target_label: 'x', regex: '(.*)', action: 'keepequal' },
    problems: {
      regex:
        /^"\(\.\*\)" has no meaning for keepequal, which takes source_labels and target_label only; remove the key$/,
    },
  },
  {
    name: 'keepequal with default separator and replacement',
    rule: {
      source_labels,
      target_label: 'x',
      separator: ';',
      replacement: '$1',
      modulus: 0,
      action: 'keepequal',
    },
    problems: {},
  },
  {
    name: 'dropequal with all that it does not take',
    rule: {
      source_labels,
      target_label: 'x',
      regex: 'x',
      separator: '',
      replacement: 'y',
      modulus: 1,
      action: 'dropequal',
    },
    problems: {
      regex: /no meaning/,
      separator: /^"" has no meaning/,
      replacement: /no meaning/,
      modulus: /^1 has no meaning/,
    },
  },
  {
    name: 'dropequal to no label name',
    rule: { source_labels, target_label: 'a-b', action: 'dropequal' },
    problems: { target_label: /not a label name/ },
    laxer: [3],
  },
  { name: 'labelmap', rule: { regex: 'a_(.+)', action: 'labelmap' }, problems: {} },
  {
    name: 'labelmap to a template',
    rule: { regex: 'a_(.+)', replacement: 'b_${1}', action: 'labelmap' },
    problems: {},
  },
  {
    name: 'labelmap to no name',
    rule: { regex: 'a_(.+)', replacement: 'b-$1', action: 'labelmap' },
    problems: { replacement: /^"b-\$1" is not a name for labelmap to write/ },
    laxer: [3],
  },
  {
    name: 'labelmap to nothing',
    rule: { regex: 'a_(.+)', replacement: '', action: 'labelmap' },
    problems: { replacement: /^"" is not a name/ },
  },
  {
    name: 'labelmap with keys that have no meaning',
    rule: { source_labels, target_label: '-', separator: '', modulus: 1, action: 'labelmap' },
    problems: {},
  },
  { name: 'labeldrop', rule: { regex: 'a.*', action: 'labeldrop' }, problems: {} },
  {
    name: 'labeldrop with defaults',
    rule: {
      source_labels: null,
      target_label: '',
      modulus: 0,
      separator: ';',
      replacement: '$1',
      regex: 'a',
      action: 'labeldrop',
    },
    problems: {},
  },
  {
    name: 'labeldrop with an empty list of source labels',
    rule: { source_labels: [], regex: 'a', action: 'labeldrop' },
    problems: {
      source_labels: /^\[\] has no meaning for labeldrop, which takes regex only; remove the key$/,
    },
  },
  {
    name: 'labelkeep with all that it does not take',
    rule: {
      source_labels,
      target_label: 'x',
      modulus: 1,
      separator: '',
      replacement: '',
      regex: 'a',
      action: 'labelkeep',
    },
    problems: {
      source_labels: /no meaning/,
      target_label: /no meaning/,
      modulus: /no meaning/,
      separator: /no meaning/,
      replacement: /no meaning/,
    },
  },
  {
    name: 'a number with several spellings',
    rule: { target_label: 'x', replacement: 1.5 },
    problems: { replacement: /^1\.5 is a number; put quotes around it: it is meant as a text$/ },
    laxer: [2, 3],
  },
  {
    name: 'two things wrong',
    rule: { source_labels: ['-'], regex: '(', action: 'hashmod' },
    problems: { 'source_labels.0': /./, regex: /./, modulus: /./, target_label: /./ },
  },
]
