import { printable } from '../base/printable.ts'
import { replaceUserInfo } from '../base/urls.ts'
import { isObject, type Json, plain } from './record.ts'

/** Where an answer says why it failed, those that say most first; upper case and separators do not matter. */
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
 * Why an answer says that it failed, as it may stand in a message: one line, cut after a word, without the user and
 * password of a URL. It may hold secrets of the source: redact it before it is shown.
 * @returns undefined when no text says so
 */
export function reasonIn(told: Json): string | undefined {
  const text = textIn(told, 0)?.replace(/\s+/g, ' ').trim()
  if (text === undefined || text === '') return undefined
  const safe = replaceUserInfo(text.slice(0, 10 * MAX_LENGTH), () => '…')
  // Never in the middle of a word: half of a secret is not recognised any more.
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
