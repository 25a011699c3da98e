import type { Json } from '../model/record.ts'

/** A text, a number or a boolean as a text in lower case; anything else is none. */
export function scalarText(value: Json): string | undefined {
  return typeof value === 'object' ? undefined : String(value).toLowerCase()
}

/** Whether a value says nothing: null, false, 0, and what is empty. */
export function isNothing(value: Json): boolean {
  if (value === null || value === false || value === 0 || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
