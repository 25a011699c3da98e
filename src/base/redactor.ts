import { MASK, type Secret, withoutCutEnd } from './secret.ts'

/** Remembers the secrets that were used, so that no message shows one, whoever put it there. */
export interface Redactor {
  /** The value of a secret; remembered. Throws what `Secret.reveal` throws. */
  reveal(secret: Secret): Promise<string>
  /** Remembers a value that is not a `Secret`, such as a token that was just received. */
  note(value: string): void
  /** Remembers what may be secret in the query of a URL: a server can quote it. */
  noteQuery(url: URL): void
  /** Remembers the words in the body of a request, which may be secret too. */
  noteBody(text: string): void
  /**
   * A text with a mask in place of each value, also where it is written as in a URL or in JSON, where its white space
   * or its case is another one, and where only its beginning is left before "…".
   */
  redact(text: string): string
}

/** A shorter value would be found in the middle of ordinary words and make messages unreadable. */
const MIN_LENGTH = 4

/** A value in a query that is shorter is taken for a number or a word. */
const MIN_QUERY_LENGTH = 8

/** So many words of a body are remembered. */
const MAX_WORDS = 50

/** A word that may be a key, when it has a digit in it: in a query that is written as a text, a name has none, mostly. */
const LIKE_A_KEY = /[^\s"'(){},]{8,}/g

/** Values that were rotated away stay known for a while: an old answer may still quote one. */
const MAX_VALUES = 200

/** Creates a redactor that knows nothing yet. */
export function createRedactor(): Redactor {
  const secrets = new Set<string>()
  /** What was asked for, page by page; it must not push secrets out. */
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

/** Finds a value whatever its white space is and, when it is no short word, whatever its case. */
function patternOf(value: string): RegExp {
  const core = value.trim()
  const words = (core.length < MIN_LENGTH ? value : core).split(/\s+/)
  const pattern = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('\\s+')
  return new RegExp(pattern, value.length < MIN_QUERY_LENGTH ? 'g' : 'gi')
}

/** A text without the beginning of a value where it was cut: half of it would not be recognised. */
function withoutCut(text: string, value: string): string {
  const flat = value.trim().replace(/\s+/g, ' ').toLowerCase()
  return text
    .split('…')
    .map((part, index, parts) => (index < parts.length - 1 ? withoutCutEnd(part, flat, MIN_LENGTH) : part))
    .join('…')
}

/** The texts in a body, which is JSON or a form, mostly. */
function textsIn(body: string): string[] {
  try {
    const texts: string[] = []
    JSON.parse(body, (_key, value) => void (typeof value === 'string' && texts.push(value)))
    return texts
  } catch {
    return [...new URLSearchParams(body).values(), body]
  }
}
