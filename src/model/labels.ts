import type { Json } from './record.ts'

/** Label pairs sorted by name, each name once: the same labels always look the same. */
export type Labels = readonly (readonly [name: string, value: string])[]

/** The longest label value that is served, in UTF-16 units; longer ones are data gone wrong. */
export const MAX_LABEL_VALUE_LENGTH = 65_536

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** Which label names there are: those that Prometheus 2 and 3 both accept, or any text, which only 3 accepts. */
export type LabelNames = 'legacy' | 'utf8'

/** Whether Prometheus accepts this label name: 2 and 3, or, with `utf8`, 3 only. */
export function isLabelName(name: string, names: LabelNames = 'legacy'): boolean {
  return names === 'utf8' ? name !== '' && name.isWellFormed() : NAME.test(name)
}

/** Makes any text fit into a label name, as Prometheus's discovery mechanisms do: others → `_`. */
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
  // Beyond 2^53 JSON parsing has changed the digits already: such a number is not what the inventory sent.
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

/** Compares by UTF-16 code unit: the same order on every machine, unlike a locale's. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Label pairs from a map, sorted; labels with an empty value are left out, as Prometheus reads them. */
export function sortedLabels(map: ReadonlyMap<string, string>): Labels {
  return [...map].filter(([, value]) => value !== '').sort(([a], [b]) => compareText(a, b))
}
