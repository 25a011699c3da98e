import type { Json } from '../model/record.ts'

/** A JSON text whose one long list can be read a part at a time. */
export interface JsonParts {
  /**
   * The items of the list, some at a time.
   * @throws SyntaxError when it turns out that the text has to be read as a whole
   */
  items(): Generator<readonly Json[]>
  /**
   * The document with a list of so many {@link MARKER}s in the place of that list.
   * @throws SyntaxError as `items` does
   */
  frame(length: number): Json
}

/** Stands for an item; no item is taken for it. */
export const MARKER = '\u0000'

/** How many bytes are read at a time: so few that what they become is gone before the heap would keep it. */
const PART_BYTES = 65_536

/** How far into a text, and into its list, the beginning of the list and its second item are looked for. */
const HEAD_BYTES = 4_096

/** Where a list begins: the text itself, or else the first list of objects in it. */
const LIST = /^\s*\[|\[(?=\s*\{)/

/** What is around a list that is the whole text. */
const BARE = /^[ \t\n\r]*\[\][ \t\n\r]*$/

/**
 * Finds the long list in a JSON text, so that it can be read in parts: a million records that are all there at once
 * cost as much again to move and to sweep as to read.
 *
 * Where to cut is guessed, by what stands between the first two items, and yet nothing can be read wrongly: when
 * every part is a list by itself, with an item in it, and the text with another list in their place is JSON, then
 * by the grammar of RFC 8259 the whole is JSON, and has these items there. Everything else is a SyntaxError.
 * @param partBytes how many bytes a part has at least, unless it is the last
 * @returns undefined when there is no such list
 */
export function splitJson(bytes: Uint8Array, partBytes = PART_BYTES): JsonParts | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const opening = LIST.exec(text.toString('latin1', 0, HEAD_BYTES))
  if (opening === null) return undefined
  const start = opening.index + opening[0].length
  const end = text.lastIndexOf(']')
  const between = separatorIn(text.toString('latin1', start, start + HEAD_BYTES))
  if (between === undefined || end < start) return undefined
  return {
    *items() {
      for (let from = start; from <= end; ) {
        const cut = text.indexOf(between, from + partBytes, 'latin1')
        // The comma is the second character of what stands between two items.
        const to = cut === -1 || cut >= end ? end : cut + 1
        const items = JSON.parse(`[${text.toString('utf8', from, to)}]`) as Json[]
        if (items.length === 0) throw new SyntaxError('a part without an item')
        yield items
        from = to + 1
      }
    },
    frame(length) {
      const [head, tail] = [text.toString('utf8', 0, start), text.toString('utf8', end)]
      if (BARE.test(head + tail)) return Array<Json>(length).fill(MARKER)
      const marker = JSON.stringify(MARKER)
      const markers = `${marker},`.repeat(length - 1) + marker
      return JSON.parse(head + markers + tail)
    },
  }
}

/**
 * What stands between the first two items, from the last character of the first, and with the first key of the
 * second: an object in an item begins otherwise, mostly.
 */
function separatorIn(list: string): string | undefined {
  let depth = 0
  let quoted = false
  for (let at = 0; at < list.length; at++) {
    const character = list[at] as string
    if (quoted) {
      if (character === '\\') at++
      else quoted = character !== '"'
    } else if (character === '"') quoted = true
    else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth--
    else if (character === ',' && depth === 0)
      return /^.,\s*(?:"|\{\s*"[^"]*")/s.exec(list.slice(at - 1))?.[0]
    if (depth < 0) return undefined
  }
  return undefined
}
