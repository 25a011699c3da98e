import { type Document, type Format, JSON_FORMAT } from '../../src/model/document.ts'

/** A value as the JSON document that an inventory answers. */
export function jsonDocument(value: unknown): Document {
  return document(JSON.stringify(value))
}

/** A text, or bytes, as a document; JSON unless it says otherwise. */
export function document(content: string | Uint8Array, format: Format = JSON_FORMAT): Document {
  return { bytes: Buffer.from(content), format, name: 'the answer' }
}
