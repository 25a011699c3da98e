import { RefreshError } from '../base/errors.ts'
import { suggest } from '../base/suggest.ts'
import { shown, shownText } from '../mapping/rejection.ts'
import type { Headers } from '../model/document.ts'
import { reasonIn } from '../model/reason.ts'
import { fieldOf, type InventoryRecord, isObject, type Json, kindOf } from '../model/record.ts'
import { assertNoReason, listsIn, placesOfLists } from './envelope.ts'
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
  /** What to write when the list is at a place; undefined: the place is unknown. */
  readonly hint: (place?: string) => string
  /** The expression that is configured; undefined: none. */
  readonly expression?: string | undefined
  /** Whether a configured expression recognises failures; then no other sign counts. */
  readonly hasFailIf?: boolean
}

/** The texts of messages about the list of records. */
export const RECORDS: ListKey = {
  key: 'records',
  hint: (place = 'items') =>
    `Say which in a configuration file, with two lines such as: records: ${shown(place)} and targets: ["{hostname}:{port|9100}"]`,
}

/**
 * Selects records with the configured query, or without one recognises the usual shapes: a list, or an object
 * with exactly one list in it.
 * @throws RefreshError `shape` when there is no such list
 */
export function createSelect(query: Query | undefined, key = RECORDS): Select {
  return query === undefined
    ? (document, name) => recognise(document, name, key)
    : (document, name) => listFrom(query(document, name), { document, name, key })
}

function recognise(document: Json, name: string, { hint, hasFailIf }: ListKey): readonly InventoryRecord[] {
  if (Array.isArray(document)) return document
  if (!isObject(document)) {
    throw new RefreshError('shape', `${name} is ${kindOf(document)}, not a list of records. ${hint()}`)
  }
  // One target group without a list around it: its labels must be kept.
  if (Array.isArray(document.targets) && isObject(document.labels)) return [document]
  const places = () => placesOfLists(document)
  if (hasFailIf !== true) assertNoError(document, name, () => hint(places()[0]))
  const { ofRecords, aboutRecords } = listsIn(document)
  const [key, list] = ofRecords[0] ?? []
  const count = ofRecords.length + aboutRecords
  if (list === undefined || count > 1) throw notRecognised(document, { name, hint, count, places: places() })
  if (list.length === 0 && hasFailIf !== true) assertNoReason(document, name, () => hint(key))
  return list
}

function notRecognised(
  document: { readonly [key: string]: Json },
  { name, hint, count, places }: Unrecognised,
): RefreshError {
  const what =
    count === 0 ? 'no list' : count === 1 ? 'a list that seems to hold no records' : `${count} lists`
  // A list in each of many values is part of a record, not the inventory.
  const isEach = count === 0 && places.length > MAX_NAMES
  const below = isEach ? '' : places.map(shownText).join(', ')
  const why =
    count > 0
      ? ', so which one holds the records is not clear.'
      : below === ''
        ? '; check that it is the inventory. The records may be the values of an object.'
        : `; below it there is ${below}.`
  const place = below === '' && count === 0 ? 'values(@)' : places[0]
  return new RefreshError(
    'shape',
    `${name} is an object with ${what} in it (its keys: ${keysOf(document, JSON.stringify)})${why} ${hint(place)}`,
  )
}

/** An object whose list of records is unknown. */
interface Unrecognised extends Pick<ListKey, 'hint'> {
  readonly name: string
  /** The number of lists in it. */
  readonly count: number
  readonly places: readonly string[]
}

/** The number of names in a message. */
const MAX_NAMES = 8

/** The first keys of a value, for a message. */
export function keysOf(value: Json, write: (key: string) => string): string {
  const keys = isObject(value) ? Object.keys(value) : []
  return (
    keys
      .slice(0, MAX_NAMES)
      .map((key) => write(key.slice(0, 40)))
      .join(', ') || 'none'
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
  readonly key: ListKey
}

function listFrom(selected: Json, { document, name, key }: Selected): readonly InventoryRecord[] {
  if (Array.isArray(selected)) return selected
  const { expression = '' } = key
  const quoted = expression === '' ? '' : ` ${shown(expression)}`
  const why =
    firstLost(document, name, expression) ??
    `check it against ${name} (${isObject(document) ? `an object with the keys ${keysOf(document, String)}` : kindOf(document)})`
  throw new RefreshError(
    'shape',
    `the ${key.key} expression${quoted} gave ${kindOf(selected)}, not a list; ${why}`,
  )
}

/** The keys at the beginning of a JMESPath expression that has no alternative to them. */
const KEYS = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?![\w(]|\s*\|)/

/** The first key of an expression that a document lacks, and the keys there; undefined: it has them. */
function firstLost(document: Json, name: string, expression: string): string | undefined {
  const steps = KEYS.exec(expression)?.[0].split('.') ?? []
  let value = document
  for (const [index, step] of steps.entries()) {
    const next = fieldOf(value, step)
    if (next === undefined) {
      const where = index === 0 ? name : `${steps.slice(0, index).join('.')} in ${name}`
      if (!isObject(value)) return `${where} is ${kindOf(value)}, without the key ${step}`
      const near = suggest(step, Object.keys(value))
      const meant = near === undefined ? '' : `; did you mean ${shownText(near)}?`
      return `${where} has no ${step}${meant} (its keys: ${keysOf(value, String)})`
    }
    value = next
  }
  return undefined
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
