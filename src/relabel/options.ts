import type { RelabelConfig } from './config.ts'
import { RELABEL_DEFAULTS } from './defaults.ts'

/** One rule with its defaults filled in. The action is still unchecked. */
export interface ResolvedRelabel {
  readonly action: string
  readonly sourceLabels: readonly string[]
  readonly separator: string
  readonly regex: string
  readonly modulus: number
  readonly targetLabel: string
  readonly replacement: string
}

/** Fills in the defaults. */
export function resolveRelabel(config: RelabelConfig): ResolvedRelabel {
  return {
    action: textOr(config.action, RELABEL_DEFAULTS.action).toLowerCase(),
    sourceLabels: config.source_labels ?? [],
    separator: textOr(config.separator, RELABEL_DEFAULTS.separator),
    regex: textOr(config.regex, RELABEL_DEFAULTS.regex),
    modulus: config.modulus ?? 0,
    targetLabel: textOr(config.target_label, ''),
    replacement: textOr(config.replacement, RELABEL_DEFAULTS.replacement),
  }
}

function textOr(value: string | number | boolean | null | undefined, fallback: string): string {
  return value === undefined ? fallback : value === null ? '' : String(value)
}
