import { isUtf8 } from 'node:buffer'
import { asBuffer } from '../base/bytes.ts'
import { RefreshError } from '../base/errors.ts'
import type { Document } from '../model/document.ts'
import type { Json } from '../model/record.ts'
import { decodeCsv } from './decode-csv.ts'
import { decodeYaml } from './decode-yaml.ts'
import { findJsonFault, type JsonFault } from './json-fault.ts'
import { parseJson } from './parse-json.ts'

/**
 * Reads one document of an inventory; a byte order mark is tolerated.
 * @throws RefreshError `parse` that says what is wrong, and where, when it is not what its format says
 */
export function decode(document: Document): Json {
  const { format, name } = document
  const text = textOf(document)
  switch (format.kind) {
    case 'json':
      return decodeJson(text, name)
    case 'yaml':
      return decodeYaml(text, name)
    case 'csv':
      return decodeCsv(text, name, format.delimiter)
  }
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

/** What is said of a text that does not even begin as JSON does. */
function asText(text: string, name: string): string {
  const [first = '', second = ''] = text.trim().split(/\r?\n/, 2)
  const delimiter = [',', ';', '\t', '|'].find((sign) => isTable(first, second, sign))
  if (delimiter !== undefined) {
    return `${name} is a table, not JSON; write ${csvKeys(delimiter)}`
  }
  if (/^[\w."'-]+:(?:\s|$)/.test(first)) return `${name} looks like YAML, not JSON; write format: yaml`
  return `${name} is a text, not JSON: it begins with ${/^\d/.test(first) ? 'a digit' : 'a letter'}; see what is answered there`
}

function isTable(first: string, second: string, sign: string): boolean {
  const count = first.split(sign).length
  return count > 1 && count === second.split(sign).length
}

/** The keys that read a table with a delimiter, as they stand in YAML. */
function csvKeys(delimiter: string): string {
  return delimiter === ',' ? 'format: csv' : `format: csv and csv_delimiter: ${JSON.stringify(delimiter)}`
}

/** JSON, by RFC 8259; see parseJson for long numbers. */
function decodeJson(text: string, name: string): Json {
  try {
    return parseJson(text)
  } catch {
    // Nothing of the text is shown, nor the cause, which quotes it: some servers repeat the credentials.
    if (/^\s*</.test(text)) throw new RefreshError('parse', `${name} looks like HTML or XML, not JSON`)
    if (/^\s*[\p{L}\d]/u.test(text)) throw new RefreshError('parse', asText(text, name))
    const { at, what } = findJsonFault(text) as JsonFault
    const where = `from character ${at} of ${text.length} on`
    throw new RefreshError('parse', `${name} is not valid JSON, ${where}: ${what}`)
  }
}
