import * as yaml from 'yaml'
import { type Document, isMap, isNode, isScalar, type Pair, visit } from 'yaml'
import { parseYamlDocument } from '../base/yaml-document.ts'
import type { Path, Problem } from '../sources/resolving.ts'
import { explainSyntax, type SyntaxFault, withoutText } from './syntax-fault.ts'

/** A parsed YAML file that knows the position of each value. */
export interface ConfigDocument {
  readonly value: unknown
  /** A scalar as written: `1.10` stays `1.10`, where a number would be 1.1. */
  text(path: Path): string | undefined
  /** The position of a value (or its key): `file:line:column: key`. */
  place(at: Omit<Problem, 'message'>): string
  /** One line for a problem: `file:line:column: key: message`. */
  describe(problem: Problem): string
}

/**
 * Parses a YAML 1.2 configuration file.
 * @returns the document, or one line about its first syntax error
 */
export function parseConfigDocument(text: string, file: string): ConfigDocument | { syntax: string } {
  const lines = new yaml.LineCounter()
  const wrong = ({ offset, message }: SyntaxFault) => {
    const { line, col } = lines.linePos(offset)
    return { syntax: `${file}:${line}:${col}: not valid YAML: ${message}` }
  }
  const document = parseYamlDocument(yaml, text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    logLevel: 'error',
  })
  // An unknown tag is a mistake too: for example, the text after it would be used as a password.
  const [error] = [...document.errors, ...document.warnings]
  if (error !== undefined) return wrong(explainSyntax(document, error, text))
  const value = plainValue(document)
  if (value instanceof Error) {
    return wrong({ offset: unresolvedAlias(document) ?? 0, message: withoutText(value) })
  }
  const place = (at: Omit<Problem, 'message'>) => {
    const { line, col } = lines.linePos(offsetOf(document, at))
    const key = showPath(at.path)
    return `${file}:${line}:${col}${key === '' ? '' : `: ${key}`}`
  }
  return {
    value,
    place,
    text(path) {
      const node = document.getIn(path, true)
      return isScalar(node) ? node.source : undefined
    },
    describe: (problem) => `${place(problem)}: ${problem.message}`,
  }
}

/** The plain value; or the Error of its aliases and merges, which are checked only when they are resolved. */
function plainValue(document: Document.Parsed): unknown {
  try {
    const value = document.toJS()
    return isEndless(value) ? new Error('an alias is inside the value that it refers to') : value
  } catch (error) {
    return error
  }
}

function isEndless(value: unknown, around: readonly unknown[] = []): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (around.includes(value)) return true
  return Object.values(value).some((inner) => isEndless(inner, [...around, value]))
}

/** The position of the first alias without an anchor. */
function unresolvedAlias(document: Document.Parsed): number | undefined {
  let offset: number | undefined
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return undefined
      offset = alias.range?.[0]
      return visit.BREAK
    },
  })
  return offset
}

/** `['sources', 0, 'http', 'url']` → `sources[0].http.url`. */
export function showPath(path: Path): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join('')
}

/** The position of a value (or its key); for a missing value, that of its nearest parent. */
function offsetOf(document: Document.Parsed, { path, atKey }: Omit<Problem, 'message'>): number {
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
