import type { RelabelConfig } from '../../../src/relabel/config.ts'

/** A rule, and what is wrong with it: the keys, each with a part of its message; none when it is right. */
export interface RuleCase {
  readonly name: string
  readonly rule: RelabelConfig
  readonly problems: Readonly<Record<string, RegExp>>
  /** Prometheus of these major versions does not mind, although we do. */
  readonly laxer?: readonly (2 | 3)[]
}

/** What is said of a target_label that is not there. */
export const EMPTY_TARGET = /^is missing or empty; \w+ needs it: the name of the label to /
