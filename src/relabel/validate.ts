import { suggest } from '../base/suggest.ts'
import { isLabelName, type LabelNames } from '../model/labels.ts'
import type { RelabelConfig } from './config.ts'
import { RELABEL_ACTIONS, RELABEL_DEFAULTS } from './defaults.ts'
import { type ResolvedRelabel, resolveRelabel } from './options.ts'
import { patternFault } from './pattern.ts'

type Key = keyof RelabelConfig

/** One problem of a rule. */
export interface RelabelProblem {
  /** Steps from the rule to the value: its key, and for a list the position in it. */
  readonly path: readonly [key: Key, index?: number]
  readonly message: string
  /** Point at the key rather than at its value. */
  readonly atKey?: boolean
}

const A_LABEL_NAME =
  'a label name; use letters, digits and "_", and no digit first, or set label_names: utf8 if every poller is Prometheus 3'

/** A name with references: Prometheus's `relabelTarget`, written so that it needs no backtracking. */
const NAME_TEMPLATE = /^(?:[a-zA-Z_]|\$\w|\$\{\w+\})(?:\w|\$\w|\$\{\w+\})*$/

/** Whether a text is a name, or can become one if it has references; with `utf8` any text can. */
type IsName = (text: string, hasReferences?: boolean) => boolean

/**
 * Finds all problems of a rule for which Prometheus would refuse to load it. Label names are checked as in Prometheus 2,
 * unless they are `utf8`, which Prometheus 2 rejects in the served list. Never throws.
 * @param config a rule that fits `relabelSchema`
 */
export function validateRelabel(config: RelabelConfig, names: LabelNames = 'legacy'): RelabelProblem[] {
  const rule = resolveRelabel(config)
  const isName: IsName = (text, hasReferences) =>
    hasReferences === true && names === 'legacy' ? NAME_TEMPLATE.test(text) : isLabelName(text, names)
  return [
    ...checkSourceLabels(rule, isName),
    ...checkTexts(config),
    ...checkRegex(rule),
    ...(isKnown(rule.action) ? checkAction(config, rule, isName) : [unknownAction(config, rule.action)]),
  ]
}

function isKnown(action: string): boolean {
  return RELABEL_ACTIONS.some((known) => known === action)
}

function unknownAction(config: RelabelConfig, action: string): RelabelProblem {
  const near = suggest(action, RELABEL_ACTIONS)
  const known = `write one of ${RELABEL_ACTIONS.join(', ')}`
  const message =
    action === ''
      ? `is empty; ${known}, or remove the key for the default ${RELABEL_DEFAULTS.action}`
      : `${shown(config.action)} is not a relabel action; ${near === undefined ? known : `did you mean ${near}?`}`
  return { path: ['action'], message }
}

function checkSourceLabels({ sourceLabels }: ResolvedRelabel, isName: IsName): RelabelProblem[] {
  return sourceLabels.flatMap((name, index) =>
    isName(name) ? [] : [{ path: ['source_labels', index], message: isNot(name, A_LABEL_NAME) }],
  )
}

/** Refuses numbers that would change: Prometheus reads them as texts, so 1.0 must not silently become 1. */
function checkTexts(config: RelabelConfig): RelabelProblem[] {
  const keys = ['separator', 'target_label', 'regex', 'replacement'] as const
  return keys.flatMap((key) => {
    const value = config[key]
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return []
    return [{ path: [key], message: `${shown(value)} is a number; put quotes around it to make it a text` }]
  })
}

function checkRegex({ regex }: ResolvedRelabel): RelabelProblem[] {
  const fault = patternFault(regex)
  if (fault === undefined) return []
  const at = fault.at === regex ? '' : ` at ${shown(fault.at)}`
  const message = `${shown(regex)} is not an RE2 expression: ${fault.reason}${at}; ${remedy(fault)}`
  return [{ path: ['regex'], message }]
}

