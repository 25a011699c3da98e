import { isObject, type Json } from './record.ts'

/** How deep a record is looked into; what is deeper is neither searched nor shown. */
export const MAX_DEPTH = 32

/** How many values of a record are shown; a record can be a whole inventory. */
const MAX_VALUES = 1_000

/** What stands for what was cut. */
export const CUT = '…'

/** What stands directly in a list or an object, with its key; nothing stands in other values. */
export function itemsOf(value: Json): Iterable<readonly [item: Json, key?: string]> {
  if (Array.isArray(value)) return value.map((item: Json) => [item] as const)
  return isObject(value) ? Object.entries(value).map(([key, item]) => [item, key] as const) : []
}

/** A value of bounded size: what is too deep or too much of it is cut, and says so. */
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
