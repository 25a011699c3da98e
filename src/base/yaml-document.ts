import type { Document, DocumentOptions, LineCounter, ParseOptions, SchemaOptions } from 'yaml'

type Yaml = typeof import('yaml')

/** Options of the library. */
export type YamlOptions = ParseOptions & DocumentOptions & SchemaOptions & { lineCounter?: LineCounter }

/**
 * Far deeper than any inventory or configuration, and far from the end of the stack: close to it the platform
 * may abort the whole process, since some of its code cannot throw there.
 */
const MAX_DEPTH = 200

/**
 * Parses YAML like `parseDocument` of the library; nesting that is too deep is an additional error of the
 * document.
 * @param yaml the library, which many servers never need
 */
export function parseYamlDocument(yaml: Yaml, text: string, options: YamlOptions): Document.Parsed {
  const [parsed, second] = parseYamlDocuments(yaml, text, options)
  if (second !== undefined) {
    const [start, end] = second.range
    parsed.errors.push(
      new yaml.YAMLParseError([start, end], 'MULTIPLE_DOCS', 'a second document begins here'),
    )
  }
  return parsed
}

/** Parses a text that may hold several documents; there is always at least one. */
export function parseYamlDocuments(
  yaml: Yaml,
  text: string,
  options: YamlOptions,
): [first: Document.Parsed, ...others: Document.Parsed[]] {
  const tokens = shallowTokens(yaml, text, options.lineCounter)
  return [...new yaml.Composer(options).compose(tokens, true, text.length)] as [Document.Parsed]
}

/** The tokens of a text, made without recursion; only composing them uses the stack. */
function* shallowTokens({ Lexer, Parser }: Yaml, text: string, lines: LineCounter | undefined) {
  const parser = new Parser(lines?.addNewLine)
  lines?.addNewLine(0)
  let offset = 0
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme)
    if (parser.stack.length > MAX_DEPTH) {
      const message = `the value that begins here is more than ${MAX_DEPTH} levels deep, which is the limit`
      yield { type: 'error', offset, source: '', message } as const
      return
    }
    offset += lexeme.length
  }
  yield* parser.end()
}
