import type { Json } from '../model/record.ts'

/** Shorter runs of digits are at most 2^53. */
const MIN_DIGITS = 16

/** A candidate for a long whole number; inside of a text it is not one. */
const LONG_INTEGER = /(?<![\w.+-])-?[1-9]\d{15,}(?![\w.+-])/g

/**
 * Parses JSON like `JSON.parse`, but returns a whole number beyond 2^53 as a text of its digits, since a
 * number would lose some: ids of such length are names, distinguished by their digits. YAML is read the same
 * way.
 * @throws SyntaxError
 */
export function parseJson(text: string): Json {
  const value = JSON.parse(text) as Json
  return hasLongRun(text) ? (JSON.parse(withQuotedIntegers(text)) as Json) : value
}

/** Whether a text has a run of at least MIN_DIGITS digits: such a run contains a multiple of that length. */
function hasLongRun(text: string): boolean {
  for (let at = MIN_DIGITS - 1; at < text.length; at += MIN_DIGITS) {
    if (!isDigit(text, at)) continue
    let [start, end] = [at, at + 1]
    while (isDigit(text, start - 1)) start--
    while (isDigit(text, end)) end++
    if (end - start >= MIN_DIGITS) return true
  }
  return false
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 48 && code <= 57
}

/** Quotes whole numbers beyond 2^53. The text is valid JSON. */
function withQuotedIntegers(text: string): string {
  const parts: string[] = []
  let done = 0
  const isInText = createTextTracker(text)
  for (const { 0: digits, index } of text.matchAll(LONG_INTEGER)) {
    if (Number.isSafeInteger(Number(digits)) || isInText(index)) continue
    parts.push(text.slice(done, index), '"', digits, '"')
    done = index + digits.length
  }
  return [...parts, text.slice(done)].join('')
}

/** Creates a function that says whether a place in a JSON text is inside of a string; places must ascend. */
function createTextTracker(text: string): (place: number) => boolean {
  let isOpen = false
  let next = text.indexOf('"')
  return (place) => {
    while (next !== -1 && next < place) {
      if (!isOpen || !isEscaped(text, next)) isOpen = !isOpen
      next = text.indexOf('"', next + 1)
    }
    return isOpen
  }
}

/** Whether an odd number of backslashes precedes a place. */
function isEscaped(text: string, place: number): boolean {
  let start = place
  while (text[start - 1] === '\\') start--
  return (place - start) % 2 === 1
}
