import { randomUUID } from 'node:crypto'
import { asBuffer } from '../base/bytes.ts'
import type { Json } from '../model/record.ts'
import { parseJson } from './parse-json.ts'

/** A JSON text with one long list that can be read in parts. */
export interface JsonParts {
  /** Yields the items of the list in parts. @throws SyntaxError when the text has to be read as a whole */
  items(): Generator<readonly Json[]>
  /** The document, with a list of `length` items in place of the long one: its first item is `marker`, the others are holes. */
  frame(length: number): Json
  /** A unique text that identifies that list. */
  readonly marker: string
}

/** The size of a part in bytes: so small that its values are garbage before the heap promotes them. */
const PART_BYTES = 65_536

/**
 * The beginning of the list and its second item are searched in this many bytes of the text, and of the list.
 */
const HEAD_BYTES = 4_096

/** The end of the list is searched in this many bytes after the list and in its last item. */
const TAIL_BYTES = 65_536

/** The beginning of a list: of the whole text, or else of the first list of objects in it. */
const LIST = /^\s*\[|\[(?=\s*\{)/

/**
 * Finds the long list in a JSON text, so that it can be read in parts: a million records in memory at once
 * cost as much time again in garbage collection as in reading. Where the list begins, ends and can be cut is
 * guessed from the separator of its first two items, yet a wrong guess is never read wrongly: if every part
 * is a non-empty list by itself, and the text with another list in its place is JSON, then by the grammar of
 * RFC 8259 the whole text is JSON, and has these items there.
 * @param partBytes the least size of a part, except for the last one
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
  const [head, tail] = [text.subarray(0, start).toString(), text.subarray(end).toString()]
  const marker = randomUUID()
  return {
    *items() {
      for (let from = start; from <= end; ) {
        const least = Math.min(end, from + partBytes)
        // Beyond 2 GB, Node.js 20 cannot search or decode from an offset, but it can in a view.
        const cut = text.subarray(least, end + between.length).indexOf(between, 0, 'latin1')
        // The comma is the second character of the separator.
        const to = cut === -1 || least + cut >= end ? end : least + cut + 1
        yield itemsIn(text.subarray(from, to))
        from = to + 1
      }
    },
    frame(length) {
      const document = parseJson(`${head}"${marker}"${tail}`)
      setLength(document, marker, length)
      return document
    },
    marker,
  }
}

/** Finds the list whose first item is `item`, and sets its length. */
function setLength(document: Json, item: string, length: number): void {
  const values = [document]
  for (const value of values) {
    if (Array.isArray(value) && value[0] === item) value.length = length
    else if (typeof value === 'object' && value !== null) values.push(...Object.values(value))
  }
}

/** Parses some items of a list. @throws SyntaxError when the text is not valid, or has no items */
function itemsIn(text: Buffer): readonly Json[] {
  const items = parseJson(`[${text.toString()}]`) as readonly Json[]
  if (items.length === 0) throw new SyntaxError('a part without an item')
  return items
}

/** The place of a list in a text. */
interface Place {
  readonly text: Buffer
  readonly start: number
  readonly between: string
}

/**
 * Finds the end of the list: the last bracket that follows an item, and without which the rest would not be
 * JSON.
 */
function endOf({ text, start, between }: Place): number | undefined {
  const base = Math.max(start, text.byteLength - TAIL_BYTES)
  const rest = text.subarray(base)
  for (let end = rest.lastIndexOf(']'); end >= 0; end = rest.subarray(0, end).lastIndexOf(']')) {
    const last = rest.subarray(0, end + between.length).lastIndexOf(between, undefined, 'latin1')
    if (last === -1 && base > start) return undefined
    try {
      itemsIn(rest.subarray(last === -1 ? 0 : last + 2, end))
      JSON.parse(`${text.subarray(0, start).toString()}${rest.subarray(end).toString()}`)
      return base + end
    } catch {
      // The end of another list, after this one or in its last item.
    }
  }
  return undefined
}

/**
 * The separator of the first two items: from the last character of the first item to the first key of the
 * second. Objects inside of an item mostly begin otherwise.
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
