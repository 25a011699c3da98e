import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { asBuffer } from '../base/bytes.ts'
import type { Json } from '../model/record.ts'
import { formatSize } from '../model/size.ts'
import { CUT, findJsonFault, type JsonFault } from './json-fault.ts'
import { parseJson } from './parse-json.ts'

/** The outermost list that is still open after the first {@link HEAD_BYTES} of a JSON text: probably that of the records. */
export interface LongList {
  /** The place of its first item, in bytes. */
  readonly start: number
  /** The bytes that probably separate its items, with the last one of an item before them, as Latin-1; undefined: unknown. */
  readonly separator: string | undefined
  /** Its key; undefined: it is the document, or an item of another list. */
  readonly key: string | undefined
}

/** A JSON text without the items of its long list. */
export interface Frame {
  readonly document: Json
  /** The list in the document: its first item, and holes in place of the others. Undefined: the document does not have it. */
  readonly list: readonly Json[] | undefined
}

/** Reads a JSON text piece by piece. */
export interface PartReader {
  /**
   * Reads a piece; its memory can be reused afterwards.
   * @throws PartsError
   */
  add(piece: Uint8Array): void
  /** Reads what is left. @throws JsonSyntaxError */
  end(): Frame
}

/** Why a text cannot be read in parts. */
export class PartsError extends Error {}

/** A text is not valid JSON. */
export class JsonSyntaxError extends PartsError {
  override readonly name = 'JsonSyntaxError'
  readonly fault: JsonFault

  /** @param fault its place is in bytes */
  constructor(fault: JsonFault) {
    super(`from byte ${fault.at} on: ${fault.what}`)
    this.fault = fault
  }
}

/** An item of the long list is longer than {@link MAX_BYTES}. */
export class LongItemError extends PartsError {
  override readonly name = 'LongItemError'

  /** @param at the place of the item, in bytes */
  constructor(at: number) {
    super(
      `the list item at byte ${at} is larger than ${formatSize(MAX_BYTES)}, the limit for one item of an answer that is mapped while it arrives; request fewer fields per record`,
    )
  }
}

/** The long list is not that of the records, or more than {@link MAX_BYTES} follow it. */
export class NotInPartsError extends PartsError {
  override readonly name = 'NotInPartsError'
}

/** How many bytes at the beginning of a text are searched for the long list. */
export const HEAD_BYTES = 65_536

/** The least size of a part in bytes: so small that its values are garbage before the heap promotes them. */
const PART_BYTES = 65_536

/** The largest item, and the most that may follow the list, in bytes. */
const MAX_BYTES = 16 * 2 ** 20

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const LIST = 0x5b
const LIST_END = 0x5d
const OBJECT = 0x7b
const OBJECT_END = 0x7d

const NOT_UTF8 =
  'bytes that are not UTF-8, there or a little later; if an old Windows program wrote them, write encoding: latin1'

/** Nothing but whitespace of JSON. */
const SPACE = /^[ \t\n\r]*$/

/** The byte order mark of UTF-8. */
const MARK = /^\u00ef\u00bb\u00bf/

/**
 * Finds the long list of a JSON text: the outermost one that is still open at the end of its first bytes.
 * @param head these bytes
 * @returns undefined when there is none
 */
export function findLongList(head: Uint8Array): LongList | undefined {
  const text = asBuffer(head)
  // UTF-16: reading it as a whole says so.
  if (text.includes(0)) return undefined
  if (!/^\s*[[{]/.test(text.toString('latin1', 0, 100).replace(MARK, ''))) return undefined
  // The brackets that are open: of a list its place and the text before it; of an object, undefined.
  const open: ({ readonly start: number; readonly before: Text } | undefined)[] = []
  let before: Text = { from: 0, to: 0 }
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === QUOTE) {
      const end = endOfText(text, at)
      before = { from: at, to: end + 1 }
      at = end
    } else if (character === LIST) open.push({ start: at + 1, before })
    else if (character === OBJECT) open.push(undefined)
    else if (character === LIST_END || character === OBJECT_END) open.pop()
  }
  const list = open.find((one) => one !== undefined)
  if (list === undefined) return undefined
  const { start } = list
  return { start, separator: separatorIn(text, start), key: keyOf(text, list.before, start) }
}

/** The place of a text, with its quotation marks. */
interface Text {
  readonly from: number
  readonly to: number
}

/** The key of a list, if the text before it is one. */
function keyOf(text: Buffer, { from, to }: Text, start: number): string | undefined {
  if (!/^\s*:\s*$/.test(text.toString('latin1', to, start - 1))) return undefined
  return itemsIn(text.subarray(from, to))?.[0] as string | undefined
}

