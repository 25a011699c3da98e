import { fieldOf, isObject, type Json } from '../model/record.ts'

/** The objects around the records of a document. */
export interface Surroundings {
  /** The objects on the way to the records. */
  readonly objects: ReadonlySet<Json>
  /** The objects whose values are the records, as in `{"a": {…}, "b": {…}}`. */
  readonly lists: ReadonlySet<Json>
  /** The largest number of records before a filter. */
  readonly count: number
}

/** The depth to which records are searched. */
const MAX_DEPTH = 6

/** The number of records, and of items of a list, that are compared. */
const MAX_LOOKED_AT = 100

/**
 * Finds the place in a document of the records that an expression selected, in time that hardly depends on
 * their number. Values that an expression creates are nowhere in the document; then any list may be theirs.
 */
export function surroundingsOf(document: Json, records: readonly Json[]): Surroundings {
  // The document is the list, or the one record: nothing is around it.
  if (document === records || records[0] === document) {
    return { objects: new Set(), lists: new Set([document]), count: records.length }
  }
  const known = new Set(records.slice(0, MAX_LOOKED_AT).filter((record) => record !== null))
  const objects = new Set<Json>()
  const lists = new Set<Json>()
  let count = 0

  /** Notes a list or an object of records; whether it is one. */
  function isList(value: Json): boolean {
    const length = value === records ? records.length : countIn(value, known)
    if (length === 0) return false
    count += length
    if (isObject(value)) lists.add(value)
    return true
  }

  /** Whether records are in a value, or below it. */
  function leadsTo(value: Json, depth: number, isFound: (value: Json) => boolean): boolean {
    if (isFound(value)) return true
    if (!isObject(value) || depth > MAX_DEPTH) return false
    const found = Object.values(value).filter(
      (one) => typeof one === 'object' && leadsTo(one, depth + 1, isFound),
    )
    if (found.length > 0) objects.add(value)
    return found.length > 0
  }

  if (!leadsTo(document, 0, isList)) {
    leadsTo(document, 0, Array.isArray)
    const longest = longestListIn(document).length
    count = longest < records.length ? itemsIn(document) : longest
  }
  return { objects, lists, count: Math.max(count, records.length) }
}

/** The number of records in a list, or among the values of an object; 0 if there are none. */
function countIn(value: Json, known: ReadonlySet<Json>): number {
  if (isObject(value)) {
    const values = Object.values(value)
    return values.some((one) => isObject(one) && known.has(one)) ? values.length : 0
  }
  if (!Array.isArray(value)) return 0
  if (value.some((item) => known.has(item))) return value.length
  const fields = value.slice(0, MAX_LOOKED_AT).flatMap((item) => (isObject(item) ? Object.values(item) : []))
  // One record in each item, such as in the edges of GraphQL.
  if (fields.some((field) => isObject(field) && known.has(field))) return value.length
  // Several records in each item: counts the lists that hold them, not the other lists beside them.
  const keys = new Set(value.slice(0, MAX_LOOKED_AT).flatMap((item) => keysOfLists(item, known)))
  return keys.size === 0 ? 0 : value.reduce<number>((sum, item) => sum + lengthsAt(item, keys), value.length)
}

/** The keys of an item whose lists hold records. */
function keysOfLists(item: Json, known: ReadonlySet<Json>): string[] {
  const fields = isObject(item) ? Object.entries(item) : []
  return fields.flatMap(([key, list]) =>
    Array.isArray(list) && list.some((one) => known.has(one)) ? [key] : [],
  )
}

function lengthsAt(item: Json, keys: ReadonlySet<string>): number {
  return [...keys].reduce((sum, key) => {
    const list = fieldOf(item, key)
    return sum + (Array.isArray(list) ? list.length : 0)
  }, 0)
}

/** The longest list of a document that is not inside of another list. */
export function longestListIn(value: Json, depth = 0): readonly Json[] {
  if (Array.isArray(value)) return value
  if (!isObject(value) || depth > MAX_DEPTH) return []
  const lists = Object.values(value).map((one) => longestListIn(one, depth + 1))
  return lists.reduce((longest, list) => (list.length > longest.length ? list : longest), [])
}

/** Counts the items in the lists of a document: an expression could have selected at most so many records. */
export function itemsIn(value: Json, depth = 0): number {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return 0
  if (!Array.isArray(value))
    return Object.values(value).reduce<number>((sum, one) => sum + itemsIn(one, depth + 1), 0)
  return value.reduce<number>((sum, item) => sum + itemsIn(item, depth + 1), value.length)
}
