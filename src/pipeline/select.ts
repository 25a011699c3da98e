import { RefreshError } from '../base/errors.ts'
import type { Headers } from '../model/document.ts'
import { reasonIn } from '../model/reason.ts'
import { type InventoryRecord, isObject, type Json, kindOf } from '../model/record.ts'
import { assertNoReason, listsIn } from './envelope.ts'
import { assertNoError, failureIn } from './failure-signs.ts'
import { isNothing } from './fields.ts'

/**
 * A compiled query over a document (JMESPath, when it comes from a configuration file); `name` is the name of
 * the document in messages.
 */
export type Query = (document: Json, name: string) => Json

/** Finds the list of records in one document; `name` is its name in messages. */
export type Select = (document: Json, name: string, headers?: Headers) => readonly InventoryRecord[]

/** The texts of messages about a list: the key that selects it, and what to write. */
export interface ListKey {
  readonly key: string
  readonly hint: string
  /** Whether a configured expression recognises failures; then no other sign counts. */
  readonly hasFailIf?: boolean
}

/** The texts of messages about the list of records. */
export const RECORDS: ListKey = {
  key: 'records',
  hint: 'Say which in a configuration file, with two lines such as: records: "items" and targets: ["{hostname}:{port|9100}"]',
}

/**
 * Selects records with the configured query, or without one recognises the usual shapes: a list, or an object
 * with exactly one list in it.
 * @throws RefreshError `shape` when there is no such list
 */
export function createSelect(query: Query | undefined, key = RECORDS): Select {
  return query === undefined
    ? (document, name) => recognise(document, name, key)
    : (document, name) => listFrom(query(document, name), { document, name, key: key.key })
}

function recognise(document: Json, name: string, { hint, hasFailIf }: ListKey): readonly InventoryRecord[] {
  if (Array.isArray(document)) return document
  if (!isObject(document)) {
    throw new RefreshError('shape', `${name} is ${kindOf(document)}, not a list of records. ${hint}`)
  }
  // One target group without a list around it: its labels must be kept.
  if (Array.isArray(document.targets) && isObject(document.labels)) return [document]
  if (hasFailIf !== true) assertNoError(document, name, hint)
  const { ofRecords, aboutRecords } = listsIn(document)
  const [list] = ofRecords
  const count = ofRecords.length + aboutRecords
  if (list === undefined || count > 1) throw notRecognised(document, { name, hint, count })
  if (list.length === 0 && hasFailIf !== true) assertNoReason(document, name, hint)
  return list
}

function notRecognised(
  document: { readonly [key: string]: Json },
  { name, hint, count }: { readonly name: string; readonly hint: string; readonly count: number },
): RefreshError {
  const keys = Object.keys(document)
    .slice(0, 8)
    .map((key) => JSON.stringify(key.slice(0, 40)))
  return new RefreshError(
    'shape',
    `${name} is an object with ${count === 1 ? 'a list that seems to hold no records' : `${count} lists`} in it (its keys: ${keys.join(', ') || 'none'}), so which one holds the records is not clear. ${hint}`,
  )
}

/**
 * Selects the target groups in the response of an http_sd endpoint. Prometheus accepts `null` as an empty
 * list; here it is refused, since a server that lost its list responds with it.
 * @throws RefreshError `shape` when the document is not a list
 */
export function selectGroups(document: Json, name: string): readonly InventoryRecord[] {
  if (Array.isArray(document)) return document
  throw new RefreshError(
    'shape',
    `${name} is ${kindOf(document)}, not a list of target groups; check that the URL is an http_sd endpoint`,
  )
}

interface Selected {
  readonly document: Json
  readonly name: string
  readonly key: string
}

function listFrom(selected: Json, { document, name, key }: Selected): readonly InventoryRecord[] {
  if (Array.isArray(selected)) return selected
  throw new RefreshError(
    'shape',
    `the ${key} expression gave ${kindOf(selected)}, not a list; check it against ${name} (an object with the keys ${isObject(document) ? Object.keys(document).slice(0, 8).join(', ') : 'none'})`,
  )
}

/**
 * Selects records unless a field beside them shows that the request failed: the records may be only a part,
 * and Prometheus would drop the others. The records themselves are not checked, so their content is never a
 * failure.
 */
export function unlessFailedBySigns(select: Select): Select {
  return (document, name) => {
    const records = select(document, name)
    // A document that is itself the only record has nothing around it.
    const sign = records[0] === document ? undefined : failureIn(document)
    if (sign === undefined) return records
    throw new RefreshError(
      'refused',
      `${name} says that it failed: ${sign}. The records beside that are not accepted as the inventory. If they are complete, say in a configuration file what a failure looks like: fail_if, a JMESPath expression such as "errors", replaces this check`,
    )
  }
}

/**
 * Selects records unless the document itself reports a failure, as GraphQL does with `errors` beside half of
 * the data.
 * @param failed finds the failure; null, false, 0 and empty values mean success
 * @param readsHeaders whether it also reads the headers
 */
export function unlessFailed(select: Select, failed: Query, readsHeaders = false): Select {
  return (document, name, headers = {}) => {
    const told = failed(readsHeaders ? withHeaders(document, headers) : document, name)
    if (isNothing(told)) return select(document, name)
    const reason = reasonIn(told) ?? reasonIn(document)
    const why = reason === undefined ? '' : ` (${reason})`
    throw new RefreshError('refused', `${name} says that it failed: fail_if gave ${kindOf(told)}${why}`)
  }
}

/** A response with its headers beside its fields; a response that is a list is only in `body`. */
function withHeaders(document: Json, headers: Headers): Json {
  return { headers, body: document, ...(isObject(document) && document) }
}
