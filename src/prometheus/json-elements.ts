import { asBuffer } from '../base/bytes.ts'
import { RefreshError } from '../base/errors.ts'

/** The longest element, and the longest document without its elements, in bytes. */
const MAX_BYTES = 2 ** 20

/** The depth of the lists: `{"data":{"activeTargets":[{…},{…}]}}`. */
const LIST_DEPTH = 3

/** The name of a list is searched in this many bytes before its elements. */
const END_BYTES = 200

const QUOTE = 0x22
const COMMA = 0x2c
const SPACE = 0x20
const BACKSLASH = 0x5c
/** The bit that makes a bracket a brace. */
const BRACE = 0x20
const OPENING = 0x7b
const CLOSING = 0x7d

/** Reads a JSON document while it arrives. */
export interface JsonElements {
  /**
   * Takes the next piece.
   * @throws RefreshError `parse`, or `too_large`
   */
  add(chunk: Uint8Array): void
  /**
   * Ends the document.
   * @returns the document with empty lists in place of those whose elements were read
   * @throws RefreshError `parse` when it is not whole
   */
  end(): unknown
}

/**
 * Reads JSON whose lists of objects are two levels deep, one object at a time; memory is bounded whatever the
 * length of the lists.
 * @param each called with the name of the list, and the unparsed text of the object
 */
export function createJsonElements(each: (list: string, text: string) => void): JsonElements {
  let depth = 0
  let isText = false
  let isEscaped = false
  let list: string | undefined
  const element = createPieces('one target')
  const rest = createPieces('the answer without its targets')

  /** The end of a string, or of the chunk. */
  function textEnd(chunk: Uint8Array, from: number): number {
    let at = from
    for (; at < chunk.length; at++) {
      const byte = chunk[at]
      if (byte === QUOTE) break
      if (byte === BACKSLASH) at++
    }
    isText = at >= chunk.length
    isEscaped = at > chunk.length
    return at
  }

  /** Enters a level; returns where the current part begins in the chunk. */
  function open(chunk: Uint8Array, start: number, at: number): number {
    if (depth++ !== LIST_DEPTH) return start
    addRest(chunk.subarray(start, at))
    return at
  }

  /** Leaves a level. */
  function close(chunk: Uint8Array, start: number, at: number): number {
    if (--depth !== LIST_DEPTH) return start
    list ??= /"([^"]*)"\s*:\s*\[[\s,]*$/.exec(rest.end())?.[1] ?? ''
    each(list, element.textWith(chunk, start, at + 1))
    return at + 1
  }

  function addRest(piece: Uint8Array): void {
    if (list !== undefined && piece.every(isBetween)) return
    rest.add(piece)
    list = undefined
  }

  /** The place to begin in a chunk: after a string that continues from the previous one. */
  function textGoesOn(chunk: Uint8Array): number {
    return isText ? textEnd(chunk, isEscaped ? 1 : 0) + 1 : 0
  }

  /** Keeps the end of a chunk until the next one. */
  function leave(left: Uint8Array): void {
    if (depth > LIST_DEPTH) element.add(left)
    else addRest(left)
  }

  return {
    add(chunk) {
      let start = 0
      for (let at = textGoesOn(chunk); at < chunk.length; at++) {
        const byte = chunk[at] as number
        if (byte === QUOTE) at = textEnd(chunk, at + 1)
        else if ((byte | BRACE) === OPENING) start = open(chunk, start, at)
        else if ((byte | BRACE) === CLOSING) start = close(chunk, start, at)
      }
      leave(chunk.subarray(start))
    },
    end: () => parseJson(rest.text()),
  }
}

/** Bytes that arrive in pieces, up to a limit. */
function createPieces(what: string) {
  let pieces: Uint8Array[] = []
  let size = 0

  /** @throws RefreshError `too_large` */
  function grow(bytes: number): void {
    size += bytes
    if (size > MAX_BYTES)
      throw new RefreshError('too_large', `${what} has more than ${MAX_BYTES} bytes, which is the limit`)
  }

  function add(piece: Uint8Array): void {
    grow(piece.byteLength)
    // A copy, since the memory of a chunk may be reused.
    pieces.push(new Uint8Array(piece))
  }

  return {
    add,
    text: () => Buffer.concat(pieces).toString(),
    /** The last bytes, without joining all pieces, since it may be called after each element. */
    end(): string {
      let from = pieces.length
      for (let bytes = 0; from > 0 && bytes < END_BYTES; from--)
        bytes += (pieces[from - 1] as Uint8Array).length
      return Buffer.concat(pieces.slice(from)).subarray(-END_BYTES).toString()
    },
    /** The text that ends in this chunk; afterwards the next one begins. */
    textWith(chunk: Uint8Array, start: number, end: number): string {
      grow(end - start)
      const last = asBuffer(chunk)
      const text =
        pieces.length === 0
          ? last.toString('utf8', start, end)
          : Buffer.concat([...pieces, last.subarray(start, end)]).toString()
      pieces = []
      size = 0
      return text
    },
  }
}

/** Whether a byte separates two elements: a comma or white space. */
function isBetween(byte: number): boolean {
  return byte === COMMA || byte <= SPACE
}

/** @throws RefreshError `parse` */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new RefreshError('parse', 'the answer is incomplete, or not JSON', { cause: error })
  }
}
