import type { Document, DocumentOptions, LineCounter, ParseOptions, SchemaOptions } from 'yaml'

type Yaml = typeof import('yaml')

/** What the library may be told. */
export type YamlOptions = ParseOptions & DocumentOptions & SchemaOptions & { lineCounter?: LineCounter }

/**
 * Far deeper than any inventory or configuration is, and far from the end of the stack: close to it the platform may
 * abort the whole process, since not everything that runs there can throw.
 */
const MAX_DEPTH = 200

/**
 * Parses YAML as `parseDocument` of the library does; what is nested too deeply is one more error of the document.
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

/** The same for a text that may have several documents in it; there is always one. */
export function parseYamlDocuments(
  yaml: Yaml,
  text: string,
  options: YamlOptions,
): [first: Document.Parsed, ...others: Document.Parsed[]] {
  const tokens = shallowTokens(yaml, text, options.lineCounter)
  return [...new yaml.Composer(options).compose(tokens, true, text.length)] as [Document.Parsed]
}

/** The tokens of a text, made without recursion; composing them is what takes a stack. */
function* shallowTokens({ Lexer, Parser }: Yaml, text: string, lines: LineCounter | undefined) {
  const parser = new Parser(lines?.addNewLine)
  lines?.addNewLine(0)
  let offset = 0
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme)
    if (parser.stack.length > MAX_DEPTH) {
      const message = `what begins here is more than ${MAX_DEPTH} levels deep, and no more are read`
      yield { type: 'error', offset, source: '', message } as const
      return
    }
    offset += lexeme.length
  }
  yield* parser.end()
}
