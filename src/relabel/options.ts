import type { RelabelConfig } from './config.ts'
import { RELABEL_DEFAULTS } from './defaults.ts'

/** One rule with its defaults. The action is not checked yet. */
export interface ResolvedRelabel {
  readonly action: string
  readonly sourceLabels: readonly string[]
  readonly separator: string
  readonly regex: string
  /** 0: not set, or not a valid number. */
  readonly modulus: number | bigint
  readonly targetLabel: string
  readonly replacement: string
}

/** Adds the defaults to a rule. */
export function resolveRelabel(config: RelabelConfig): ResolvedRelabel {
  return {
    action: textOr(config.action, RELABEL_DEFAULTS.action).toLowerCase(),
    sourceLabels: config.source_labels ?? [],
    separator: textOr(config.separator, RELABEL_DEFAULTS.separator),
    regex: textOr(config.regex, RELABEL_DEFAULTS.regex),
    modulus: modulusOf(config.modulus ?? 0),
    targetLabel: textOr(config.target_label, ''),
    replacement: textOr(config.replacement, RELABEL_DEFAULTS.replacement),
  }
}

/** The largest modulus: an unsigned integer of 64 bits. */
const MAX_MODULUS = 2n ** 64n - 1n

function modulusOf(written: number | string): number | bigint {
  if (typeof written === 'number') return written
  const modulus = /^(\d+|0x[0-9a-f]+|0o[0-7]+)$/i.test(written) ? BigInt(written) : 0n
  return modulus <= MAX_MODULUS ? modulus : 0n
}

function textOr(value: string | number | boolean | null | undefined, fallback: string): string {
  return value === undefined ? fallback : value === null ? '' : String(value)
}
