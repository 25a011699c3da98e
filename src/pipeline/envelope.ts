import { RefreshError } from '../base/errors.ts'
import { reasonIn } from '../model/reason.ts'
import { isObject, type Json, plain } from '../model/record.ts'
import { failureIn } from './failure-signs.ts'

/** Lists with these names hold no records, and say nothing about the records in another list. */
const NO_RECORDS: ReadonlySet<string> = new Set(['error', 'errors', 'warning', 'warnings', 'messages'])

/** Lists with these names hold no records either, but their items may explain why records are missing. */
const ABOUT_RECORDS: ReadonlySet<string> = new Set(
  'failed failures failure faults alerts alert notices notice notifications missing skipped unavailable unreachable'.split(
    ' ',
  ),
)

/** The fields that may say why a list is empty, and the texts that mean success. */
const REASONS: ReadonlySet<string> = new Set(['message', 'detail', 'reason'])
const ALL_IS_WELL = /^(?:(?:ok|okay|success|successful|succeeded|done)[.!]?)?$/i

/** The lists in an object. */
export interface Lists {
  /** The lists that may hold its records, with their keys. */
  readonly ofRecords: readonly (readonly [key: string, list: readonly Json[]])[]
  /** The number of other non-empty lists that may be about the records. */
  readonly aboutRecords: number
}

/** Finds the lists of an object that may hold its records. */
export function listsIn(document: { readonly [key: string]: Json }): Lists {
  const lists = Object.entries(document).flatMap(([key, value]) =>
    Array.isArray(value) && !NO_RECORDS.has(plain(key)) ? [[key, value as readonly Json[]] as const] : [],
  )
  const isAbout = (key: string) => ABOUT_RECORDS.has(plain(key))
  const ofRecords = lists.filter(([key]) => !isAbout(key))
  const aboutRecords = lists.filter(([key, list]) => isAbout(key) && list.length > 0).length
  return { ofRecords, aboutRecords }
}

/** The depth below an object to which lists are searched for a message. */
const MAX_DEPTH = 2

/** The lists that may hold the records of an object, in it or a little below it, as a JMESPath expression names them. */
export function placesOfLists(document: { readonly [key: string]: Json }, depth = 0): string[] {
  const own = listsIn(document).ofRecords.map(([key]) => named(key))
  const below = Object.entries(document).flatMap(([key, value]) =>
    isObject(value) && depth < MAX_DEPTH
      ? placesOfLists(value, depth + 1).map((place) => `${named(key)}.${place}`)
      : [],
  )
  return own.length > 0 ? own : below
}

/** A key in a JMESPath expression. */
function named(key: string): string {
  return /^[A-Za-z_]\w*$/.test(key) ? key : JSON.stringify(key)
}

/**
 * Refuses an empty list beside a text that may say why it is empty: a lost list must not count as an empty
 * inventory. Clearer signs of a failure are left to other checks.
 * @param hint ends the message
 * @throws RefreshError `refused`
 */
export function assertNoReason(
  document: { readonly [key: string]: Json },
  name: string,
  hint: () => string,
): void {
  const found = Object.entries(document).find(
    ([key, value]) => REASONS.has(plain(key)) && typeof value === 'string' && !ALL_IS_WELL.test(value.trim()),
  )
  if (found === undefined || failureIn(document) !== undefined) return
  throw new RefreshError(
    'refused',
    `${name} has no records, and a text in ${found[0]} (${reasonIn(found[1])}), which may say why; it is not accepted as an empty inventory. If the inventory is empty: ${hint()}`,
  )
}
