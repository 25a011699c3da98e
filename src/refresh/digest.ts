import { sha256 } from '../base/bytes.ts'
import type { Document } from '../model/document.ts'

/** A digest of documents, by which an unchanged inventory is recognised before anything is decoded. */
export function digestOf(documents: readonly Document[]): Promise<string> {
  return sha256(documents.flatMap(({ bytes }) => [Buffer.from(`${bytes.byteLength}:`), bytes]))
}
