import { createRequire } from 'node:module'
import { RefreshError } from '../base/errors.ts'
import type { Json } from '../model/record.ts'
import type { FormatRules } from './format.ts'

// The parser is loaded on first use; a dynamic import would make decoding asynchronous.
const load = createRequire(import.meta.url)

/** TOML 1.0. */
export const toml: FormatRules = {
  extensions: ['toml'],
  accept: 'application/toml, */*;q=0.9',
  failsWhenCut: false,
  inlineBytes: 64 * 1024,
  decode: decodeToml,
}

/**
 * Decodes one TOML document. Dates and times become texts in the format of RFC 3339, and whole numbers that
 * JSON cannot hold become texts.
 * @throws RefreshError `parse` with line and column
 */
function decodeToml(text: string, name: string): Json {
  const { parse } = load('smol-toml') as typeof import('smol-toml')
  try {
    return jsonOf(parse(text, { integersAsBigInt: 'asNeeded' }))
  } catch (cause) {
    // The parser's own message quotes the text.
    const { line, column } = cause as { line?: number; column?: number }
    throw new RefreshError('parse', `${name} is not valid TOML at line ${line}, column ${column}`)
  }
}

function jsonOf(value: unknown): Json {
  if (Array.isArray(value)) return value.map(jsonOf)
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)))
    return String(value)
  if (typeof value !== 'object' || value === null) return value as Json
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, jsonOf(inner)]))
}
