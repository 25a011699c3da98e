import { MASK, type Secret, withoutCutEnd } from './secret.ts'

/** Remembers the secrets that were used, so that no message shows one, wherever it comes from. */
export interface Redactor {
  /** Reveals a secret and remembers its value. Throws what `Secret.reveal` throws. */
  reveal(secret: Secret): Promise<string>
  /** Remembers a value that is not a `Secret`, such as a token that was just received. */
  note(value: string): void
  /** Remembers the values in the query of a URL, which may be secret: a server can quote them. */
  noteQuery(url: URL): void
  /** Remembers the words in the body of a request, which may be secret too. */
  noteBody(text: string): void
  /**
   * Masks each remembered value in a text, also in its URL-encoded and JSON-encoded form, with other white
   * space or case, and where only its beginning is left before "…".
   */
  redact(text: string): string
}

/** A shorter value would match inside of ordinary words and make messages unreadable. */
const MIN_LENGTH = 4

/** A shorter value in a query counts as a number or a word. */
const MIN_QUERY_LENGTH = 8

/** The number of words of a body that are remembered. */
const MAX_WORDS = 50

/** A word that may be a key if it has a digit: in a query language, most names have none. */
const LIKE_A_KEY = /[^\s"'(){},]{8,}/g

/** Rotated values stay known for a while, since a late response may still quote one. */
const MAX_VALUES = 200

/** Creates a redactor without any values. */
export function createRedactor(): Redactor {
  const secrets = new Set<string>()
  /** The values of requested URLs, page by page; kept apart so that they do not displace secrets. */
  const asked = new Set<string>()

  function note(value: string, values = secrets): void {
    if (value.length < MIN_LENGTH) return
    for (const form of [
      value,
      encodeURIComponent(value.toWellFormed()),
      JSON.stringify(value).slice(1, -1),
    ]) {
      values.delete(form)
      values.add(form)
    }
    for (const oldest of [...values].slice(0, -MAX_VALUES)) values.delete(oldest)
  }

  function noteAsked(value: string): void {
    if (value.length >= MIN_QUERY_LENGTH) note(value, asked)
  }

  return {
    async reveal(secret) {
      const value = await secret.reveal()
      note(value)
      return value
    },
    note: (value) => note(value),
    noteQuery({ searchParams }) {
      for (const value of searchParams.values()) noteAsked(value)
    },
    noteBody(text) {
      const keysIn = (one: string) => (one.match(LIKE_A_KEY) ?? []).filter((word) => /\d/.test(word))
      const words = textsIn(text).flatMap((one) => (/\s/.test(one) ? keysIn(one) : [one]))
      for (const word of words.slice(0, MAX_WORDS)) noteAsked(word)
    },
    redact(text) {
      const longestFirst = [...secrets, ...asked].sort((a, b) => b.length - a.length)
      const whole = longestFirst.reduce((safe, value) => safe.replace(patternOf(value), () => MASK), text)
      return longestFirst.reduce(withoutCut, whole)
    },
  }
}

/** Matches a value with any white space and, unless it is a short word, in any case. */
function patternOf(value: string): RegExp {
  const core = value.trim()
  const words = (core.length < MIN_LENGTH ? value : core).split(/\s+/)
  const pattern = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('\\s+')
  return new RegExp(pattern, value.length < MIN_QUERY_LENGTH ? 'g' : 'gi')
}

/** Removes the beginning of a value where a text was cut: half of a value would not be recognised. */
function withoutCut(text: string, value: string): string {
  const flat = value.trim().replace(/\s+/g, ' ').toLowerCase()
  return text
    .split('…')
    .map((part, index, parts) => (index < parts.length - 1 ? withoutCutEnd(part, flat, MIN_LENGTH) : part))
    .join('…')
}

/** The texts in a body, which mostly is JSON or a form. */
function textsIn(body: string): string[] {
  try {
    const texts: string[] = []
    JSON.parse(body, (_key, value) => void (typeof value === 'string' && texts.push(value)))
    return texts
  } catch {
    return [...new URLSearchParams(body).values(), body]
  }
}
