import type { Mapped } from '../mapping/mapping.ts'
import { type LabelDropReason, shown } from '../mapping/rejection.ts'
import type {
  ExplainedChange,
  ExplainedStep,
  ExplainedTarget,
  Explanation,
  Verdict,
} from '../model/explanation.ts'
import type { Labels } from '../model/labels.ts'
import { createMasker, type Masker } from '../model/mask.ts'
import { maskText } from '../model/mask-text.ts'
import { abridge } from '../model/nested.ts'
import type { Json } from '../model/record.ts'
import type { Target } from '../model/target-group.ts'
import { relabelChecked } from '../pipeline/apply-rules.ts'
import type { Plan } from '../pipeline/pipeline.ts'
import type { RelabelConfig } from '../relabel/config.ts'
import { isDropped, type RelabelStep, relabelSteps } from '../relabel/relabel.ts'
import { withAddress } from '../relabel/relabel-target.ts'
import { describeDrop } from './describe-drop.ts'

/** The parts of a source that explaining a record needs. */
export interface RecordContext {
  readonly source: string
  readonly plan: Plan
  /** The rules as they are written. */
  readonly relabelConfigs: readonly RelabelConfig[]
  /** The expression that selects a record, as configured; undefined: none. */
  readonly filter: string | undefined
  /** The verdict on a target that the rules did not drop; `address` is masked. */
  readonly verdictOf: (target: Target, address: string, position: RecordPosition) => Verdict
  /** Text that is added to each verdict of the source; may be empty. */
  readonly note: string
}

/** The document that holds a record, and its place in the list of records, from 0. */
export interface RecordPosition {
  readonly document: string
  readonly index: number
}

/** An expression is quoted up to this length, in UTF-16 units. */
const MAX_EXPRESSION = 300

/** An expression of the configuration, masked and shortened. */
export function quoted(expression: string): string {
  const text = maskText(expression.replaceAll(/\s+/g, ' ').trim(), () => {})
  return text.length <= MAX_EXPRESSION ? text : `${text.slice(0, MAX_EXPRESSION).toWellFormed()}…`
}

/** Explains one record, with the functions that the pipeline itself uses. */
export function explainRecord(record: Json, position: RecordPosition, context: RecordContext): Explanation {
  const mapped = context.plan.map(record)
  const droppedLabels: LabelDropReason[] = [...mapped.droppedLabels]
  const results = mapped.targets.map((target) => {
    const steps = [...relabelSteps(withAddress(target), context.plan.rules)]
    const result = relabelChecked(target, context.plan.rules, (reason) => droppedLabels.push(reason))
    return { target, steps, result }
  })
  // A rule that renames a label shows the same secret under another name.
  const masker = createMasker(
    record,
    results.flatMap(({ target, steps }) => [target.labels, ...steps.flatMap(({ after }) => kept(after))]),
  )
  const targets = [
    ...mapped.rejections.map((rejection) => explainRejection(rejection, masker)),
    ...results.map((one) => explainTarget(one, position, context, masker)),
  ]
  const verdicts = [...new Set(targets.map(({ verdict }) => verdict))]
  const without = mapped.isLeftOut === true ? leftOut(context) : lackOf(mapped)
  return {
    source: context.source,
    position: { ...position, document: masker.text(position.document) },
    record: masker.value(abridge(record)),
    targets,
    dropped_labels: droppedLabels,
    verdict: (verdicts.length === 0 ? without : numbered(verdicts)) + context.note,
  }
}

/** The verdicts on the targets of a record; several are numbered, since one may have parts itself. */
function numbered(verdicts: readonly string[]): string {
  return verdicts.length === 1
    ? String(verdicts[0])
    : verdicts.map((verdict, index) => `(${index + 1}) ${verdict}`).join('; ')
}

function leftOut({ filter }: RecordContext): string {
  return `not selected: the filter leaves it out: ${quoted(String(filter))}`
}

/** Why a record that is not quarantined makes no target. */
function lackOf({ lacking }: Mapped): string {
  return lacking === 0
    ? 'makes no target'
    : 'makes no target: it has no field of an optional target, or no item for for_each'
}

function kept(after: RelabelStep['after']): Labels[] {
  return isDropped(after) ? [] : [after]
}

function explainRejection(rejection: { reason: string; detail: string }, masker: Masker): ExplainedTarget {
  const told = { reason: rejection.reason, detail: masker.text(rejection.detail) }
  const verdict = quarantined(told)
  return { address: null, labels: {}, steps: [], final: null, rejection: told, served: false, verdict }
}

function quarantined({ reason, detail }: { reason: string; detail: string }): string {
  return `quarantined: ${reason}: ${detail}`
}

interface Relabelled {
  readonly target: Target
  readonly steps: readonly RelabelStep[]
  readonly result: ReturnType<typeof relabelChecked>
}

function explainTarget(
  { target, steps, result }: Relabelled,
  position: RecordPosition,
  context: RecordContext,
  masker: Masker,
): ExplainedTarget {
  const before = {
    address: masker.text(target.address),
    labels: masker.labels(target.labels),
    steps: steps.map((step) => explainStep(step, masker)),
    final: null,
    rejection: null,
    served: false,
  }
  if ('rejection' in result) {
    const { steps: ran, address, labels } = before
    return { ...explainRejection(result.rejection, masker), address, labels, steps: ran }
  }
  if ('dropped' in result) {
    const rule = result.dropped.droppedBy
    const labels = (steps.at(-1) as RelabelStep).before
    const config = context.relabelConfigs[rule] as RelabelConfig
    return { ...before, verdict: describeDrop(config, rule, labels, masker) }
  }
  const address = masker.text(result.target.address)
  const final = { address, labels: masker.labels(result.target.labels) }
  const { text, isServed } = context.verdictOf(result.target, address, position)
  const verdict = [text, ...overwritten(before.steps)].join('; ')
  return { ...before, final, served: isServed, verdict }
}

/** The number of overwritten labels that a verdict names. */
const MAX_OVERWRITTEN = 3

/** The labels that rules overwrote, except those that start with `__`, which no series has. */
function overwritten(steps: readonly ExplainedStep[]): string[] {
  const changes = steps.flatMap(({ rule, changes }) =>
    changes
      .filter(({ label, before, after }) => !label.startsWith('__') && before !== null && after !== null)
      .map(
        ({ label, before, after }) =>
          `rule ${rule} overwrites ${label}: ${shown(before)} becomes ${shown(after)}`,
      ),
  )
  return changes.slice(0, MAX_OVERWRITTEN)
}

function explainStep({ rule, action, before, after }: RelabelStep, masker: Masker): ExplainedStep {
  const about = { rule: rule + 1, action }
  if (isDropped(after)) return { ...about, result: 'dropped', changes: [] }
  const changes = changesOf(before, after, masker)
  return { ...about, result: changes.length === 0 ? 'unchanged' : 'changed', changes }
}

function changesOf(before: Labels, after: Labels, masker: Masker): ExplainedChange[] {
  const [old, now] = [new Map(before), new Map(after)]
  const show = (name: string, value: string | undefined) =>
    value === undefined ? null : masker.label(name, value)
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((name) => old.get(name) !== now.get(name))
    .sort()
    .map((label) => ({
      label,
      before: show(label, old.get(label)),
      after: show(label, now.get(label)),
    }))
}
