/** What is wrong with a text that is no JSON, and where. */
export interface JsonFault {
  /** The character from which on it is none, from 0. */
  readonly at: number
  /** What stands there, and what to do; nothing of the text is in it. */
  readonly what: string
}

/** What YAML reads all the same: the way out where the inventory cannot be changed. */
const AS_YAML = '; format: yaml reads it'

/** A value that other languages write, and what is said of it. */
const FOREIGN: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/(?:True|False)\b/y, `True or False, as Python writes them${AS_YAML}`],
  [/None\b/y, 'None, as Python writes it; write null'],
  [/[+-]?(?:NaN|Infinity)\b/y, 'NaN or Infinity, which JSON has no number for; write null'],
  [/undefined\b/y, 'undefined, as JavaScript has it; write null'],
  [/\/[/*]/y, 'a comment, which JSON does not have'],
  [/#/y, `a comment, which JSON does not have${AS_YAML}`],
  [/'/y, `a text in single quotes; write double ones${AS_YAML}`],
  [/[+-]?\.?\d[\d.eE+-]*/y, 'a number that JSON does not write so, such as 01, +1 or .5'],
  [/\p{L}/uy, 'a text without quotes'],
]

const SPACE = /[ \t\n\r]*/y
/** A text up to its end, and as far as it is right. */
const TEXT_BEGUN = /"[ !#-[\]-\uffff]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[ !#-[\]-\uffff]*)*/y
const TEXT = new RegExp(`${TEXT_BEGUN.source}"`, 'y')
const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y

/**
 * Finds the first fault of a text that is no JSON (RFC 8259), in time that grows with its length only.
 * @returns undefined when there is none
 */
export function findJsonFault(text: string): JsonFault | undefined {
  let at = 0
  /** Whether a pattern matches here. */
  const isHere = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    return pattern.test(text)
  }
  /** Moves past what a pattern matches here; whether it does. */
  const take = (pattern: RegExp): boolean => {
    if (!isHere(pattern)) return false
    at = pattern.lastIndex
    return true
  }
  const fault = (what: string): JsonFault => ({ at, what })
  /** What is open: a list, or an object. */
  const open: ('[' | '{')[] = []

  /** What is wrong here, where something else is expected. */
  function unexpected(expected: string): JsonFault {
    const found = text[at]
    if (found === undefined) return fault('it ends in the middle')
    if (found === '"' && !isHere(TEXT)) return brokenText()
    const foreign = FOREIGN.find(([pattern]) => isHere(pattern))
    return fault(foreign?.[1] ?? `${expected} is missing`)
  }

  function brokenText(): JsonFault {
    take(TEXT_BEGUN)
    const found = text[at]
    if (found === undefined) return fault('it ends in the middle')
    if (found === '\\') {
      return fault(
        at + 6 > text.length
          ? 'it ends in the middle'
          : 'a "\\" in a text that stands for nothing; write "\\\\"',
      )
    }
    return fault('a line break, tab or control character in a text; write it as "\\n", "\\t" or "\\u…"')
  }

  /** The key of an object with its colon. */
  function key(): JsonFault | undefined {
    if (!take(TEXT)) return unexpected('a key in quotes')
    take(SPACE)
    if (text[at] !== ':') return unexpected('a colon')
    at++
    take(SPACE)
    return undefined
  }

  /** A value, or the beginning of one that others stand in; `isOpened` when it is that. */
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

  /** The ends of what is open. */
  function closeAll(): void {
    take(SPACE)
    while (open.length > 0 && text[at] === (open.at(-1) === '[' ? ']' : '}')) {
      close()
      take(SPACE)
    }
  }

  /** What follows a value: the end of what it stands in, however often, or a comma and what begins the next one. */
  function next(): JsonFault | undefined {
    closeAll()
    if (open.length === 0) return undefined
    if (text[at] !== ',') return unexpected('a comma')
    const comma = at++
    take(SPACE)
    if (text[at] === ']' || text[at] === '}') {
      at = comma
      return fault(`a comma after the last one; delete it${AS_YAML}`)
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
    isAnother ? 'another document after the first; JSON is one list of all' : 'something after its end',
  )
}
