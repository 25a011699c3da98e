import type { Json } from '../model/record.ts'

/** Shorter runs of digits are whole numbers up to 2^53. */
const MIN_DIGITS = 16

/** What may be a whole number of so many digits; in a text it is none. */
const LONG_INTEGER = /(?<![\w.+-])-?[1-9]\d{15,}(?![\w.+-])/g

/**
 * Reads JSON as `JSON.parse` does, but a whole number beyond 2^53 as the text of its digits, which it would lose as a
 * number: ids of such length are names, and their digits are what tells them apart. YAML is read the same way.
 * @throws SyntaxError
 */
export function parseJson(text: string): Json {
  const value = JSON.parse(text) as Json
  return hasLongRun(text) ? (JSON.parse(withQuotedIntegers(text)) as Json) : value
}

/** Whether a text has many digits in a row: of as many characters, one is at each multiple of their number. */
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

/** Puts whole numbers beyond 2^53 into quotation marks. The text is known to be JSON. */
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

/** Tells of places in a JSON text, each after the one before, whether they are within a text. */
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

/** Whether an odd number of backslashes stands before a place. */
function isEscaped(text: string, place: number): boolean {
  let start = place
  while (text[start - 1] === '\\') start--
  return (place - start) % 2 === 1
}
