import type { RefreshFailureReason } from '../base/errors.ts'

/** How the last refresh ended, as far as the next one's time depends on it. */
export interface Ending {
  /** Failed refreshes in a row; 0 after a success. */
  readonly failures: number
  readonly reason?: RefreshFailureReason | undefined
  /** What the inventory asked for, in milliseconds. */
  readonly retryAfterMs?: number | undefined
  /** Another reading soon may show that targets are gone. */
  readonly needsConfirmation?: boolean
  /** How long the reading took, in milliseconds. */
  readonly tookMs?: number
}

/** The first retry comes after about so long; each further one after twice as long. */
const FIRST_RETRY_MS = 1_000

/** However long `Retry-After` is, an inventory is asked again after this or one interval. */
const MAX_RETRY_AFTER_MS = 600_000

/** Failures that asking again soon cannot end. */
const PATIENT: ReadonlySet<RefreshFailureReason> = new Set(['auth', 'login_failed', 'rate_limited'])

/** A reading that lacks targets is confirmed after so long, in milliseconds. */
const CONFIRM_MS = 2_000

/** Only readings that take less than this share of the interval are confirmed before its end. */
const QUICK_SHARE = 0.1

/**
 * When to refresh next, in milliseconds. After a success: one interval, give or take a tenth, so that
 * sources do not march in step; about two seconds when targets are missing, unless reading takes long. After failures:
 * 1 s, 2 s, 4 s … up to the interval, each shortened at random by up to half, so that a recovered inventory is seen soon
 * and not by everybody at once. Never sooner than `Retry-After` asks, up to ten minutes; one interval after 401, 403,
 * 429 and a login that failed.
 * @param random 0 to 1
 */
export function nextDelay(intervalMs: number, ending: Ending, random: number): number {
  const { needsConfirmation = false, tookMs = 0 } = ending
  const regular = intervalMs * (0.9 + 0.2 * random)
  if (ending.failures === 0) {
    const isQuick = tookMs <= intervalMs * QUICK_SHARE
    return needsConfirmation && isQuick ? Math.min(CONFIRM_MS * (0.9 + 0.2 * random), regular) : regular
  }
  const patient = ending.reason !== undefined && PATIENT.has(ending.reason)
  const doubled = FIRST_RETRY_MS * 2 ** Math.min(ending.failures - 1, 30)
  const delay = patient
    ? intervalMs * (1 + 0.1 * random)
    : Math.min(doubled, intervalMs) * (0.5 + 0.5 * random)
  const asked = Math.min(ending.retryAfterMs ?? 0, Math.max(MAX_RETRY_AFTER_MS, intervalMs))
  return Math.max(delay, asked)
}
