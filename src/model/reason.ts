import { printable } from '../base/printable.ts'
import { replaceUserInfo } from '../base/urls.ts'
import { isObject, type Json, plain } from './record.ts'

/**
 * The fields that may hold the message of an error response, the most informative first; compared without
 * case and separators.
 */
const PLACES = [
  'errordescription',
  'errormessage',
  'message',
  'msg',
  'detail',
  'details',
  'reason',
  'faultstring',
  'description',
  'error',
  'errors',
  'fault',
  'title',
  'code',
]

const MAX_LENGTH = 120
const MAX_DEPTH = 3

/**
 * The error message in a response, for use in a message: one line, cut after a word, without the user and
 * password of a URL. It may hold secrets of the source: redact it before it is shown.
 * @returns undefined when there is none
 */
export function reasonIn(told: Json): string | undefined {
  const text = textIn(told, 0)?.replace(/\s+/g, ' ').trim()
  if (text === undefined || text === '') return undefined
  const safe = replaceUserInfo(text.slice(0, 10 * MAX_LENGTH), () => '…')
  // Never cut inside a word: half of a secret is no longer recognised.
  const isCut = safe.length > MAX_LENGTH
  const lastSpace = safe.lastIndexOf(' ', MAX_LENGTH)
  return printable(isCut ? `${safe.slice(0, lastSpace + 1)}…` : safe)
}

function textIn(told: Json, depth: number): string | undefined {
  if (typeof told === 'string') return told === '' ? undefined : told
  if (depth > MAX_DEPTH) return undefined
  if (Array.isArray(told)) return textIn(told[0] ?? null, depth + 1)
  if (!isObject(told)) return undefined
  const fields = Object.entries(told)
  for (const place of PLACES) {
    const value = fields.find(([key]) => plain(key) === place)?.[1]
    const text = value === undefined ? undefined : textIn(value, depth + 1)
    if (text !== undefined) return text
  }
  return undefined
}
