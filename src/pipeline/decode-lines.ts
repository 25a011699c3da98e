import { RefreshError } from '../base/errors.ts'
import type { Json } from '../model/record.ts'
import type { FormatRules } from './format.ts'
import { isMessage, withoutComment } from './text-lines.ts'

/** A plain text with one host, or any other text, per line. */
export const lines: FormatRules = {
  extensions: ['txt', 'lst'],
  accept: 'text/plain, */*;q=0.9',
  failsWhenCut: false,
  inlineBytes: 256 * 1024,
  decode: decodeLines,
}

/**
 * Decodes a list of texts, one per line. Blank lines and comments are left out; a comment is a `#` at the
 * beginning of a line or after white space, and the text after it.
 * @throws RefreshError `parse` when it looks like another format, whose lines would become hosts
 */
function decodeLines(text: string, name: string): Json {
  const [first = ''] = text.trimStart().split('\n', 1)
  const other = [
    [/^<[!?a-z]/i, 'HTML or XML'],
    [/^[[{]/, 'JSON'],
  ].find(([begins]) => (begins as RegExp).test(first))?.[1]
  if (other !== undefined)
    throw new RefreshError('parse', `${name} looks like ${other}, not one host per line`)
  const found = text
    .split(/\r\n|\n|\r/)
    .map((line) => withoutComment(line, '#'))
    .filter((line) => line !== '')
  if (found.length === 0)
    throw new RefreshError(
      'parse',
      `${name} has only blank lines and comments, which does not count as an empty list`,
    )
  if (found.length === 1 && isMessage(found[0] as string))
    throw new RefreshError(
      'parse',
      `${name} is a single word, which may be a message instead of the only host`,
    )
  return found
}
