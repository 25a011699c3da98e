import { type Document, type Scalar, visit, type YAMLError } from 'yaml'
import { messageOf } from '../base/errors.ts'
import { variable } from '../base/variable.ts'

/** A syntax error of a file. */
export interface SyntaxFault {
  /** Its position, in UTF-16 units from the beginning of the text. */
  readonly offset: number
  /** The problem, and what to do. It quotes nothing of the text but keys: a value may be a secret. */
  readonly message: string
}

/** Explanations of the parser's `CODE: message` for the author of a file. The first match is used. */
const WORDS: readonly (readonly [pattern: RegExp, message: string])[] = [
  [/^TAB_AS_INDENT/, 'a tab indents this line; indent with spaces'],
  [/Missing closing/, 'the quote that opens here is never closed; close it'],
  [
    /^BLOCK_AS_IMPLICIT_KEY/,
    'a key is inside a value; put a text that contains ": " in quotes, and indent all keys of a set alike',
  ],
  [/end with a [\]}]/, 'a "[" or "{" above is not closed before this; close it, and indent its content'],
  [
    /must start at the same column/,
    'the indentation of this line differs from the lines above; indent lines of one set or list alike',
  ],
  [
    /Sequence item without/,
    'this line is indented as an item of the list above, but does not begin with "- "; indent it like the keys that it belongs to',
  ],
  [
    /^MULTILINE_IMPLICIT_KEY|followed by map values/,
    'this is neither a key with its value nor an item; write "key: value" with a space after the colon, or "- item"',
  ],
  [/^BAD_SCALAR_START/, 'a value that begins with this character needs quotes; put it in quotes'],
  [
    /^BAD_DQ_ESCAPE/,
    'in double quotes a backslash begins an escape sequence, and this one is unknown; use single quotes',
  ],
  [
    /^TAG_RESOLVE_FAILED/,
    `a text that begins with "!" needs quotes, and tags are not supported: ${variable('NAME')} stands for an environment variable, and keys that end in _file name files with secrets`,
  ],
  [/^MULTIPLE_DOCS/, 'a second document begins here; put all into one, without "---" in between'],
  [
    /at node end/,
    'there is text after the end of a value; put all of it in quotes, and write a quote inside single quotes twice',
  ],
  [/Unexpected flow-\w+-end/, 'this bracket closes nothing; remove it, or put the text in quotes'],
]

/**
 * Explains the first syntax error of a document: later ones are mostly its consequences.
 * @param text of the document
 */
export function explainSyntax(document: Document.Parsed, error: YAMLError, text: string): SyntaxFault {
  const { code, message, pos } = error
  if (code === 'DUPLICATE_KEY') return { offset: pos[0], message: duplicateKey(document, pos[0], text) }
  const words = WORDS.find(([pattern]) => pattern.test(`${code}: ${message}`))
  const offset = /Missing closing/.test(message) ? quoteBefore(document, pos[0]) : pos[0]
  const key = KEY.exec(text.slice(text.lastIndexOf('\n', offset - 1) + 1))?.[1]
  const inLine = key === undefined ? 'this line' : `this line (key ${key})`
  return { offset, message: words?.[1].replace('this line', inLine) ?? withoutText(error) }
}

/** The key at the beginning of a line. */
const KEY = /^[ \t]*(?:- +)?([\w.-]+):\s/

/** Names the key at an offset, and the line that has it first. */
function duplicateKey(document: Document.Parsed, offset: number, text: string): string {
  let message = ''
  visit(document, {
    Map(_key, { items }) {
      const keys = items.map(({ key }) => key as Scalar)
      const second = keys.find(({ range }) => range?.[0] === offset)
      const first = keys.find(({ value }) => value === second?.value)
      if (second === undefined) return undefined
      const line = text.slice(0, first?.range?.[0]).split('\n').length
      message = `the key ${String(second.value)} is in line ${line} already; leave one out`
      return visit.BREAK
    },
  })
  return message
}

/** A message without the part of the file that it quotes at its end: that may be an unquoted password. */
export function withoutText(error: Error): string {
  return messageOf(error)
    .replace(/(:| sequence) .*/, '$1')
    .replace(/:$/, '; put texts with special characters in quotes')
}

/** The start of the last quoted text before an offset. For a missing quote, the parser gives the end of the file. */
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
