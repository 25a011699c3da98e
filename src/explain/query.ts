import { MASK } from '../base/secret.ts'

/** How well something answers a question; the best that there is anywhere is shown, and nothing else. */
export const LEVELS = ['field equals', 'field contains', 'equals', 'contains'] as const

/** The place in {@link LEVELS}; `NO_MATCH` when it is no answer. */
export type Level = number

export const NO_MATCH: Level = LEVELS.length

/** What is looked for, in lower case. */
export interface Query {
  readonly text: string
  /** For `name=value`: only this field, if any field answers. */
  readonly field?: { readonly name: string; readonly text: string }
}

/** Takes what can be looked for: a text, and the names of the fields that lead to it. */
export interface FieldVisitor {
  /** @param path may change after the call */
  field(path: readonly string[], text: string): void
  /** Found by its name only: labels that every target has would answer any question. */
  label(name: string, text: string): void
}

/** Reads a question; upper and lower case are the same. */
export function parseQuery(text: string): Query {
  const whole = text.trim().toLowerCase()
  const equals = whole.indexOf('=')
  const name = whole.slice(0, equals).trim()
  const value = whole.slice(equals + 1).trim()
  return equals <= 0 || name === '' || value === ''
    ? { text: whole }
    : { text: whole, field: { name, text: value } }
}

/** Finds out how well one thing answers a question. */
export interface Matcher extends FieldVisitor {
  /** The best level of all that was seen; `NO_MATCH` when that is not below the bound. */
  level(): Level
}

/**
 * Starts with nothing seen.
 * @param below levels from here on do not matter
 * @param mask what may be shown of a text; what may not is not found either, so that nobody can guess it
 */
export function createMatcher(query: Query, below: Level, mask: (text: string) => string): Matcher {
  const named = query.field
  let best = below

  function see(text: string, levelOf: (parts: readonly string[]) => Level): void {
    const lower = text.toLowerCase()
    // Most do not match, and masking is the expensive part.
    if (!lower.includes(query.text) && (named === undefined || !lower.includes(named.text))) return
    if (levelOf([lower]) >= best) return
    best = Math.min(best, levelOf(mask(text).toLowerCase().split(MASK)))
  }

  function levelByName(path: readonly string[], parts: readonly string[]): Level {
    if (named === undefined || !isNamed(path, named.name)) return NO_MATCH
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

/** 0 when it is equal, 1 when it is contained, 2 when it is neither. */
function compare(wanted: string, parts: readonly string[]): number {
  if (parts.length === 1 && parts[0] === wanted) return 0
  return parts.some((part) => part.includes(wanted)) ? 1 : 2
}

/** A field is named by its last key, or by some of the keys that lead to it, joined by dots. */
function isNamed(path: readonly string[], name: string): boolean {
  const dotted = path.join('.').toLowerCase()
  return dotted === name || dotted.endsWith(`.${name}`)
}
