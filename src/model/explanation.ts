import type { Json } from './record.ts'

/** The longest query, in characters. */
export const MAX_QUERY_LENGTH = 256

/** How many matches an answer shows. */
export const MAX_EXPLANATIONS = 10

/** How many matches are counted in one source; a query with more should be more exact. */
export const MAX_MATCHES = 1_000

/**
 * Why a text is not a valid query, to append to the name of the parameter.
 * @returns undefined when it is valid
 */
export function queryFault(text: string): string | undefined {
  if (text.trim() === '') return 'is empty; give a host, an address, any value of a record, or field=value'
  if (text.length <= MAX_QUERY_LENGTH) return undefined
  return `is longer than ${MAX_QUERY_LENGTH} characters; a part of the value is enough`
}

/** Labels by name. */
export type LabelMap = Readonly<Record<string, string>>

/** The effect of a rule on one label; null: there is no such label. */
export interface ExplainedChange {
  readonly label: string
  readonly before: string | null
  readonly after: string | null
}

/** The effect of one relabel rule on one target. */
export interface ExplainedStep {
  /** The number of the rule in the configuration, from 1. */
  readonly rule: number
  readonly action: string
  readonly result: 'changed' | 'unchanged' | 'dropped'
  readonly changes: readonly ExplainedChange[]
}

/** The explanation of one target of a record. */
export interface ExplainedTarget {
  /** The address before the rules; null when the record has none. */
  readonly address: string | null
  /** The labels before the rules. */
  readonly labels: LabelMap
  readonly steps: readonly ExplainedStep[]
  /** The result of the rules; null when it is not a target. */
  readonly final: { readonly address: string; readonly labels: LabelMap } | null
  /** Why it is quarantined; null when it is not. */
  readonly rejection: { readonly reason: string; readonly detail: string } | null
  /** Whether it is served with these labels; in a command, whether it would be. */
  readonly served: boolean
  /** The outcome, in one sentence. */
  readonly verdict: string
}

/** The verdict on a target that the rules did not drop. */
export interface Verdict {
  readonly text: string
  readonly isServed: boolean
}

/** The explanation of one match. Secrets are masked in all of it. */
export interface Explanation {
  readonly source: string
  /**
   * The page or file, and the place in its list of records, from 0; the index is null outside of that list,
   * and the position is null for a target that is only in the served list.
   */
  readonly position: { readonly document: string; readonly index: number | null } | null
  /**
   * The record as it was fetched, shortened if it is large; null for a target that is only in the served
   * list.
   */
  readonly record: Json
  readonly targets: readonly ExplainedTarget[]
  /** The reasons why labels were left out, one for each label. */
  readonly dropped_labels: readonly string[]
  /** The overall outcome, in one sentence. */
  readonly verdict: string
}

/** The answer to one query: the body of `GET /api/v1/explain`. */
export interface ExplainAnswer {
  readonly query: string
  /** The number of counted matches; the first {@link MAX_EXPLANATIONS} are explained. */
  readonly matches: number
  readonly explanations: readonly Explanation[]
  readonly verdict: string
}
