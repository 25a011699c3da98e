import { isUtf8 } from 'node:buffer'
import { messageOf, RefreshError } from '../base/errors.ts'
import type { Json } from '../model/record.ts'

/**
 * Reads one document of an inventory as JSON (RFC 8259); a byte order mark is tolerated.
 * @throws RefreshError `parse` that says how the document begins when it is not JSON
 */
export function decodeJson(bytes: Uint8Array): Json {
  if (bytes.byteLength === 0) throw new RefreshError('parse', 'the answer is empty; expected JSON')
  if (!isUtf8(bytes)) throw new RefreshError('parse', 'the answer is not UTF-8 text; expected JSON')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  try {
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text) as Json
  } catch (cause) {
    const start = JSON.stringify(text.slice(0, 40).toWellFormed())
    const kind = /^\s*</.test(text) ? 'looks like HTML or XML' : 'is not valid JSON'
    throw new RefreshError('parse', `the answer ${kind}; it begins with ${start} (${messageOf(cause)})`, {
      cause,
    })
  }
}
