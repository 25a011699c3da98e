import { createHash } from 'node:crypto'
import { createYielder, slicesOf } from './yielding.ts'

/** The same memory as a Buffer, without a copy. */
export function asBuffer({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
}

/** How many bytes pieces have together. */
export function bytesIn(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)
}

/** Collects bytes that arrive in pieces. */
export interface ByteCollector {
  readonly size: () => number
  add(piece: Uint8Array): void
  /** Joins all pieces into one buffer with memory of its own. Yields to the event loop. */
  join(): Promise<Buffer>
}

/**
 * Creates a collector.
 * @param expected the total size, if known: then pieces are copied to their place at once, so that their
 * memory can be reused, and the peak is never twice the size
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
      // The unfilled part holds whatever was in memory before.
      if (size !== whole.byteLength) throw new RangeError(`${size} of ${whole.byteLength} bytes came`)
      return whole
    },
  }
}

async function joined(pieces: Uint8Array[], size: number): Promise<Buffer> {
  const whole = Buffer.allocUnsafeSlow(size)
  const yieldAfter = createYielder()
  let at = 0
  // Each piece is released as soon as it is copied.
  for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
    whole.set(piece, at)
    at += piece.byteLength
    await yieldAfter(piece.byteLength)
  }
  return whole
}

/** The number of texts that are joined at a time. */
const TEXTS_AT_ONCE = 1_000

/** Joins texts, with a separator, a prefix and a suffix. Yields to the event loop. */
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

/** The SHA-256 of concatenated pieces, in hex. Yields to the event loop. */
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
