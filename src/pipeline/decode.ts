import { isUtf8 } from 'node:buffer'
import { asBuffer } from '../base/bytes.ts'
import { RefreshError } from '../base/errors.ts'
import type { Document, Format } from '../model/document.ts'
import type { Json } from '../model/record.ts'
import { csv } from './decode-csv.ts'
import { json } from './decode-json.ts'
import { yaml } from './decode-yaml.ts'
import type { FormatRules } from './format.ts'

/** The formats, by the name that `format` has in a configuration file. */
export const FORMATS = { json, yaml, csv } satisfies Record<string, FormatRules>

/** What is known of a format. */
export function rulesOf({ kind }: Format): FormatRules {
  return FORMATS[kind as keyof typeof FORMATS]
}

/**
 * Reads one document of an inventory; a byte order mark is tolerated.
 * @throws RefreshError `parse` that says what is wrong, and where, when it is not what its format says
 */
export function decode(document: Document): Json {
  const { format, name } = document
  return rulesOf(format).decode(textOf(document), name, format)
}

const TO_UTF8 =
  'have it written in UTF-8 (in PowerShell: Out-File -Encoding utf8; a file: iconv -f UTF-16 -t UTF-8)'

/** How a document is coded that is not in UTF-8; every second byte of a list in UTF-16 is 0. */
function otherCoding(bytes: Uint8Array): string | undefined {
  const [first, second] = bytes
  const isMarked = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
  if (isMarked || (bytes.byteLength > 1 && (first === 0) !== (second === 0))) return 'UTF-16'
  return isUtf8(bytes) ? undefined : 'a text in another coding'
}

/** The document as text. */
function textOf({ bytes, name }: Document): string {
  if (bytes.byteLength === 0) throw new RefreshError('parse', `${name} is empty`)
  const coding = otherCoding(bytes)
  if (coding !== undefined) {
    throw new RefreshError('parse', `${name} is ${coding}, not UTF-8; ${TO_UTF8}`)
  }
  const text = asBuffer(bytes).toString()
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}
