import { compile, isRegistered, type JSONValue, TreeInterpreter } from '@jmespath-community/jmespath'
import { messageOf, RefreshError, type RefreshFailureReason } from '../../base/errors.ts'
import type { Json } from '../../model/record.ts'
import type { Query } from '../../pipeline/select.ts'
import { shownValue } from '../shown.ts'

/**
 * Compiles a JMESPath expression. Throws an Error that says what is expected.
 * @param key what messages call the expression when it fails on a document
 * @param reason of the failure then
 */
export function compileQuery(text: string, key: string, reason: RefreshFailureReason): Query {
  const expression = parseExpression(text)
  return (document, name) => {
    try {
      return TreeInterpreter.search(expression, document as JSONValue) as Json
    } catch (error) {
      throw new RefreshError(
        reason,
        `the ${key} expression ${shownValue(text)} fails on ${name}: ${messageOf(error)}`,
      )
    }
  }
}

type Expression = ReturnType<typeof compile>

function parseExpression(text: string): Expression {
  try {
    const expression = compile(text)
    const unknown = functionsIn(expression).find((name) => !isRegistered(name))
    if (unknown !== undefined) throw new Error(`there is no function ${unknown}()`)
    return expression
  } catch (error) {
    throw new Error(`${shownValue(text)} is not a JMESPath expression: ${messageOf(error)}`)
  }
}

/** The names of the functions that an expression calls, at any depth. */
function functionsIn(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return []
  const { type, name } = node as { type?: unknown; name?: unknown }
  const own = type === 'Function' && typeof name === 'string' ? [name] : []
  return [...own, ...Object.values(node).flatMap(functionsIn)]
}
