import type { Json } from './record.ts'

/** The longest text that can be asked for, in characters. */
export const MAX_QUERY_LENGTH = 256

/** How many matches an answer shows. */
export const MAX_EXPLANATIONS = 10

/** How many matches are counted in one source: what matches so much is better asked more exactly. */
export const MAX_MATCHES = 1_000

/**
 * Why a text cannot be asked for, to put after the name of the parameter.
 * @returns undefined when it can
 */
export function queryFault(text: string): string | undefined {
  if (text.trim() === '') return 'is empty; give a host, an address, any value of a record, or field=value'
  if (text.length <= MAX_QUERY_LENGTH) return undefined
  return `is longer than ${MAX_QUERY_LENGTH} characters; a part of the value is enough`
}

/** Labels by name. */
export type LabelMap = Readonly<Record<string, string>>

/** What a rule did to one label; null: there is no such label. */
export interface ExplainedChange {
  readonly label: string
  readonly before: string | null
  readonly after: string | null
}

/** One relabel rule at work on one target. */
export interface ExplainedStep {
  /** The number of the rule in the configuration, from 1. */
  readonly rule: number
  readonly action: string
  readonly result: 'changed' | 'unchanged' | 'dropped'
  readonly changes: readonly ExplainedChange[]
}

/** What became of one target of a record. */
export interface ExplainedTarget {
  /** The address before the rules; null when the record gave none. */
  readonly address: string | null
  /** The labels before the rules. */
  readonly labels: LabelMap
  readonly steps: readonly ExplainedStep[]
  /** What is left after the rules; null when that is no target. */
  readonly final: { readonly address: string; readonly labels: LabelMap } | null
  /** Why it is quarantined; null when it is not. */
  readonly rejection: { readonly reason: string; readonly detail: string } | null
  /** Whether it is served like that; of a command, whether it would be. */
  readonly served: boolean
  /** What became of it, in one sentence. */
  readonly verdict: string
}

/** What is said of a target that the rules leave. */
export interface Verdict {
  readonly text: string
  readonly isServed: boolean
}

/** What became of one thing that was asked for. Secrets are masked in all of it. */
export interface Explanation {
  readonly source: string
  /**
   * Where it stands: the page or file, and the place in its list of records, from 0; the index is null outside
   * of that list, and the position is null for what is only in the served list.
   */
  readonly position: { readonly document: string; readonly index: number | null } | null
  /** As it was fetched, cut when it is large; null for what is only in the served list. */
  readonly record: Json
  readonly targets: readonly ExplainedTarget[]
  /** Why labels were left out, one reason for each. */
  readonly dropped_labels: readonly string[]
  /** What became of all of it, in one sentence. */
  readonly verdict: string
}

/** The answer to one question: the body of `GET /api/v1/explain`. */
export interface ExplainAnswer {
  readonly query: string
  /** How many matches there are, or were counted; the first {@link MAX_EXPLANATIONS} are explained. */
  readonly matches: number
  readonly explanations: readonly Explanation[]
  readonly verdict: string
}
