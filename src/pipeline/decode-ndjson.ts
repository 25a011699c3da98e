import { RefreshError } from '../base/errors.ts'
import type { Json } from '../model/record.ts'
import type { FormatRules } from './format.ts'
import { parseJson } from './parse-json.ts'

/** One JSON value per line (https://github.com/ndjson/ndjson-spec, also called JSON Lines). */
export const ndjson: FormatRules = {
  extensions: ['ndjson', 'jsonl'],
  accept: 'application/x-ndjson, application/jsonl, */*;q=0.9',
  failsWhenCut: false,
  inlineBytes: 256 * 1024,
  decode: decodeNdjson,
}

/**
 * Decodes a list of records, one per line; blank lines are left out.
 * @throws RefreshError `parse` with the line
 */
function decodeNdjson(text: string, name: string): Json {
  // Only a line break may be the output of a program that failed, so it is not an empty list.
  if (text.trim() === '')
    throw new RefreshError('parse', `${name} has only blank lines, which does not count as an empty list`)
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    try {
      return [parseJson(line)]
    } catch {
      // Neither the text is shown, nor the cause, which quotes it.
      throw new RefreshError('parse', `${name} does not have exactly one JSON value in line ${index + 1}`)
    }
  })
}
