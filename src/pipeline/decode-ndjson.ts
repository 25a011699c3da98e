import { RefreshError } from '../base/errors.ts'
import type { Json } from '../model/record.ts'
import type { FormatRules } from './format.ts'
import { parseJson } from './parse-json.ts'

/** A JSON value a line (https://github.com/ndjson/ndjson-spec, also called JSON Lines). */
export const ndjson: FormatRules = {
  extensions: ['ndjson', 'jsonl'],
  accept: 'application/x-ndjson, application/jsonl, */*;q=0.9',
  failsWhenCut: false,
  inlineBytes: 256 * 1024,
  decode: decodeNdjson,
}

/**
 * Reads a list of records, one a line; blank lines are left out.
 * @throws RefreshError `parse` with the line
 */
function decodeNdjson(text: string, name: string): Json {
  // A program that printed nothing but a line break has not said that there is nothing.
  if (text.trim() === '')
    throw new RefreshError('parse', `${name} has only blank lines, which is no empty list`)
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    try {
      return [parseJson(line)]
    } catch {
      // Nothing of the text is shown, nor the cause, which quotes it.
      throw new RefreshError('parse', `${name} has no JSON value of its own in line ${index + 1}`)
    }
  })
}
