import { isObject, type Json } from './record.ts'

/** The depth to which a record is searched and shown. */
export const MAX_DEPTH = 32

/** The number of values of a record that are shown; a record can be a whole inventory. */
const MAX_VALUES = 1_000

/** Marks a cut. */
export const CUT = '…'

/** The items of a list or an object, with their keys; empty for other values. */
export function itemsOf(value: Json): Iterable<readonly [item: Json, key?: string]> {
  if (Array.isArray(value)) return value.map((item: Json) => [item] as const)
  return isObject(value) ? Object.entries(value).map(([key, item]) => [item, key] as const) : []
}

/** Limits the size of a value: parts that are too deep or too many are replaced by a mark. */
export function abridge(value: Json): Json {
  let left = MAX_VALUES

  function shorten(one: Json, depth: number): Json {
    left--
    if (typeof one !== 'object' || one === null) return one
    if (depth >= MAX_DEPTH) return CUT
    const items = [...itemsOf(one)]
    const kept: [key: string | undefined, item: Json][] = []
    for (const [item, key] of items) {
      if (left <= 0) {
        kept.push([CUT, `${items.length - kept.length} more`])
        break
      }
      kept.push([key, shorten(item, depth + 1)])
    }
    return Array.isArray(one) ? kept.map(([, item]) => item) : Object.fromEntries(kept)
  }

  return shorten(value, 0)
}
