import { isUtf8 } from 'node:buffer'
import { asBuffer } from '../base/bytes.ts'
import { messageOf, RefreshError } from '../base/errors.ts'
import type { Document } from '../model/document.ts'
import type { Json } from '../model/record.ts'
import { decodeCsv } from './decode-csv.ts'
import { decodeYaml } from './decode-yaml.ts'
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

/** The document as text. */
function textOf({ bytes, name }: Document): string {
  if (bytes.byteLength === 0) throw new RefreshError('parse', `${name} is empty`)
  if (!isUtf8(bytes)) throw new RefreshError('parse', `${name} is not UTF-8 text`)
  const text = asBuffer(bytes).toString()
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

/** JSON, by RFC 8259; see parseJson for long numbers. */
function decodeJson(text: string, name: string): Json {
  try {
    return parseJson(text)
  } catch (cause) {
    // Nothing of the text is shown, nor the cause, which quotes it: some servers repeat the credentials.
    if (/^\s*</.test(text)) throw new RefreshError('parse', `${name} looks like HTML or XML, not JSON`)
    const at = Number(/ at position (\d+)/.exec(messageOf(cause))?.[1] ?? text.length)
    const cut = at === text.length ? ': it ends in the middle' : ''
    throw new RefreshError(
      'parse',
      `${name} is not valid JSON, from character ${at} of ${text.length} on${cut}`,
    )
  }
}
