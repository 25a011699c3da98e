import { parseHttpUrl } from '../../base/urls.ts'
import { formatDuration, MAX_TIMER_MS, parseDuration } from '../../model/duration.ts'
import { parseSize } from '../../model/size.ts'
import { MIN_TTL_MS } from '../../sources/push/defaults.ts'
import { MAX_INTERVAL_MS, MIN_INTERVAL_MS } from '../options.ts'
import { shownValue } from '../shown.ts'

/** Node.js reads no text that is longer than 512 MiB. */
const MAX_SIZE_BYTES = 500 * 2 ** 20

/** Reads a refresh_interval, in milliseconds. Throws an Error that says what is expected. */
export function readInterval(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms >= MIN_INTERVAL_MS && ms <= MAX_INTERVAL_MS) return ms
  throw new Error(`${shownValue(text)} is out of range; write a duration from 100ms to 20d`)
}

/** Reads a timeout, in milliseconds. Throws an Error that says what is expected. */
export function readTimeout(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0 && ms <= MAX_TIMER_MS) return ms
  throw new Error(`${shownValue(text)} is out of range; write a duration from 1ms to 24d`)
}

/** After longer than this there is no date that could be shown, in milliseconds: 100 years. */
const MAX_HOLD_MS = 100 * 365 * 86_400_000

/** Reads how long something is waited for, in milliseconds. Throws an Error that says what is expected. */
export function readHold(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms <= MAX_HOLD_MS) return ms
  throw new Error(
    `${shownValue(text)} is out of range; write a duration from 0s to ${formatDuration(MAX_HOLD_MS)}`,
  )
}

/** How a source is refreshed, in milliseconds. */
export interface Times {
  readonly refreshIntervalMs: number
  readonly timeoutMs: number
}

/** How many intervals after a good refresh the next begins at the latest. */
export const LATEST_BEGIN = 1.1

/**
 * Reads a max_staleness, in milliseconds. No list gets as old unless a refresh has failed.
 * @throws Error that says what is expected
 */
export function readMaxStaleness(text: string, { refreshIntervalMs, timeoutMs }: Times): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms === 0) {
    throw new Error(`${shownValue(text)} is out of range; write a duration longer than 0, such as 1d`)
  }
  const leastMs = Math.ceil(refreshIntervalMs * LATEST_BEGIN + timeoutMs)
  if (ms < leastMs) {
    throw new Error(
      `${shownValue(text)} is too short: a refresh begins up to a tenth more than its refresh_interval (${formatDuration(refreshIntervalMs)}) after the last and may take its timeout (${formatDuration(timeoutMs)}), so /targets would answer 503 although nothing fails; write at least ${formatDuration(leastMs)}`,
    )
  }
  return ms
}

/**
 * Reads a time to live, in milliseconds.
 * @param maxMs the longest that is allowed
 * @throws Error that says what is expected
 */
export function readTtl(text: string, maxMs: number): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms >= MIN_TTL_MS && ms <= maxMs) return ms
  throw new Error(`${shownValue(text)} is out of range; write a duration from 1s to ${formatDuration(maxMs)}`)
}

/** Reads a size, in bytes. Throws an Error that says what is expected. */
export function readSize(text: string): number {
  const bytes = parseSize(text)
  if (bytes !== undefined && bytes > 0 && bytes <= MAX_SIZE_BYTES) return bytes
  throw new Error(`${shownValue(text)} is not a size up to 500MB; write one such as 512KB or 64MB`)
}

/** Reads the URL of an inventory. Throws an Error that says what is expected. */
export function readUrl(text: string): URL {
  const url = parseHttpUrl(text)
  if (url !== undefined) return url
  throw new Error(
    `${shownUrl(text)} is not an http or https URL; write one such as http://inventory:1337/inventory, and %25 for a "%" in a password`,
  )
}

/** What is meant as a URL in an error message: without user, password and query, wherever they end up in it. */
export function shownUrl(text: string): string {
  return shownValue(text.replace(/^([a-z]+:\/*)?.*@/is, '$1…@').replace(/\?.*/s, '?…'))
}
