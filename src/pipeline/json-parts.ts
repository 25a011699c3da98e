import { randomUUID } from 'node:crypto'
import { asBuffer } from '../base/bytes.ts'
import type { Json } from '../model/record.ts'
import { parseJson } from './parse-json.ts'

/** A JSON text whose one long list can be read a part at a time. */
export interface JsonParts {
  /**
   * The items of the list, some at a time.
   * @throws SyntaxError when it turns out that the text has to be read as a whole
   */
  items(): Generator<readonly Json[]>
  /** The document with another list of so many items in the place of that list; the first of them is `marker`. */
  frame(length: number): Json
  /** A text that is nowhere else: it tells that list from all others. */
  readonly marker: string
}

/** How many bytes are read at a time: so few that what they become is gone before the heap would keep it. */
const PART_BYTES = 65_536

/** How far into a text, and into its list, the beginning of the list and its second item are looked for. */
const HEAD_BYTES = 4_096

/** How many bytes after a list, and in its last item, are looked at to find where it ends. */
const TAIL_BYTES = 65_536

/** Where a list begins: the text itself, or else the first list of objects in it. */
const LIST = /^\s*\[|\[(?=\s*\{)/

/** What is around a list that is the whole text. */
const BARE = /^[ \t\n\r]*\[\][ \t\n\r]*$/

/**
 * Finds the long list in a JSON text, so that it can be read in parts: a million records that are all there at once
 * cost as much again to move and to sweep as to read.
 *
 * Where the list begins, ends and is cut is guessed, by what stands between its first two items, and yet nothing can
 * be read wrongly: when every part is a list by itself, with an item in it, and the text with another list in their
 * place is JSON, then by the grammar of RFC 8259 the whole is JSON, and has these items there.
 * @param partBytes how many bytes a part has at least, unless it is the last
 * @returns undefined when there is no such list, or it is not found
 */
export function splitJson(bytes: Uint8Array, partBytes = PART_BYTES): JsonParts | undefined {
  const text = asBuffer(bytes)
  const opening = LIST.exec(text.toString('latin1', 0, HEAD_BYTES))
  if (opening === null) return undefined
  const start = opening.index + opening[0].length
  const between = separatorIn(text.toString('latin1', start, start + HEAD_BYTES))
  if (between === undefined) return undefined
  const end = endOf({ text, start, between })
  if (end === undefined) return undefined
  const [head, tail] = [text.toString('utf8', 0, start), text.toString('utf8', end)]
  const marker = randomUUID()
  return {
    *items() {
      for (let from = start; from <= end; ) {
        const cut = text.indexOf(between, from + partBytes, 'latin1')
        // The comma is the second character of what stands between two items.
        const to = cut === -1 || cut >= end ? end : cut + 1
        yield itemsIn(text, from, to)
        from = to + 1
      }
    },
    frame(length) {
      if (BARE.test(head + tail)) return [marker, ...Array<Json>(length - 1).fill(null)]
      return parseJson(`${head}"${marker}"${',null'.repeat(length - 1)}${tail}`)
    },
    marker,
  }
}

/** Some items of a list. @throws SyntaxError when it is not that, or none */
function itemsIn(text: Buffer, from: number, to: number): readonly Json[] {
  const items = parseJson(`[${text.toString('utf8', from, to)}]`) as readonly Json[]
  if (items.length === 0) throw new SyntaxError('a part without an item')
  return items
}

/** Where in a text its list is. */
interface Place {
  readonly text: Buffer
  readonly start: number
  readonly between: string
}

/** Where the list ends: at the last bracket before which there is an item, and with which the rest is JSON. */
function endOf({ text, start, between }: Place): number | undefined {
  for (let end = text.lastIndexOf(']'); end >= start; end = text.lastIndexOf(']', end - 1)) {
    const last = text.lastIndexOf(between, end, 'latin1')
    const from = last === -1 ? start : last + 2
    if (text.byteLength - from > TAIL_BYTES) return undefined
    try {
      itemsIn(text, from, end)
      JSON.parse(`${text.toString('utf8', 0, start)}${text.toString('utf8', end)}`)
      return end
    } catch {
      // Another list after this one, or in its last item, ends there.
    }
  }
  return undefined
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
