import { createRequire } from 'node:module'
import { messageOf, RefreshError, type RefreshFailureReason } from '../base/errors.ts'
import { shown } from '../mapping/rejection.ts'
import type { Json } from '../model/record.ts'
import type { Query } from './select.ts'

type JmesPath = typeof import('@jmespath-community/jmespath')
type Expression = ReturnType<JmesPath['compile']>

// Loaded on first use: most inventories, and threads without an expression, do not need it.
const load = createRequire(import.meta.url)

/**
 * Compiles a JMESPath expression. Throws an Error that says what is expected.
 * @param key the name of the expression in messages about a failing document
 * @param reason of such a failure
 */
export function compileQuery(text: string, key: string, reason: RefreshFailureReason): Query {
  const jmespath = load('@jmespath-community/jmespath') as JmesPath
  const expression = parseExpression(text, jmespath)
  type Input = Parameters<JmesPath['TreeInterpreter']['search']>[1]
  return (document, name) => {
    try {
      return jmespath.TreeInterpreter.search(expression, document as Input) as Json
    } catch (error) {
      throw new RefreshError(
        reason,
        `the ${key} expression ${shown(text)} fails on ${name}: ${messageOf(error)}`,
      )
    }
  }
}

/** A whole number literal that may be beyond 2^53. */
const LITERAL = /`\s*(-?[1-9]\d{15,})\s*`/g

/** Documents have such a number as a text, see parseJson. */
function asRead(literal: string, digits: string): string {
  return Number.isSafeInteger(Number(digits)) ? literal : `\`"${digits}"\``
}

function parseExpression(text: string, { compile, isRegistered }: JmesPath): Expression {
  try {
    const expression = compile(text.replace(LITERAL, asRead))
    const unknown = functionsIn(expression).find((name) => !isRegistered(name))
    if (unknown !== undefined) throw new Error(`there is no function ${unknown}()`)
    return expression
  } catch (error) {
    throw new Error(`${shown(text)} is not a JMESPath expression: ${messageOf(error)}`)
  }
}

/** The names of the functions that an expression calls, at any depth. */
function functionsIn(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return []
  const { type, name } = node as { type?: unknown; name?: unknown }
  const own = type === 'Function' && typeof name === 'string' ? [name] : []
  return [...own, ...Object.values(node).flatMap(functionsIn)]
}
