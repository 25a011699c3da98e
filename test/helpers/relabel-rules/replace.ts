import { EMPTY_TARGET, type RuleCase } from './rule-case.ts'

const source_labels = ['env']

/** Rules with the default action. */
export const replaceCases: readonly RuleCase[] = [
  { name: 'replace', rule: { source_labels, target_label: 'x' }, problems: {} },
  { name: 'replace without target_label', rule: { source_labels }, problems: { target_label: EMPTY_TARGET } },
  { name: 'no keys at all', rule: {}, problems: { target_label: EMPTY_TARGET } },
  { name: 'target_label null', rule: { target_label: null }, problems: { target_label: EMPTY_TARGET } },
  { name: 'target_label empty', rule: { target_label: '' }, problems: { target_label: EMPTY_TARGET } },
  {
    name: 'replace to no label name',
    rule: { target_label: 'a-b' },
    problems: {
      target_label:
        /^"a-b" is not a label name; use letters, digits and "_", and no digit first, or set label_names/,
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
]
