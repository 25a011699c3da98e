import type { Clock } from '../base/clock.ts'

/** When a new list is held back rather than served. */
export interface GuardOptions {
  /** The largest share of the served targets, 0 to 1, that may vanish at once. */
  readonly maxDrop: number
  /** How many refreshes in a row must show a larger drop before it is believed. */
  readonly confirmations: number
  /** Below so many served targets only a drop to nothing is held. */
  readonly minTargets: number
}

/** The guard of a source that configures none. */
export const DEFAULT_GUARD: GuardOptions = { maxDrop: 0.5, confirmations: 3, minTargets: 10 }

/** What the guard compares. */
export interface Comparison {
  /** How many targets are served; undefined when nothing has been served yet. */
  readonly served: number | undefined
  /** The served targets that the new list lacks. */
  readonly removed: ReadonlySet<string>
  /** How many targets the new list has. */
  readonly offered: number
}

/** A drop that is being held: in how many refreshes in a row it was seen, and what all of them lacked. */
export interface Held {
  readonly seen: number
  readonly removed: ReadonlySet<string>
}

/** Serve the new list, or hold it: `seen` of `needed` confirmations so far. */
export type Verdict =
  | { readonly pass: true }
  | { readonly pass: false; readonly held: Held; readonly needed: number }

/**
 * Judges a new list. One that drops more than `maxDrop` of the served targets, or all of them, and a first
 * list that is empty, pass only when `confirmations` refreshes in a row have shown the same drop. A drop is
 * the same while the targets that *every* one of those lists lacked make it one: a fleet that also changes a
 * little gets through, but lists that each lack something else never add up.
 * @param before what was held by the last refresh, if it was; a failed refresh in between ends the row
 */
export function judge(options: GuardOptions, comparison: Comparison, before: Held | undefined): Verdict {
  if (!isDrop(options, comparison)) return { pass: true }
  const held =
    before !== undefined && continues(options, comparison, before)
      ? again(before, comparison)
      : first(comparison)
  if (held.seen >= options.confirmations) return { pass: true }
  return { pass: false, held, needed: options.confirmations }
}

function isDrop(options: GuardOptions, { served, removed, offered }: Comparison): boolean {
  if (served === undefined) return offered === 0
  if (served === 0) return false
  if (offered === 0) return true
  return served >= options.minTargets && removed.size / served > options.maxDrop
}

/**
 * Whether a drop is the one that is held: what is missing all the time is a drop by itself, and what is newly
 * missing is none.
 */
function continues(options: GuardOptions, comparison: Comparison, before: Held): boolean {
  const both = intersection(before.removed, comparison.removed)
  if (comparison.offered === 0) return both.size === comparison.removed.size
  const fresh = new Set([...comparison.removed].filter((target) => !both.has(target)))
  return (
    isDrop(options, { ...comparison, removed: both }) && !isDrop(options, { ...comparison, removed: fresh })
  )
}

function again(before: Held, { removed }: Comparison): Held {
  return { seen: before.seen + 1, removed: intersection(before.removed, removed) }
}

function first({ removed }: Comparison): Held {
  return { seen: 1, removed }
}

function intersection(one: ReadonlySet<string>, other: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...one].filter((item) => other.has(item)))
}

/** The guard of one source: what it holds back now, and since when. */
export interface Guard {
  /** Judges a new list; a drop that passes, or that was confirmed, is not held any more. */
  judge(comparison: Comparison): Verdict
  /** Whether a list is held back. */
  isHolding(): boolean
  /** Forgets what is held: a refresh failed, or the list was accepted. */
  clear(): void
}

/** What a guard needs to know of time. */
export interface GuardTime {
  readonly clock: Pick<Clock, 'monotonic'>
  /** The time between two refreshes that nobody asked for. */
  readonly intervalMs: number
}

/** Creates a guard that holds nothing. */
export function createGuard(options: GuardOptions, { clock, intervalMs }: GuardTime): Guard {
  let held: Held | undefined
  let countedMs = 0

  /** Counts no confirmation that comes too soon: a burst of webhooks sees one hiccup many times. */
  function judgeInTime(comparison: Comparison): Verdict {
    const nowMs = clock.monotonic()
    if (held !== undefined && nowMs - countedMs < intervalMs / 2 && isDrop(options, comparison)) {
      return { pass: false, held, needed: options.confirmations }
    }
    countedMs = nowMs
    return judge(options, comparison, held)
  }

  return {
    judge(comparison) {
      const verdict = judgeInTime(comparison)
      held = verdict.pass ? undefined : verdict.held
      return verdict
    },
    isHolding: () => held !== undefined,
    clear() {
      held = undefined
    },
  }
}
