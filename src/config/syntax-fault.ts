import { type Document, visit, type YAMLError } from 'yaml'
import { messageOf } from '../base/errors.ts'
import { variable } from '../base/variable.ts'

/** What is wrong with the syntax of a file. */
export interface SyntaxFault {
  /** Where, in UTF-16 units from the begin of the text. */
  readonly offset: number
  /** What, and what to do; nothing of the text is in it, since that may be a secret. */
  readonly message: string
}

/** What the parser's `CODE: message` means to somebody who writes a file. The first that matches counts. */
const WORDS: readonly (readonly [pattern: RegExp, message: string])[] = [
  [/^TAB_AS_INDENT/, 'a tab indents this line; indent with spaces'],
  [/^DUPLICATE_KEY/, 'this key stands twice in one set of keys; leave one out'],
  [/Missing closing/, 'the quote that opens here is never closed; close it'],
  [
    /^BLOCK_AS_IMPLICIT_KEY/,
    'a key stands inside a value; put a text with ": " in it in quotes, and indent the keys of a set alike',
  ],
  [/end with a [\]}]/, 'a "[" or "{" above is not closed before this; close it, and indent what is in it'],
  [
    /must start at the same column/,
    'this line is indented otherwise than its neighbours above; indent what belongs together alike',
  ],
  [
    /Sequence item without/,
    'this line is indented as an item of the list above, but does not begin with "- "; indent it like the keys that it belongs to',
  ],
  [
    /^MULTILINE_IMPLICIT_KEY|followed by map values/,
    'this is neither a key with its value nor an item; write "key: value" with a space after the colon, or "- item"',
  ],
  [/^BAD_SCALAR_START/, 'a value that begins with this sign needs quotes; put it in quotes'],
  [
    /^BAD_DQ_ESCAPE/,
    'in double quotes a backslash begins an escape sequence, and there is none such; use single quotes',
  ],
  [
    /^TAG_RESOLVE_FAILED/,
    `a text that begins with "!" needs quotes, and tags mean nothing here: ${variable('NAME')} stands for an environment variable, and keys that end in _file name files with secrets`,
  ],
  [/^MULTIPLE_DOCS/, 'a second document begins here; put all into one, without "---" in between'],
  [
    /at node end/,
    'something follows a value that has ended; put all of it in quotes, and write a quote inside single quotes twice',
  ],
  [/Unexpected flow-\w+-end/, 'this bracket closes nothing; remove it, or put the text in quotes'],
]

/** Explains the first syntax error of a document: what follows it is mostly its consequence. */
export function explainSyntax(document: Document.Parsed, error: YAMLError): SyntaxFault {
  const { code, message, pos } = error
  const words = WORDS.find(([pattern]) => pattern.test(`${code}: ${message}`))
  const offset = /Missing closing/.test(message) ? quoteBefore(document, pos[0]) : pos[0]
  return { offset, message: words?.[1] ?? withoutText(error) }
}

/** A message without the piece of the file that it quotes at its end: that may be a password without quotes. */
export function withoutText(error: Error): string {
  return messageOf(error)
    .replace(/(:| sequence) .*/, '$1')
    .replace(/:$/, '; put texts with signs in them in quotes')
}

/** Where the last text in quotes begins that does so before an offset; the parser tells where the file ends. */
function quoteBefore(document: Document.Parsed, end: number): number {
  let offset = 0
  visit(document, {
    Scalar(_key, node) {
      const start = (node.range as [number, number, number])[0]
      if (String(node.type).startsWith('QUOTE') && start < end) offset = start
    },
  })
  return offset
}
