import type { Document, DocumentOptions, LineCounter, ParseOptions, SchemaOptions } from 'yaml'

type Yaml = typeof import('yaml')

/**
 * Far deeper than any inventory or configuration is, and far from the end of the stack: close to it the platform may
 * abort the whole process, since not everything that runs there can throw.
 */
const MAX_DEPTH = 200

/**
 * Parses YAML as `parseDocument` of the library does; what is nested too deeply is one more error of the document.
 * @param yaml the library, which many servers never need
 */
export function parseYamlDocument(
  yaml: Yaml,
  text: string,
  options: ParseOptions & DocumentOptions & SchemaOptions & { lineCounter?: LineCounter },
): Document.Parsed {
  const tokens = shallowTokens(yaml, text, options.lineCounter)
  const [document, second] = new yaml.Composer(options).compose(tokens, true, text.length)
  const parsed = document as Document.Parsed
  if (second !== undefined) {
    const [start, end] = second.range
    parsed.errors.push(
      new yaml.YAMLParseError([start, end], 'MULTIPLE_DOCS', 'a second document begins here'),
    )
  }
  return parsed
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
