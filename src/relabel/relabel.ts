import { isLabelName, type LabelNames, type Labels } from '../model/labels.ts'
import type { RelabelConfig } from './config.ts'
import type { RelabelAction } from './defaults.ts'
import type { Draft } from './draft.ts'
import { resolveRelabel } from './options.ts'
import { ACTIONS, type Apply } from './rules.ts'

/** The rule that dropped a target, counted from 0. */
export interface Dropped {
  readonly droppedBy: number
}

/** One compiled rule. */
export interface RelabelRule {
  readonly action: RelabelAction
  readonly apply: Apply
  readonly dropped: Dropped
  /** Set when the rule can write an invalid label name, which only labelmap can; checks a name. */
  readonly isName?: (name: string) => boolean
}

/** One rule applied: the labels before and after it. */
export interface RelabelStep {
  /** The position of the rule, from 0. */
  readonly rule: number
  readonly action: RelabelAction
  readonly before: Labels
  /** The same object as `before` when the rule changed nothing. */
  readonly after: Labels | Dropped
}

/**
 * Compiles `relabel_configs` once for all targets. Rules cache a limited number of results, so a compiled list is for one
 * thread; its results depend only on its input.
 * @param configs rules in which `validateRelabel` finds no problem
 */
export function compileRelabel(
  configs: readonly RelabelConfig[],
  names: LabelNames = 'legacy',
): readonly RelabelRule[] {
  const isName = (name: string) => isLabelName(name, names)
  return configs.map((config, index) => {
    const rule = resolveRelabel(config)
    const action = rule.action as RelabelAction
    // A replacement that begins with a letter or "_" always gives a valid name.
    const mayMisname = action === 'labelmap' && rule.replacement.startsWith('$')
    const compiled = { action, apply: ACTIONS[action](rule, isName), dropped: { droppedBy: index } }
    return mayMisname ? { ...compiled, isName } : compiled
  })
}

/**
 * Relabels one target as Prometheus does (`model/relabel`). `__address__` is a label like any other here. As in
 * Prometheus, labelmap can give a label an invalid name (empty, or beginning with a digit).
 * @param labels sorted by name and without empty values; they are not changed
 * @returns the labels, sorted (the same object when no rule changed any), or which rule dropped the target
 */
export function relabel(labels: Labels, rules: readonly RelabelRule[]): Labels | Dropped {
  return relabelDraft({ pairs: labels, owned: false }, rules)
}

/** Relabels a draft; its pairs are the result. */
export function relabelDraft(draft: Draft, rules: readonly RelabelRule[]): Labels | Dropped {
  for (const { apply, dropped } of rules) if (!apply(draft)) return dropped
  return draft.pairs
}

/** Relabels one target step by step; the last step's `after` is what {@link relabel} returns. */
export function* relabelSteps(labels: Labels, rules: readonly RelabelRule[]): Generator<RelabelStep, void> {
  let before = labels
  for (const [index, rule] of rules.entries()) {
    const after = relabel(before, [rule])
    yield { rule: index, action: rule.action, before, after }
    if (isDropped(after)) return
    before = after
  }
}

/** Whether a result of {@link relabel} is a dropped target. */
export function isDropped<Kept extends object>(result: Kept | Dropped): result is Dropped {
  return 'droppedBy' in result
}
