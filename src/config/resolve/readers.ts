import { compile, isRegistered, type JSONValue, TreeInterpreter } from '@jmespath-community/jmespath'
import { messageOf, RefreshError, type RefreshFailureReason } from '../../base/errors.ts'
import { parseHttpUrl } from '../../base/urls.ts'
import { MAX_TIMER_MS, parseDuration } from '../../model/duration.ts'
import type { Json } from '../../model/record.ts'
import { parseSize } from '../../model/size.ts'
import type { Query } from '../../pipeline/select.ts'
import { MAX_INTERVAL_MS, MIN_INTERVAL_MS } from '../options.ts'
import { shownValue } from '../shown.ts'

/** Node.js reads no text that is longer than 512 MiB. */
const MAX_SIZE_BYTES = 500 * 2 ** 20

/** Reads a refresh_interval, in milliseconds. Throws an Error that says what is expected. */
export function readInterval(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms >= MIN_INTERVAL_MS && ms <= MAX_INTERVAL_MS) return ms
  throw new Error(`${shownValue(text)} is out of range; write a duration from 100ms to 20d`)
}

/** Reads a timeout, in milliseconds. Throws an Error that says what is expected. */
export function readTimeout(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0 && ms <= MAX_TIMER_MS) return ms
  throw new Error(`${shownValue(text)} is out of range; write a duration from 1ms to 24d`)
}

/** Reads a max_staleness, in milliseconds. Throws an Error that says what is expected. */
export function readMaxStaleness(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0) return ms
  throw new Error(`${shownValue(text)} is out of range; write a duration longer than 0, such as 1d`)
}

/** Reads a size, in bytes. Throws an Error that says what is expected. */
export function readSize(text: string): number {
  const bytes = parseSize(text)
  if (bytes !== undefined && bytes > 0 && bytes <= MAX_SIZE_BYTES) return bytes
  throw new Error(`${shownValue(text)} is not a size up to 500MB; write one such as 512KB or 64MB`)
}

/** Reads the URL of an inventory. Throws an Error that says what is expected. */
export function readUrl(text: string): URL {
  const url = parseHttpUrl(text)
  if (url !== undefined) return url
  throw new Error(
    `${shownUrl(text)} is not an http or https URL; write one such as http://inventory:1337/inventory, and %25 for a "%" in a password`,
  )
}

/** What is meant as a URL in an error message: without user, password and query, wherever they end up in it. */
export function shownUrl(text: string): string {
  return shownValue(text.replace(/^([a-z]+:\/*)?.*@/is, '$1…@').replace(/\?.*/s, '?…'))
}

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
