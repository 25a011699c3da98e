import { createHash } from 'node:crypto'
import { createYielder, slicesOf } from './yielding.ts'

/** The same memory as a Buffer; nothing is copied. */
export function asBuffer({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
}

/** Gathers bytes that come piece by piece. */
export interface ByteCollector {
  readonly size: () => number
  add(piece: Uint8Array): void
  /** All of them, in one buffer that has its memory for itself. Shares the main thread. */
  join(): Promise<Buffer>
}

/**
 * Creates a collector.
 * @param expected how many bytes there will be, if that is known: then they are put where they belong at once, so
 * that the memory of the pieces can be used again, and all of them never need twice their size
 */
export function createByteCollector(expected?: number): ByteCollector {
  const whole = expected === undefined ? undefined : Buffer.allocUnsafeSlow(expected)
  const pieces: Uint8Array[] = []
  let size = 0
  return {
    size: () => size,
    add(piece) {
      if (whole === undefined) pieces.push(piece)
      else whole.set(piece, size)
      size += piece.byteLength
    },
    async join() {
      if (whole === undefined) return joined(pieces, size)
      // What was not filled is whatever was in memory before.
      if (size !== whole.byteLength) throw new RangeError(`${size} of ${whole.byteLength} bytes came`)
      return whole
    },
  }
}

async function joined(pieces: Uint8Array[], size: number): Promise<Buffer> {
  const whole = Buffer.allocUnsafeSlow(size)
  const yieldAfter = createYielder()
  let at = 0
  // Each piece is let go of as soon as it is copied.
  for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
    whole.set(piece, at)
    at += piece.byteLength
    await yieldAfter(piece.byteLength)
  }
  return whole
}

/** How many texts are joined at a time. */
const TEXTS_AT_ONCE = 1_000

/** Joins texts with others between, before and after them. Shares the main thread. */
export async function joinLines(
  texts: readonly string[],
  between: string,
  before: string,
  after: string,
): Promise<Buffer> {
  const yieldAfter = createYielder()
  const pieces = [Buffer.from(before)]
  for (let start = 0; start < texts.length; start += TEXTS_AT_ONCE) {
    const text = texts.slice(start, start + TEXTS_AT_ONCE).join(between)
    const piece = Buffer.from(start === 0 ? text : `${between}${text}`)
    pieces.push(piece)
    await yieldAfter(piece.byteLength)
  }
  return Buffer.concat([...pieces, Buffer.from(after)])
}

/** The SHA-256 of pieces one after the other, in hex, sharing the main thread. */
export async function sha256(pieces: Iterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  const yieldAfter = createYielder()
  for (const piece of pieces) {
    for (const slice of slicesOf(piece)) {
      hash.update(slice)
      await yieldAfter(slice.byteLength)
    }
  }
  return hash.digest('hex')
}
