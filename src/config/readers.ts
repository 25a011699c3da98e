import { compile, type JSONValue, TreeInterpreter } from '@jmespath-community/jmespath'
import { messageOf } from '../base/errors.ts'
import { parseHttpUrl } from '../base/urls.ts'
import { MAX_TIMER_MS, parseDuration } from '../model/duration.ts'
import type { Json } from '../model/record.ts'
import { parseSize } from '../model/size.ts'
import type { Query } from '../pipeline/select.ts'
import { MAX_INTERVAL_MS, MIN_INTERVAL_MS } from './options.ts'
import { shownValue } from './shown.ts'

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

/** Reads a size, in bytes. Throws an Error that says what is expected. */
export function readSize(text: string): number {
  const bytes = parseSize(text)
  if (bytes !== undefined && bytes > 0) return bytes
  throw new Error(`${shownValue(text)} is not a size; write one such as 512KB, 64MB or 1GB`)
}

/** Reads the URL of an inventory. Throws an Error that says what is expected. */
export function readUrl(text: string): URL {
  const url = parseHttpUrl(text)
  if (url !== undefined) return url
  throw new Error(
    `${shownValue(text)} is not an http or https URL; write one such as http://inventory:1337/inventory`,
  )
}

/** Compiles a JMESPath expression. Throws an Error that says what is expected. */
export function compileQuery(text: string): Query {
  const expression = parseExpression(text)
  return (document) => TreeInterpreter.search(expression, document as JSONValue) as Json
}

function parseExpression(text: string): ReturnType<typeof compile> {
  try {
    return compile(text)
  } catch (error) {
    throw new Error(`${shownValue(text)} is not a JMESPath expression: ${messageOf(error)}`)
  }
}
