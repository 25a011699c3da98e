import { shown } from '../mapping/rejection.ts'
import type { Labels } from '../model/labels.ts'
import type { Masker } from '../model/mask.ts'
import type { RelabelConfig } from '../relabel/config.ts'
import { type ResolvedRelabel, resolveRelabel } from '../relabel/options.ts'

/**
 * Says which rule dropped a target and what it saw: `dropped by rule 3 (action drop, regex "test-.*" on
 * site="test-7")`.
 * @param index the position of the rule, from 0
 * @param labels those that the rule found
 */
export function describeDrop(config: RelabelConfig, index: number, labels: Labels, masker: Masker): string {
  const rule = resolveRelabel(config)
  const isEqual = rule.action === 'keepequal' || rule.action === 'dropequal'
  const why = isEqual ? describeEqual(rule, labels, masker) : describeRegex(rule, labels, masker)
  return `dropped by rule ${index + 1} (action ${rule.action}, ${why})`
}

function describeRegex(rule: ResolvedRelabel, labels: Labels, masker: Masker): string {
  return `regex ${shown(masker.text(rule.regex))} on ${describeSource(rule, labels, masker)}`
}

function describeEqual(rule: ResolvedRelabel, labels: Labels, masker: Masker): string {
  const verb = rule.action === 'dropequal' ? 'is' : 'is not'
  return `${describeSource(rule, labels, masker)} ${verb} ${describeLabel(rule.targetLabel, labels, masker)}`
}

function describeSource({ sourceLabels }: ResolvedRelabel, labels: Labels, masker: Masker): string {
  if (sourceLabels.length === 0) return 'no label'
  return sourceLabels.map((name) => describeLabel(name, labels, masker)).join(', ')
}

function describeLabel(name: string, labels: Labels, masker: Masker): string {
  const value = labels.find(([one]) => one === name)?.[1] ?? ''
  return `${name}=${shown(value === '' ? '' : masker.label(name, value))}`
}
