import { constants, isUtf8 } from 'node:buffer'
import { asBuffer } from '../base/bytes.ts'
import { messageOf, RefreshError } from '../base/errors.ts'
import type { Document, Format } from '../model/document.ts'
import type { Json } from '../model/record.ts'
import { csv } from './decode-csv.ts'
import { ini } from './decode-ini.ts'
import { json } from './decode-json.ts'
import { lines } from './decode-lines.ts'
import { ndjson } from './decode-ndjson.ts'
import { toml } from './decode-toml.ts'
import { xml } from './decode-xml.ts'
import { yaml } from './decode-yaml.ts'
import type { FormatRules } from './format.ts'

/** The formats by their names in `format` of a configuration file. */
export const FORMATS = { json, ndjson, yaml, csv, lines, toml, ini, xml } satisfies Record<
  string,
  FormatRules
>

/** The rules of a format. */
export function rulesOf({ kind }: Format): FormatRules {
  return FORMATS[kind as keyof typeof FORMATS]
}

/**
 * Decodes one document of an inventory; a byte order mark is skipped.
 * @throws RefreshError `parse` that says what is wrong, and where, when the document does not have its format
 */
export function decode(document: Document): Json {
  const { format, name, answer } = document
  const text = textOf(document)
  try {
    return rulesOf(format).decode(text, name, format)
  } catch (error) {
    const isPage = format.kind === 'xml' ? /^\s*<(?:!doctype )?html\b/i.test(text) : /^\s*</.test(text)
    if (answer?.url === undefined || !isPage) throw error
    // Not the path, which may have a session after a redirect.
    const advice = `it came from ${new URL(answer.url).origin}, which may be a login page, or the page of a proxy; check url, authorization and login`
    throw new RefreshError('parse', `${messageOf(error)}; ${advice}`, { cause: error })
  }
}

/** The values of `encoding`. */
export const ENCODINGS = ['utf-8', 'utf-16le', 'utf-16be', 'latin1'] as const

/** Byte order marks and their encodings. */
const MARKS: readonly (readonly [mark: readonly number[], encoding: string])[] = [
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0xff, 0xfe], 'utf-16le'],
  [[0xfe, 0xff], 'utf-16be'],
]

/** The document as text, without a byte order mark. */
function textOf({ bytes, name, format }: Document): string {
  if (bytes.byteLength === 0) throw new RefreshError('parse', `${name} is empty`)
  if (bytes.byteLength > constants.MAX_STRING_LENGTH) {
    throw new RefreshError(
      'too_large',
      `${name} is larger than 512MB, and cannot be read in parts. Read it in pages; or as format: json in UTF-8, with all records in one list, a plain path or nothing as records, and no fail_if`,
    )
  }
  const marked = MARKS.find(([mark]) => mark.every((byte, index) => bytes[index] === byte))?.[1]
  const encoding = marked ?? format.encoding ?? 'utf-8'
  if (encoding === 'utf-8') return fromUtf8(bytes, name)
  if (encoding === 'latin1') return fromLatin1(bytes)
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new RefreshError('parse', `${name} is not valid ${encoding.toUpperCase()}`, { cause })
  }
}

/**
 * The characters of Windows-1252 from 0x80 to 0x9f, where Latin-1 has control characters; as in browsers,
 * both are read alike.
 */
const WINDOWS = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'

function fromLatin1(bytes: Uint8Array): string {
  const text = asBuffer(bytes).toString('latin1')
  return text.replace(/[\u0080-\u009f]/g, (one) => WINDOWS[one.charCodeAt(0) - 0x80] as string)
}

function fromUtf8(bytes: Uint8Array, name: string): string {
  const [first, second] = bytes
  // In UTF-16, every second byte of a list is 0.
  if (bytes.byteLength > 1 && (first === 0) !== (second === 0)) {
    const encoding = first === 0 ? 'utf-16be' : 'utf-16le'
    throw new RefreshError('parse', `${name} is UTF-16, not UTF-8; write encoding: ${encoding}`)
  }
  if (!isUtf8(bytes)) {
    throw new RefreshError(
      'parse',
      `${name} is not UTF-8; if an old Windows program wrote it, write encoding: latin1`,
    )
  }
  const text = asBuffer(bytes).toString()
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}
