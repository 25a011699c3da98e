import { HttpError } from '../../base/errors.ts'
import { suggest } from '../../base/suggest.ts'

/** The largest number of numbers in one payload. */
export const MAX_NUMBERS = 10_000

/** The payload of a device; an empty part counts as not given. */
export interface Payload {
  readonly numbers: readonly number[] | undefined
  readonly text: string | undefined
}

const FIELDS = ['numbers', 'text']

/**
 * Parses the body of `POST /payload`.
 * @throws HttpError `bad_request` or `payload_too_large`, with the fault and its place
 */
export function parsePayload(body: Uint8Array): Payload {
  const value = parseJson(decode(body))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong(`${shown(value)} is not an object; send {"numbers":[…],"text":"…"}`)
  }
  for (const key of Object.keys(value)) if (!FIELDS.includes(key)) throw unknownField(key)
  const { numbers, text } = value as { numbers?: unknown; text?: unknown }
  const payload = { numbers: readNumbers(numbers), text: readText(text) }
  if (payload.numbers === undefined && payload.text === undefined) {
    throw wrong('nothing to analyse: give "numbers", "text" or both; empty ones do not count')
  }
  return payload
}

function decode(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw wrong('the body is not UTF-8')
  }
}

function parseJson(text: string): unknown {
  if (text.trim() === '') throw wrong('the body is empty; send {"numbers":[…],"text":"…"}')
  try {
    return JSON.parse(text)
  } catch (error) {
    const hint = /[[,:]\s*[-+]?(?:NaN|Infinity)\b/i.test(text) ? '; JSON has no NaN and no Infinity' : ''
    throw wrong(`the body is not JSON: ${(error as Error).message}${hint}`)
  }
}

function unknownField(key: string): HttpError {
  const near = suggest(key, FIELDS)
  const hint = near === undefined ? 'there are "numbers" and "text"' : `did you mean "${near}"?`
  return wrong(`${shown(key)} is not a field of a payload; ${hint}`)
}

function readNumbers(value: unknown): readonly number[] | undefined {
  if (value === undefined) return undefined
  if (!Array.isArray(value)) throw wrong(`numbers: ${shown(value)} is not a list of numbers`)
  if (value.length > MAX_NUMBERS) {
    throw new HttpError(
      'payload_too_large',
      `numbers: ${value.length} numbers; at most ${MAX_NUMBERS} are allowed`,
    )
  }
  for (const [index, item] of value.entries()) {
    if (typeof item !== 'number') throw wrong(`numbers[${index}]: ${shown(item)} is not a number`)
    if (!Number.isFinite(item)) throw wrong(`numbers[${index}]: beyond 1.8e308, the largest supported number`)
  }
  return value.length === 0 ? undefined : value
}

function readText(value: unknown): string | undefined {
  if (value === undefined || value === '') return undefined
  if (typeof value !== 'string') throw wrong(`text: ${shown(value)} is not a text`)
  return value
}

function wrong(message: string): HttpError {
  return new HttpError('bad_request', message)
}

/**
 * A value in a message, shortened. Lists and objects are only named: they may be nested too deep to be
 * serialised.
 */
function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  return typeof value === 'string' ? JSON.stringify(cut(value)) : String(value)
}

function cut(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`
}
