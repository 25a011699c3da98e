import { type Document, isMap, isNode, isScalar, LineCounter, type Pair, parseDocument } from 'yaml'

/** Steps from the top of the file to a value. */
export type Path = readonly (number | string)[]

/** One thing that is wrong with a configuration file. */
export interface Problem {
  readonly path: Path
  readonly message: string
  /** Point at the key rather than at its value. */
  readonly atKey?: boolean
}

/** A YAML file that can say where in the text a value stands. */
export interface ConfigDocument {
  readonly value: unknown
  /** One line for a problem: `file:line:column: key: message`. */
  describe(problem: Problem): string
}

/**
 * Parses a YAML 1.2 configuration file.
 * @returns the document, or one line for what is wrong with its syntax
 */
export function parseConfigDocument(text: string, file: string): ConfigDocument | { syntax: string } {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true })
  // What follows the first syntax error is mostly its consequence.
  const [error] = document.errors
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0])
    return { syntax: `${file}:${line}:${col}: not valid YAML: ${error.message}` }
  }
  return {
    value: document.toJS(),
    describe(problem) {
      const { line, col } = lines.linePos(offsetOf(document, problem))
      const key = showPath(problem.path)
      return `${file}:${line}:${col}: ${key === '' ? '' : `${key}: `}${problem.message}`
    },
  }
}

/** `['sources', 0, 'http', 'url']` → `sources[0].http.url`. */
export function showPath(path: Path): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join('')
}

/** Where the value (or its key) begins; for a value that is not there, its nearest parent. */
function offsetOf(document: Document.Parsed, { path, atKey }: Problem): number {
  const key = atKey === true ? keyOf(document, path) : undefined
  const ancestors = path.map((_, index) => document.getIn(path.slice(0, path.length - index), true))
  const node = [key, ...ancestors, document.contents].find((one) => isNode(one))
  return node === undefined ? 0 : (node.range as [number, number, number])[0]
}

function keyOf(document: Document.Parsed, path: Path): unknown {
  const parent = document.getIn(path.slice(0, -1), true)
  const wanted = path.at(-1)
  const pair = isMap(parent) && parent.items.find(({ key }: Pair) => isScalar(key) && key.value === wanted)
  return pair ? pair.key : undefined
}
