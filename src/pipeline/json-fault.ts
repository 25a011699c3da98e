/** The first fault in a text that is not valid JSON, and its place. */
export interface JsonFault {
  /** The character at which it begins, from 0. */
  readonly at: number
  /** The fault, and what to do; it quotes nothing from the text. */
  readonly what: string
}

/** The fault of a text that is valid as far as it goes. */
export const CUT = 'it ends in the middle'

/** Advice if the inventory cannot be changed: YAML accepts this. */
const AS_YAML = '; format: yaml reads it'

/** Values from other languages, and the messages about them. */
const FOREIGN: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/(?:True|False)\b/y, `True or False, as Python writes them${AS_YAML}`],
  [/None\b/y, 'None, as Python writes it; write null'],
  [/[+-]?(?:NaN|Infinity)\b/y, 'NaN or Infinity, which JSON has no number for; write null'],
  [/undefined\b/y, 'undefined, as JavaScript writes it; write null'],
  [/\/[/*]/y, 'a comment, which JSON does not have'],
  [/#/y, `a comment, which JSON does not have${AS_YAML}`],
  [/'/y, `a text in single quotes; write double ones${AS_YAML}`],
  [/[+-]?\.?\d[\d.eE+-]*/y, 'a number that is not valid in JSON, such as 01, +1 or .5'],
  [/\p{L}/uy, 'a text without quotes'],
]

const SPACE = /[ \t\n\r]*/y
/** A text without its closing quote, as far as it is valid. */
const TEXT_BEGUN = /"[ !#-[\]-\uffff]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[ !#-[\]-\uffff]*)*/y
const TEXT = new RegExp(`${TEXT_BEGUN.source}"`, 'y')
const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y

/**
 * Finds the first fault of a text that is not valid JSON (RFC 8259), in linear time.
 * @returns undefined when there is none
 */
export function findJsonFault(text: string): JsonFault | undefined {
  let at = 0
  /** Whether a pattern matches at the current place. */
  const isHere = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    return pattern.test(text)
  }
  /** Moves past a match at the current place; false if there is none. */
  const take = (pattern: RegExp): boolean => {
    if (!isHere(pattern)) return false
    at = pattern.lastIndex
    return true
  }
  const fault = (what: string): JsonFault => ({ at, what })
  /** The lists and objects that are open. */
  const open: ('[' | '{')[] = []

  /** The fault at the current place, where something else is expected. */
  function unexpected(expected: string): JsonFault {
    const found = text[at]
    if (found === undefined) return fault(CUT)
    if (found === '"' && !isHere(TEXT)) return brokenText()
    const foreign = isHere(SCALAR) ? undefined : FOREIGN.find(([pattern]) => isHere(pattern))
    return fault(foreign?.[1] ?? `${expected} is missing`)
  }

  function brokenText(): JsonFault {
    take(TEXT_BEGUN)
    const found = text[at]
    if (found === undefined) return fault(CUT)
    if (found === '\\') {
      return fault(at + 6 > text.length ? CUT : 'a "\\" in a text that begins no valid escape; write "\\\\"')
    }
    return fault('a line break, tab or control character in a text; write it as "\\n", "\\t" or "\\u…"')
  }

  /** Reads the key of an object and its colon. */
  function key(): JsonFault | undefined {
    if (!take(TEXT)) return unexpected('a key in quotes')
    take(SPACE)
    if (text[at] !== ':') return unexpected('a colon')
    at++
    take(SPACE)
    return undefined
  }

  /** Reads a scalar, or the beginning of a list or an object, for which it returns `opened`. */
  function value(): JsonFault | 'opened' | undefined {
    if (take(TEXT) || take(SCALAR)) return undefined
    const found = text[at]
    if (found !== '[' && found !== '{') return unexpected('a value')
    open.push(found)
    at++
    take(SPACE)
    if (text[at] === (found === '[' ? ']' : '}')) return close()
    return (found === '{' ? key() : undefined) ?? 'opened'
  }

  function close(): undefined {
    open.pop()
    at++
  }

  /** Reads the ends of open lists and objects. */
  function closeAll(): void {
    take(SPACE)
    while (open.length > 0 && text[at] === (open.at(-1) === '[' ? ']' : '}')) {
      close()
      take(SPACE)
    }
  }

  /** Reads what follows a value: any number of closing brackets, or a comma and the next key. */
  function next(): JsonFault | undefined {
    closeAll()
    if (open.length === 0) return undefined
    if (text[at] !== ',') return unexpected('a comma')
    const comma = at++
    take(SPACE)
    if (text[at] === ']' || text[at] === '}') {
      at = comma
      return fault(`a comma after the last item; delete it${AS_YAML}`)
    }
    return open.at(-1) === '{' ? key() : undefined
  }

  take(SPACE)
  do {
    const found = value()
    if (found === 'opened') continue
    const wrong = found ?? next()
    if (wrong !== undefined) return wrong
  } while (open.length > 0)
  take(SPACE)
  if (at === text.length) return undefined
  const isAnother = text[at] === '{' || text[at] === '['
  return fault(
    isAnother ? 'another document after the first; write one list of all' : 'something after its end',
  )
}