/** The last character of the first item, the comma, and the first key of the second, if the second is an object or a text. */
function separatorIn(text: Buffer, start: number): string | undefined {
  const end = endOfItem(text, start, start)
  if (end === undefined || end.isLast) return undefined
  return /^.,\s*(?:"|\{\s*"[^"]*")/s.exec(text.toString('latin1', end.at - 1))?.[0]
}

/**
 * Creates a reader that gives the items of the long list in parts, so that neither the text nor its values are in
 * memory at once: a million records cost as much time again in garbage collection as in reading. Where a part
 * ends is guessed from the separator, and searched when the guess is wrong. Nothing is read wrongly: by the
 * grammar of RFC 8259 the text is JSON with these items if each part is a non-empty list by itself, and the text
 * with another list in place of the long one is JSON. All bytes are checked to be UTF-8.
 * @param onItems called with the items of each part
 * @param partBytes the least size of a part, except for the last one
 */
export function createPartReader(
  { start, separator }: LongList,
  onItems: (items: readonly Json[]) => void,
  partBytes = PART_BYTES,
): PartReader {
  /** What has not been read yet; its memory grows with the longest item, and is used again. */
  let memory = Buffer.alloc(0)
  let rest = memory
  /** The bytes before the rest. */
  let passed = 0
  let head: Buffer | undefined
  let isClosed = false
  let first: Json
  let count = 0
  /** With fewer bytes, the end of a part is not searched: twice as many as the last search had in vain. */
  let enough = 2 * partBytes

  /** Reads the items in some bytes; returns false when these are no items. */
  function take(bytes: Buffer): boolean {
    const items = itemsIn(bytes)
    if (items === undefined) return false
    if (count === 0) first = items[0] as Json
    count += items.length
    onItems(items)
    return true
  }

  /** The end of a part if the separator is the right one; it may be in the middle of an item. */
  function guessEnd(text: Buffer, from: number): number | undefined {
    if (separator === undefined) return undefined
    // Beyond 2 GB, Node.js 20 cannot search from an offset, but it can in a view.
    const near = text.subarray(from + partBytes, from + 2 * partBytes + separator.length)
    const found = near.indexOf(separator, 0, 'latin1')
    // The comma is the second character of the separator.
    return found === -1 ? undefined : from + partBytes + found + 1
  }

  /** Reads the next part; returns the place after it, or undefined when the rest of it has not come. */
  function next(text: Buffer, from: number): number | undefined {
    const left = text.length - from
    if (isClosed || left < enough) return undefined
    enough = 2 * partBytes
    const guess = guessEnd(text, from)
    if (guess !== undefined && take(text.subarray(from, guess))) return guess + 1
    const found = takeTo(text, from, from + partBytes)
    if (found !== undefined) return found
    if (left > MAX_BYTES) throw tooLong(text.subarray(from), passed + from)
    enough = Math.min(2 * left, MAX_BYTES + 1)
    return undefined
  }

  /**
   * Reads the items up to the first end of one at or after a place; returns the place of the next item, or of the
   * bracket.
   */
  function takeTo(text: Buffer, from: number, least: number): number | undefined {
    const end = endOfItem(text, from, least)
    if (end === undefined) return undefined
    const part = text.subarray(from, end.at)
    const isEmpty = end.isLast && count === 0 && SPACE.test(part.toString())
    if (!isEmpty && !take(part)) throw faultIn(part, passed + from)
    isClosed = end.isLast
    return isClosed ? end.at : end.at + 1
  }

  /** Makes sure that there is so much memory, and that the rest is in it. */
  function reserve(bytes: number): void {
    if (memory.length >= bytes) return
    memory = Buffer.allocUnsafeSlow(2 * bytes)
    rest.copy(memory)
  }

  /** The rest and the next piece. */
  function joined(piece: Buffer): Buffer {
    if (rest.length === 0) return piece
    const bytes = rest.length + piece.length
    reserve(bytes)
    piece.copy(memory, rest.length)
    return memory.subarray(0, bytes)
  }

  /** Keeps what is left of a text. It is copied, since the memory of a piece can be used again. */
  function keep(left: Buffer): void {
    reserve(left.length)
    left.copy(memory)
    rest = memory.subarray(0, left.length)
  }

  function read(text: Buffer): Buffer {
    let from = 0
    if (head === undefined && text.length >= start) {
      head = text.subarray(0, start)
      if (!isUtf8(head)) throw new JsonSyntaxError({ at: 0, what: NOT_UTF8 })
      // Its memory can be used again.
      head = Buffer.from(head)
      from = start
    }
    for (let to = next(text, from); to !== undefined; to = next(text, from)) from = to
    passed += from
    return text.subarray(from)
  }

  /** The document with a list of one item, which is `marker`. */
  function frameWith(marker: string): Json {
    if (!isUtf8(rest)) throw faultIn(rest, passed)
    const [before, after] = [textOf(head as Buffer), rest.toString()]
    try {
      return parseJson(`${before}"${marker}"${after}`)
    } catch {
      const { at, what } = findJsonFault(`${before}0${after}`) as JsonFault
      const isAfter = at > before.length
      const place = isAfter
        ? passed + Buffer.byteLength(after.slice(0, at - before.length - 1))
        : (head as Buffer).length - Buffer.byteLength(before.slice(at))
      throw new JsonSyntaxError({ at: place, what })
    }
  }

  return {
    add(piece) {
      keep(read(joined(asBuffer(piece))))
      if (isClosed && rest.length > MAX_BYTES) throw new NotInPartsError()
    },
    end() {
      const to = isClosed ? 0 : takeTo(rest, 0, Number.POSITIVE_INFINITY)
      if (to === undefined || head === undefined) throw faultIn(rest, passed, '')
      passed += to
      rest = rest.subarray(to)
      const marker = randomUUID()
      const document = frameWith(marker)
      return { document, list: listIn(document, { marker, first, count }) }
    },
  }
}

/** Parses some items of a list; undefined when they are not valid, or there are none. */
function itemsIn(bytes: Buffer): readonly Json[] | undefined {
  if (!isUtf8(bytes)) return undefined
  try {
    const items = parseJson(`[${bytes.toString()}]`) as readonly Json[]
    return items.length === 0 ? undefined : items
  } catch {
    return undefined
  }
}

/** Why an item does not end: it is too long, or a fault before hides its end. */
function tooLong(items: Buffer, place: number): PartsError {
  const error = faultIn(items, place, '')
  return error.fault.what === CUT ? new LongItemError(place) : error
}

/** The beginning of a text, without a byte order mark. */
function textOf(head: Buffer): string {
  return head.toString().replace(/^\ufeff/, '')
}

/**
 * The fault in the items of a list.
 * @param place of the items in the text
 * @param after what follows them
 */
function faultIn(items: Buffer, place: number, after = ']'): JsonSyntaxError {
  if (!isUtf8(items)) return new JsonSyntaxError({ at: place, what: NOT_UTF8 })
  const text = items.toString()
  const found = findJsonFault(`[${text}${after}`)
  const { at, what } = found ?? { at: 1, what: 'a comma without an item after it' }
  return new JsonSyntaxError({ at: place + Buffer.byteLength(text.slice(0, Math.max(0, at - 1))), what })
}

/** Finds the list whose only item is the marker, and gives it its length and its first item. */
function listIn(
  document: Json,
  { marker, first, count }: { readonly marker: string; readonly first: Json; readonly count: number },
): readonly Json[] | undefined {
  const values: Json[] = [document]
  for (const value of values) {
    if (Array.isArray(value) && value[0] === marker) {
      value[0] = first
      value.length = count
      return value
    }
    // Not all at once: there may be another long list.
    for (const one of Object.values(value ?? {})) if (typeof one === 'object') values.push(one)
  }
  return undefined
}

/** The comma after an item of a list, or the bracket that closes the list. */
interface ItemEnd {
  readonly at: number
  readonly isLast: boolean
}

/**
 * Finds the first end of an item at or after a place, from the beginning of an item on; undefined when the text ends
 * before.
 */
function endOfItem(text: Buffer, from: number, least: number): ItemEnd | undefined {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const character = text[at]
    if (character === QUOTE) at = endOfText(text, at)
    else if (character === LIST || character === OBJECT) depth++
    else if (character === LIST_END || character === OBJECT_END) {
      if (depth === 0) return { at, isLast: true }
      depth--
    } else if (character === COMMA && depth === 0 && at >= least) return { at, isLast: false }
  }
  return undefined
}

/** The place of the quotation mark that ends a text; the length of the bytes when they end before. */
function endOfText(text: Buffer, opening: number): number {
  for (let at = opening + 1; at < text.length; at++) {
    const character = text[at]
    if (character === QUOTE) return at
    if (character === BACKSLASH) at++
  }
  return text.length
}
