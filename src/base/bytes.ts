import { createHash } from 'node:crypto'
import { createTurns, slicesOf } from './turns.ts'

/** Joins pieces into one buffer of its own, sharing the main thread. */
export async function joinBytes(pieces: Iterable<Uint8Array>, size: number): Promise<Buffer> {
  const joined = Buffer.allocUnsafeSlow(size)
  const turn = createTurns()
  let at = 0
  for (const piece of pieces) {
    for (const slice of slicesOf(piece)) {
      joined.set(slice, at)
      at += slice.byteLength
      await turn(slice.byteLength)
    }
  }
  return joined
}

/** The SHA-256 of pieces one after the other, in hex, sharing the main thread. */
export async function sha256(pieces: Iterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  const turn = createTurns()
  for (const piece of pieces) {
    for (const slice of slicesOf(piece)) {
      hash.update(slice)
      await turn(slice.byteLength)
    }
  }
  return hash.digest('hex')
}
