import type { Json } from '../model/record.ts'

/** Converts a text, a number or a boolean to lower-case text; undefined for other values. */
export function scalarText(value: Json): string | undefined {
  return typeof value === 'object' ? undefined : String(value).toLowerCase()
}

/** Whether a value is null, false, 0, or empty. */
export function isNothing(value: Json): boolean {
  if (value === null || value === false || value === 0 || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
