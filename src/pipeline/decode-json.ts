import { RefreshError } from '../base/errors.ts'
import type { Json } from '../model/record.ts'
import type { FormatRules } from './format.ts'
import { findJsonFault, type JsonFault } from './json-fault.ts'
import { parseJson } from './parse-json.ts'

/** JSON (RFC 8259); see parseJson for long numbers. */
export const json: FormatRules = {
  extensions: ['json'],
  accept: 'application/json',
  failsWhenCut: true,
  inlineBytes: 512 * 1024,
  decode: decodeJson,
}

/** The message for a text that does not begin like JSON. */
function asText(text: string, name: string): string {
  const [first = '', second = ''] = text.trim().split(/\r?\n/, 2)
  const delimiter = [',', ';', '\t', '|'].find((sign) => isTable(first, second, sign))
  if (delimiter !== undefined) {
    return `${name} is a table, not JSON; write ${csvKeys(delimiter)}`
  }
  if (/^[\w."'-]+:(?:\s|$)/.test(first)) return `${name} looks like YAML, not JSON; write format: yaml`
  return `${name} is a text, not JSON: it begins with ${/^\d/.test(first) ? 'a digit' : 'a letter'}; check what the inventory returns`
}

function isTable(first: string, second: string, sign: string): boolean {
  const count = first.split(sign).length
  return count > 1 && count === second.split(sign).length
}

/** The keys that configure a delimiter, as YAML. */
function csvKeys(delimiter: string): string {
  return delimiter === ',' ? 'format: csv' : `format: csv and csv_delimiter: ${JSON.stringify(delimiter)}`
}

function decodeJson(text: string, name: string): Json {
  try {
    return parseJson(text)
  } catch {
    // Neither the text is shown, nor the cause, which quotes it: some servers repeat the credentials in it.
    if (/^\s*</.test(text)) throw new RefreshError('parse', `${name} looks like HTML or XML, not JSON`)
    if (/^\s*[\p{L}\d]/u.test(text)) throw new RefreshError('parse', asText(text, name))
    const { at, what } = findJsonFault(text) as JsonFault
    const where = `from character ${at} of ${text.length} on`
    throw new RefreshError('parse', `${name} is not valid JSON, ${where}: ${what}`)
  }
}
