import { printable } from '../base/printable.ts'
import type {
  ExplainAnswer,
  ExplainedChange,
  ExplainedStep,
  ExplainedTarget,
  Explanation,
  LabelMap,
} from '../model/explanation.ts'
import { columns } from './printed.ts'

/** An answer as text for people. */
export function explanationText(answer: ExplainAnswer): string {
  const parts = answer.explanations.map(describe)
  return [`${printable(answer.verdict)}\n`, ...parts].join('\n')
}

function describe(explanation: Explanation): string {
  const rows: [string, string][] = [
    ['record', JSON.stringify(explanation.record)],
    ...explanation.targets.flatMap(describeTarget),
    ...explanation.dropped_labels.map((reason): [string, string] => ['label left out', reason]),
    ['verdict', explanation.verdict],
  ]
  const shown = rows.map(([name, text]) => [`  ${name}`, printable(text)])
  return `${printable(titleOf(explanation))}\n${columns(shown)}`
}

function titleOf({ source, position }: Explanation): string {
  if (position === null) return `${source}: in the served list`
  const { document, index } = position
  return index === null ? `${source}: in ${document}` : `${source}: record ${index} (from 0) of ${document}`
}

function describeTarget({ address, labels, steps, final, rejection }: ExplainedTarget): [string, string][] {
  const found: [string, string][] =
    address === null ? [] : [['target', address], ...labelRows('  labels', labels)]
  return [
    ...found,
    ...steps.map(describeStep),
    ...(rejection === null
      ? []
      : ([['quarantined', `${rejection.reason}: ${rejection.detail}`]] as [string, string][])),
    ...(final === null
      ? []
      : ([['  final', final.address], ...labelRows('  labels', final.labels)] as [string, string][])),
  ]
}

function labelRows(title: string, labels: LabelMap): [string, string][] {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return pairs.length === 0 ? [] : [[title, pairs.join(', ')]]
}

function describeStep({ rule, action, result, changes }: ExplainedStep): [string, string] {
  const what = result === 'changed' ? changes.map(describeChange).join(', ') : result
  return [`  rule ${rule}`, `${action}: ${what}`]
}

function describeChange({ label, before, after }: ExplainedChange): string {
  const text = (value: string | null) => (value === null ? '(none)' : JSON.stringify(value))
  return `${label} ${text(before)} → ${text(after)}`
}
