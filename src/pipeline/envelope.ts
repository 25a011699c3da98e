import type { Json } from '../model/record.ts'

/** Lists of these names hold no records. */
const NO_RECORDS: ReadonlySet<string> = new Set(['error', 'errors', 'warnings', 'messages'])

/** The lists in an object that may hold its records. */
export function listsIn(document: { readonly [key: string]: Json }): (readonly Json[])[] {
  return Object.entries(document).flatMap(([key, value]) =>
    Array.isArray(value) && !NO_RECORDS.has(key.toLowerCase()) ? [value as readonly Json[]] : [],
  )
}
