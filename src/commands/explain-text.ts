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

/** An explanation as text for people. */
export function explanationText(answer: ExplainAnswer): string {
  const parts = answer.explanations.map(describe)
  return [`${printable(answer.verdict)}\n`, ...parts].join('\n')
}

function describe(explanation: Explanation): string {
  const rows: Row[] = [
    ['record', JSON.stringify(explanation.record)],
    ...explanation.targets.flatMap(describeTarget),
    ...explanation.dropped_labels.map((reason): Row => ['label left out', reason]),
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

type Row = [name: string, text: string]

function describeTarget({ address, labels, steps, final, rejection }: ExplainedTarget): Row[] {
  const rows: Row[] = []
  if (address !== null) rows.push(['target', address], labelRow(labels))
  rows.push(...steps.map(describeStep))
  if (rejection !== null) rows.push(['quarantined', `${rejection.reason}: ${rejection.detail}`])
  if (final !== null) rows.push(['  final', final.address], labelRow(final.labels))
  return rows
}

/** A target always has at least one label, that of its source. */
function labelRow(labels: LabelMap): Row {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return ['  labels', pairs.join(', ')]
}

function describeStep({ rule, action, result, changes }: ExplainedStep): Row {
  const what = result === 'changed' ? changes.map(describeChange).join(', ') : result
  return [`  rule ${rule}`, `${action}: ${what}`]
}

function describeChange({ label, before, after }: ExplainedChange): string {
  const text = (value: string | null) => (value === null ? '(none)' : JSON.stringify(value))
  return `${label} ${text(before)} → ${text(after)}`
}