function remedy({ reason, at }: { reason: string; at: string }): string {
  if (/^\(\?<?[=!]/.test(at)) return 'RE2 has no look-around; use a separate keep or drop rule instead'
  if (/^\\[1-9]/.test(at)) return 'RE2 has no back-references; compare two labels with keepequal or dropequal'
  if (reason.startsWith('duplicate')) return 'give each group its own name'
  return 'see https://github.com/google/re2/wiki/Syntax'
}

function checkAction(config: RelabelConfig, rule: ResolvedRelabel, isName: IsName): RelabelProblem[] {
  switch (rule.action) {
    case 'replace':
      return checkTargetLabel(rule, isName, rule.targetLabel.includes('$'))
    case 'hashmod':
      return [...checkModulus(rule), ...checkTargetLabel(rule, isName)]
    case 'lowercase':
    case 'uppercase':
      return [...checkTargetLabel(rule, isName), ...forbid(config, rule, ['replacement'], TARGET_ONLY)]
    case 'keepequal':
    case 'dropequal':
      return [...checkTargetLabel(rule, isName), ...forbid(config, rule, NOT_FOR_EQUAL, EQUAL_ONLY)]
    case 'labelmap':
      return checkNameReplacement(rule, isName)
    case 'labeldrop':
    case 'labelkeep':
      return forbid(config, rule, NOT_FOR_LABELS, 'regex only')
    default:
      return []
  }
}

const TARGET_ONLY = 'source_labels, separator and target_label'
const EQUAL_ONLY = 'source_labels and target_label only'
const NOT_FOR_EQUAL: readonly Key[] = ['regex', 'modulus', 'separator', 'replacement']
const NOT_FOR_LABELS: readonly Key[] = [
  'source_labels',
  'target_label',
  'modulus',
  'separator',
  'replacement',
]

function checkTargetLabel(
  { action, targetLabel }: ResolvedRelabel,
  isName: IsName,
  template = false,
): RelabelProblem[] {
  if (targetLabel === '') {
    const message = `is missing or empty; ${action} needs it: the name of the label ${ROLES[action] ?? 'to write'}`
    return [{ path: ['target_label'], message }]
  }
  if (isName(targetLabel, template)) return []
  const expected = template ? `${A_LABEL_NAME}, and references such as $1 or \${name}` : A_LABEL_NAME
  const message = isNot(targetLabel, expected)
  return [{ path: ['target_label'], message }]
}

const ROLES: Readonly<Record<string, string>> = { keepequal: 'to compare with', dropequal: 'to compare with' }

function checkModulus({ modulus }: ResolvedRelabel): RelabelProblem[] {
  if (modulus !== 0 && modulus !== 0n) return []
  const message =
    'is missing, 0 or too large; hashmod needs it: the number of shards, 1 to 18446744073709551615'
  return [{ path: ['modulus'], message }]
}

function checkNameReplacement({ replacement }: ResolvedRelabel, isName: IsName): RelabelProblem[] {
  if (isName(replacement, true)) return []
  const expected = `a name for labelmap to write; use letters, digits, "_" and references such as $1 or \${name}`
  return [{ path: ['replacement'], message: isNot(replacement, expected) }]
}

/** As in Prometheus, a key that is set to its default is allowed, except regex and source_labels. */
function forbid(
  config: RelabelConfig,
  rule: ResolvedRelabel,
  keys: readonly Key[],
  allowed: string,
): RelabelProblem[] {
  const given: Record<Key, boolean> = {
    action: true,
    regex: config.regex !== undefined,
    source_labels: config.source_labels !== undefined && config.source_labels !== null,
    modulus: rule.modulus !== 0,
    target_label: rule.targetLabel !== '',
    separator: rule.separator !== RELABEL_DEFAULTS.separator,
    replacement: rule.replacement !== RELABEL_DEFAULTS.replacement,
  }
  return keys
    .filter((key) => given[key])
    .map((key) => ({
      path: [key],
      message: `${shown(config[key])} has no effect with ${rule.action}, which uses ${allowed}; remove the key`,
      atKey: true,
    }))
}

function isNot(value: string, expected: string): string {
  return `${shown(value)} is not ${expected}`
}

function shown(value: unknown): string {
  const json = JSON.stringify(value)
  return json.length <= 120 ? json : `${json.slice(0, 119)}…`
}
