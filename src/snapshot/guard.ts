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

/** What the guard compares. `served` is undefined when nothing has been served yet. */
export interface Comparison {
  readonly served: number | undefined
  readonly removed: number
  readonly offered: number
}

/** Serve the new list, or hold it: `seen` of `needed` confirmations so far. */
export type Verdict =
  | { readonly pass: true }
  | { readonly pass: false; readonly seen: number; readonly needed: number }

/**
 * Judges a new list. A list that drops more than `maxDrop` of the served targets, or all of them, or a
 * first list that is empty, passes only when `confirmations` refreshes in a row have shown such a drop.
 * @param seen how many refreshes in a row were held before this one
 */
export function judge(options: GuardOptions, comparison: Comparison, seen: number): Verdict {
  if (!isSuspect(options, comparison) || seen + 1 >= options.confirmations) return { pass: true }
  return { pass: false, seen: seen + 1, needed: options.confirmations }
}

function isSuspect(options: GuardOptions, { served, removed, offered }: Comparison): boolean {
  if (served === undefined) return offered === 0
  if (served === 0) return false
  if (offered === 0) return true
  return served >= options.minTargets && removed / served > options.maxDrop
}
