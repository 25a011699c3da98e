import type { Json } from './record.ts'

/** Label pairs sorted by name, each name once, so that equal labels have equal representations. */
export type Labels = readonly (readonly [name: string, value: string])[]

/** The longest label value that is served, in UTF-16 units; a longer one is corrupt data. */
export const MAX_LABEL_VALUE_LENGTH = 65_536

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** The valid label names: those that Prometheus 2 and 3 both accept, or any text, which only 3 accepts. */
export type LabelNames = 'legacy' | 'utf8'

/** Whether Prometheus accepts this label name: 2 and 3, or, with `utf8`, 3 only. */
export function isLabelName(name: string, names: LabelNames = 'legacy'): boolean {
  return names === 'utf8' ? name !== '' && name.isWellFormed() : NAME.test(name)
}

/** Turns any text into a label name, as Prometheus's discovery mechanisms do: other characters become `_`. */
export function sanitizeLabelName(text: string): string {
  return text.replace(/[^a-zA-Z0-9_]/g, '_')
}

/**
 * The text of a JSON value as a label value: numbers and booleans as JavaScript writes them, arrays of scalars as
 * `,a,b,` (so that a pattern can match `,a,`), null as `""`, which to Prometheus means "no label".
 * @returns undefined for an object, for a whole number beyond 2^53, and for an array that holds one of these
 */
export function labelText(value: Json): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  // JSON parsing rounds numbers beyond 2^53, so the value is not the one that the inventory sent.
  if (typeof value === 'number')
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value)
  if (value === null) return ''
  if (!Array.isArray(value)) return undefined
  if (value.length === 0) return ''
  const parts = value.map((part) => (Array.isArray(part) ? undefined : labelText(part)))
  return parts.includes(undefined) ? undefined : `,${parts.join(',')},`
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is its purpose
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/

/**
 * Whether a text can be sent as a label value: well-formed Unicode, no control characters but tab and
 * line breaks, and no longer than {@link MAX_LABEL_VALUE_LENGTH}.
 */
export function isLabelValue(text: string): boolean {
  return text.length <= MAX_LABEL_VALUE_LENGTH && text.isWellFormed() && !CONTROL.test(text)
}

/** Compares by UTF-16 code unit: the order does not depend on a locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * Converts a map to sorted label pairs; empty values are left out, since Prometheus treats them as missing.
 */
export function sortedLabels(map: ReadonlyMap<string, string>): Labels {
  return [...map].filter(([, value]) => value !== '').sort(([a], [b]) => compareText(a, b))
}
