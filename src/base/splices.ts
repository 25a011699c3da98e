import { asBuffer } from './bytes.ts'

/** One difference between two byte strings: the `removed` bytes at byte `at` of the first are replaced by `added` others. */
export type Splice = readonly [at: number, removed: number, added: number]

/** The differences between two byte strings: applied in order, they turn the first into the second. */
export interface Splices {
  readonly splices: readonly Splice[]
  /** The added bytes of all splices, in order. */
  readonly added: Buffer
}

/** After a difference, bytes that both have in common are searched within this many bytes of each. */
const WINDOW_BYTES = 8_192

/** A needle is so many bytes of the first, searched for in the second. */
const NEEDLE_BYTES = 32

/** The distance between needles. */
const STEP_BYTES = 8

/** So many equal bytes in a row are the end of a difference. Fewer may be the same text in another line. */
const ENOUGH_BYTES = 1_024

/** After so many needles the bytes are taken to differ too much. */
const MAX_NEEDLES = 4_096

/** Bytes are compared in pieces of this size, which the platform does quickly. */
const PIECE_BYTES = 65_536

/**
 * Finds the differences between two byte strings that have most bytes in common. They need not be the smallest ones.
 * @param maxAdded the most bytes that may be added
 * @returns undefined when they differ too much
 */
export function splicesBetween(first: Uint8Array, second: Uint8Array, maxAdded: number): Splices | undefined {
  const [before, after] = [asBuffer(first), asBuffer(second)]
  const tail = equalAtEnd(before, after)
  const [beforeEnd, afterEnd] = [before.length - tail, after.length - tail]
  const splices: Splice[] = []
  const added: Buffer[] = []
  let [at, to, size, needles] = [0, 0, 0, 0]
  for (;;) {
    const equal = equalAtStart(before.subarray(at, beforeEnd), after.subarray(to, afterEnd))
    at += equal
    to += equal
    if (at === beforeEnd && to === afterEnd) return { splices, added: Buffer.concat(added) }
    const next = nextEqual(before.subarray(at, beforeEnd), after.subarray(to, afterEnd))
    if (next === undefined) return undefined
    splices.push([at, next.removed, next.added])
    added.push(after.subarray(to, to + next.added))
    at += next.removed
    to += next.added
    size += next.added
    needles += next.needles
    if (size > maxAdded || needles > MAX_NEEDLES) return undefined
  }
}

/**
 * Turns the first of two byte strings into the second.
 * @throws RangeError when the differences are not those of the first
 */
export function splice(first: Uint8Array, { splices, added }: Splices): Buffer {
  const before = asBuffer(first)
  const pieces: Buffer[] = []
  let [from, taken] = [0, 0]
  for (const [at, removed, more] of splices) {
    if (!(from <= at && at + removed <= before.length && taken + more <= added.length))
      throw new RangeError(`a difference at byte ${at} is outside of the ${before.length} bytes`)
    pieces.push(before.subarray(from, at), added.subarray(taken, taken + more))
    from = at + removed
    taken += more
  }
  return Buffer.concat([...pieces, before.subarray(from)])
}

/** How many bytes are removed and added until both go on with the same bytes. */
function nextEqual(before: Buffer, after: Buffer) {
  const window = after.subarray(0, WINDOW_BYTES)
  let best: { removed: number; added: number; run: number } | undefined
  let needles = 0
  for (let from = 0; from < WINDOW_BYTES && from + NEEDLE_BYTES <= before.length; from += STEP_BYTES) {
    needles++
    const found = window.indexOf(before.subarray(from, from + NEEDLE_BYTES))
    if (found === -1) continue
    const back = equalAtEnd(before.subarray(0, from), after.subarray(0, found))
    const [removed, added] = [from - back, found - back]
    const run = equalAtStart(before.subarray(removed), after.subarray(added, added + 2 * ENOUGH_BYTES))
    if (run > (best?.run ?? 0)) best = { removed, added, run }
    if (run >= ENOUGH_BYTES) break
  }
  // What is left of both is short enough to be replaced, or one of them has ended.
  const isRest = before.length + after.length <= WINDOW_BYTES || before.length === 0 || after.length === 0
  const rest = isRest ? { removed: before.length, added: after.length } : undefined
  const next = best ?? rest
  return next && { removed: next.removed, added: next.added, needles }
}

function equalAtStart(one: Buffer, other: Buffer): number {
  const length = Math.min(one.length, other.length)
  return longest(length, (from, to) => one.compare(other, from, to, from, to) === 0)
}

function equalAtEnd(one: Buffer, other: Buffer): number {
  const length = Math.min(one.length, other.length)
  const [end, otherEnd] = [one.length, other.length]
  return longest(length, (from, to) => {
    return one.compare(other, otherEnd - to, otherEnd - from, end - to, end - from) === 0
  })
}

/** How many bytes at the beginning are equal; `isEqual` compares those between two offsets. */
function longest(length: number, isEqual: (from: number, to: number) => boolean): number {
  let at = 0
  for (let size = PIECE_BYTES; size >= 1; size /= 2) {
    while (at + size <= length && isEqual(at, at + size)) at += size
  }
  return at
}
