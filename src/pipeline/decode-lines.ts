import { RefreshError } from '../base/errors.ts'
import type { Json } from '../model/record.ts'
import type { FormatRules } from './format.ts'
import { isMessage, withoutComment } from './text-lines.ts'

/** A host, or any other text, a line. */
export const lines: FormatRules = {
  extensions: ['txt', 'lst'],
  accept: 'text/plain, */*;q=0.9',
  failsWhenCut: false,
  inlineBytes: 256 * 1024,
  decode: decodeLines,
}

/**
 * Reads a list of texts, one a line. Blank lines, and what stands behind a `#` at the beginning of a line or after
 * white space, are left out.
 * @throws RefreshError `parse` when it looks like another format: a line of it would become a host
 */
function decodeLines(text: string, name: string): Json {
  const [first = ''] = text.trimStart().split('\n', 1)
  const other = [
    [/^<[!?a-z]/i, 'HTML or XML'],
    [/^[[{]/, 'JSON'],
  ].find(([begins]) => (begins as RegExp).test(first))?.[1]
  if (other !== undefined) throw new RefreshError('parse', `${name} looks like ${other}, not a host a line`)
  const found = text
    .split(/\r\n|\n|\r/)
    .map((line) => withoutComment(line, '#'))
    .filter((line) => line !== '')
  if (found.length === 0)
    throw new RefreshError(
      'parse',
      `${name} has nothing but blank lines and comments, which is no empty list`,
    )
  if (found.length === 1 && isMessage(found[0] as string))
    throw new RefreshError('parse', `${name} is a single word, which may be a message and not the only host`)
  return found
}
