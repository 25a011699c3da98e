import type { Clock } from '../base/clock.ts'
import type { ChangeSamples } from './samples.ts'

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
  /** How many targets are served, counted as far as it matters; undefined when nothing has been served yet. */
  readonly served: number | undefined
  /** The served targets that the new list lacks. */
  readonly removed: ReadonlySet<string>
  /** Whether the new list has no target. */
  readonly isEmpty: boolean
}

/** A drop that must be confirmed: in how many refreshes in a row it was seen, and what all of them lacked. */
export interface Drop {
  readonly seen: number
  readonly removed: ReadonlySet<string>
}

/** What is to be done with a new list: serve it, or hold it for this drop. */
export type Judgement = { readonly pass: true } | { readonly pass: false; readonly held: Drop }

/**
 * Judges a new list. One that drops more than `maxDrop` of the served targets, or that is empty, and a first
 * list that is empty, pass only when `confirmations` refreshes in a row have shown the same drop. A drop is
 * the same while the targets that *every* one of those lists lacked make it one: a fleet that also changes a
 * little gets through, but lists that each lack something else never add up.
 * @param before what was held by the last refresh, if it was; a failed refresh in between ends the row
 */
export function judge(options: GuardOptions, comparison: Comparison, before: Drop | undefined): Judgement {
  if (!isDrop(options, comparison)) return { pass: true }
  const held =
    before !== undefined && continues(options, comparison, before)
      ? again(before, comparison)
      : first(comparison)
  if (held.seen >= options.confirmations) return { pass: true }
  return { pass: false, held }
}

/** Whether a new list drops so much that it must be confirmed. */
export function isDrop(options: GuardOptions, { served, removed, isEmpty }: Comparison): boolean {
  if (served === undefined) return isEmpty
  if (served === 0) return false
  if (isEmpty) return true
  return served >= options.minTargets && removed.size / served > options.maxDrop
}

/**
 * Whether a drop is the one that is held: what is missing all the time is a drop by itself, and what is newly
 * missing is none.
 */
function continues(options: GuardOptions, comparison: Comparison, before: Drop): boolean {
  const both = intersection(before.removed, comparison.removed)
  if (comparison.isEmpty) return both.size === comparison.removed.size
  const fresh = new Set([...comparison.removed].filter((target) => !both.has(target)))
  return (
    isDrop(options, { ...comparison, removed: both }) && !isDrop(options, { ...comparison, removed: fresh })
  )
}

function again(before: Drop, { removed }: Comparison): Drop {
  return { seen: before.seen + 1, removed: intersection(before.removed, removed) }
}

function first({ removed }: Comparison): Drop {
  return { seen: 1, removed }
}

function intersection(one: ReadonlySet<string>, other: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...one].filter((item) => other.has(item)))
}

/** A drop that is held, in a form that travels between threads without being copied target by target. */
export interface HeldDrop {
  /** In how many refreshes in a row it was seen; 0 when that confirms nothing, since what is missing is still there. */
  readonly seen: number
  /** How many targets all of them lacked. */
  readonly missing: number
  /** Those targets, one a line. */
  readonly lines: Uint8Array
}

/** How an offered list stands to the served one, and what the guard makes of that. */
export interface Weighed {
  readonly added: number
  readonly removed: number
  readonly samples: ChangeSamples
  /** Whether it drops so much that it must be confirmed. */
  readonly isDrop: boolean
  /** The drop as it is to be held from now on; undefined when the list may be served. */
  readonly held: HeldDrop | undefined
}

/** Serve the new list, or hold it: `seen` of `needed` confirmations so far. */
export type Verdict =
  | { readonly pass: true }
  | { readonly pass: false; readonly held: HeldDrop; readonly needed: number }

/** The guard of one source: what it holds back now, and since when. */
export interface Guard {
  /**
   * Judges a new list, which was weighed with what is held; a drop that passes is not held any more.
   * @param moreRejected how many more records make no target than did in the served list: where these are as many as
   * the targets that vanished, the inventory still has them, and no repetition confirms that they are gone
   */
  judge(weighed: Weighed, moreRejected: number): Verdict
  /** What is held back; undefined when nothing is. */
  held(): HeldDrop | undefined
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
export function createGuard(
  { confirmations: needed }: GuardOptions,
  { clock, intervalMs }: GuardTime,
): Guard {
  let held: HeldDrop | undefined
  let countedMs = 0

  /** Counts no confirmation that comes too soon: a burst of webhooks sees one hiccup many times. */
  function isTooSoon(): boolean {
    return held !== undefined && clock.monotonic() - countedMs < intervalMs / 2
  }

  return {
    judge(weighed, moreRejected) {
      if (!(weighed.isDrop && isTooSoon())) {
        const isDisproven = moreRejected > 0 && moreRejected >= weighed.removed
        countedMs = clock.monotonic()
        held = weighed.held && isDisproven ? { ...weighed.held, seen: 0 } : weighed.held
      }
      return held === undefined ? { pass: true } : { pass: false, held, needed }
    },
    held: () => held,
    clear() {
      held = undefined
    },
  }
}
