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
 * @returns the document, or one line for each thing that is wrong with its syntax
 */
export function parseConfigDocument(text: string, file: string): ConfigDocument | { syntax: string[] } {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true })
  if (document.errors.length > 0) {
    const [first] = document.errors
    const { line, col } = lines.linePos(first?.pos[0] ?? 0)
    // What follows the first syntax error is mostly its consequence.
    return { syntax: [`${file}:${line}:${col}: not valid YAML: ${first?.message}`] }
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
  for (let length = path.length; length >= 0; length--) {
    const steps = path.slice(0, length)
    const node = length === 0 ? document.contents : document.getIn(steps, true)
    if (!isNode(node)) continue
    const key = atKey === true && length === path.length ? keyOf(document, steps) : undefined
    return (isNode(key) ? key.range?.[0] : node.range?.[0]) ?? 0
  }
  return 0
}

function keyOf(document: Document.Parsed, path: Path): unknown {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  if (!isMap(parent)) return undefined
  const wanted = path.at(-1)
  return parent.items.find((pair: Pair) => isScalar(pair.key) && pair.key.value === wanted)?.key
}
