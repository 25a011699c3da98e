import { MASK } from '../base/secret.ts'

/** How well something matches a query, best first; only the best level that is found anywhere is shown. */
export const LEVELS = ['field equals', 'field contains', 'equals', 'contains'] as const

/** An index of {@link LEVELS}; `NO_MATCH` for no match. */
export type Level = number

export const NO_MATCH: Level = LEVELS.length

/** The search text, in lower case. */
export interface Query {
  readonly text: string
  /** For `name=value`: the field to search, which takes precedence over the whole text. */
  readonly field?: { readonly name: string; readonly text: string }
}

/** Receives the texts that can be searched, and the names of the fields that lead to them. */
export interface FieldVisitor {
  /** @param path may change after the call */
  field(path: readonly string[], text: string): void
  /** Searched by name only: otherwise labels that every target has would match any query. */
  label(name: string, text: string): void
}

/** Parses a query; case is ignored. */
export function parseQuery(text: string): Query {
  const whole = text.trim().toLowerCase()
  const equals = whole.indexOf('=')
  const name = whole.slice(0, equals).trim()
  const value = whole.slice(equals + 1).trim()
  return equals <= 0 || name === '' || value === ''
    ? { text: whole }
    : { text: whole, field: { name, text: value } }
}

/** Finds out how well one thing matches a query. */
export interface Matcher extends FieldVisitor {
  /** The best level of all texts so far; `NO_MATCH` if it is not below the bound. */
  level(): Level
}

/**
 * Creates a matcher.
 * @param below levels from here on are ignored
 * @param mask hides the secrets of a text; hidden text is never found, so that queries cannot guess it
 */
export function createMatcher(query: Query, below: Level, mask: (text: string) => string): Matcher {
  const named = query.field
  let best = below

  function see(text: string, levelOf: (parts: readonly string[]) => Level): void {
    const lower = text.toLowerCase()
    // Most texts do not match, and masking is expensive.
    if (!lower.includes(query.text) && (named === undefined || !lower.includes(named.text))) return
    if (levelOf([lower]) >= best) return
    best = Math.min(best, levelOf(mask(text).toLowerCase().split(MASK)))
  }

  function levelByName(path: readonly string[], parts: readonly string[]): Level {
    if (named === undefined || !isNamed(path.join('.'), named.name)) return NO_MATCH
    const difference = compare(named.text, parts)
    return difference < 2 ? difference : NO_MATCH
  }

  return {
    field: (path, text) =>
      see(text, (parts) => Math.min(levelByName(path, parts), 2 + compare(query.text, parts))),
    label: (name, text) => see(text, (parts) => levelByName([name], parts)),
    level: () => (best < below ? best : NO_MATCH),
  }
}

/** 0: equal; 1: contained; 2: neither. */
function compare(wanted: string, parts: readonly string[]): number {
  if (parts.length === 1 && parts[0] === wanted) return 0
  return parts.some((part) => part.includes(wanted)) ? 1 : 2
}

/** Whether a name is the last key of a field, or the last keys that lead to it; `path` has all, joined by dots. */
export function isNamed(path: string, name: string): boolean {
  const dotted = path.toLowerCase()
  return dotted === name || dotted.endsWith(`.${name}`)
}
