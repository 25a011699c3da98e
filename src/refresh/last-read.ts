import type { Document } from '../model/document.ts'

/** Documents that are larger than this together are not kept to be explained, in bytes. */
export const MAX_KEPT_BYTES = 16 * 2 ** 20

/** What the inventory of a source last gave, kept so that it can be explained. */
export interface LastRead {
  /** Undefined when they are larger than {@link MAX_KEPT_BYTES}. */
  readonly documents: readonly Document[] | undefined
  /** When the inventory last said so, on the wall clock, in milliseconds. */
  readonly atMs: number
}

/** Keeps documents unless they are too large. */
export function keepRead(documents: readonly Document[], atMs: number): LastRead {
  const bytes = documents.reduce((sum, document) => sum + document.bytes.byteLength, 0)
  return { documents: bytes <= MAX_KEPT_BYTES ? documents : undefined, atMs }
}
