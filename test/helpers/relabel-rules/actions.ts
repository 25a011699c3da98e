import { EMPTY_TARGET, type RuleCase } from './rule-case.ts'

const source_labels = ['env']

/** What each action asks for and refuses. */
export const actionsCases: readonly RuleCase[] = [
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
    problems: { modulus: /^is missing, 0 or too large; hashmod needs it/ },
  },
  {
    name: 'hashmod by 0',
    rule: { source_labels, modulus: 0, target_label: 'x', action: 'hashmod' },
    problems: { modulus: /^is missing, 0 or too large/ },
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
        /^"y" has no effect with uppercase, which uses source_labels, separator and target_label; remove the key$/,
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
        /^"\(\.\*\)" has no effect with keepequal, which uses source_labels and target_label only; remove the key$/,
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
      regex: /has no effect/,
      separator: /^"" has no effect/,
      replacement: /has no effect/,
      modulus: /^1 has no effect/,
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
      source_labels: /^\[\] has no effect with labeldrop, which uses regex only; remove the key$/,
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
      source_labels: /has no effect/,
      target_label: /has no effect/,
      modulus: /has no effect/,
      separator: /has no effect/,
      replacement: /has no effect/,
    },
  },
  {
    name: 'a number with several spellings',
    rule: { target_label: 'x', replacement: 1.5 },
    problems: { replacement: /^1\.5 is a number; put quotes around it to make it a text$/ },
    laxer: [2, 3],
  },
  {
    name: 'two things wrong',
    rule: { source_labels: ['-'], regex: '(', action: 'hashmod' },
    problems: { 'source_labels.0': /./, regex: /./, modulus: /./, target_label: /./ },
  },
]
