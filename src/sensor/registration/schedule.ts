import type { RegistrationFailure } from './failure.ts'

/** What the heartbeat is taken to be until the server says how long a registration lasts: a third of 90 s. */
export const FIRST_HEARTBEAT_MS = 30_000

const MIN_HEARTBEAT_MS = 1_000
const MAX_HEARTBEAT_MS = 86_400_000

/** The first retry comes within this time; the bound doubles with each further one. */
const FIRST_RETRY_MS = 1_000

/** No retry comes sooner. */
const MIN_RETRY_MS = 100

/** However long `Retry-After` is, the server is asked again after this. */
const MAX_RETRY_AFTER_MS = 600_000

/** The shortest wait after a refusal that only people can correct, roughly. */
const SLOW_RETRY_MS = 60_000

/** Failures that a retry cannot fix: somebody has to change something. */
const REFUSALS: ReadonlySet<RegistrationFailure> = new Set([
  'auth',
  'rejected',
  'answer',
  'address',
  'token_file',
])

/** The longest time between two heartbeats of a registration that lasts so long: two may be lost. */
export function heartbeatMs(ttlMs: number): number {
  return Math.min(Math.max(ttlMs / 3, MIN_HEARTBEAT_MS), MAX_HEARTBEAT_MS)
}

/** How long one attempt may take, in milliseconds. */
export function attemptTimeoutMs(heartbeat: number): number {
  return Math.min(10_000, heartbeat / 4)
}

/**
 * When the next heartbeat comes, in milliseconds: up to a fifth early, so that sensors do not march in step.
 * @param random 0 to 1
 */
export function nextHeartbeat(heartbeat: number, random: number): number {
  return heartbeat * (1 - 0.2 * random)
}

/** How an attempt failed, as far as the time of the next one depends on it. */
export interface Failure {
  readonly reason: RegistrationFailure
  /** Failures in a row, with this one. */
  readonly failures: number
  readonly retryAfterMs: number | undefined
}

/**
 * When to try again, in milliseconds: at any time up to 1 s, 2 s, 4 s … but at most half a heartbeat. A server that
 * comes back is so met by its sensors one by one, and by all of them within one heartbeat: an attempt that was under
 * way takes a quarter of one at most. Later when the server asks for it; after a refusal, every other heartbeat.
 * @param random 0 to 1
 */
export function nextRetry(
  { reason, failures, retryAfterMs }: Failure,
  heartbeat: number,
  random: number,
): number {
  if (REFUSALS.has(reason)) return Math.max(SLOW_RETRY_MS, 2 * heartbeat) * (0.75 + 0.5 * random)
  const bound = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 30), heartbeat / 2)
  const asked = Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS)
  return asked + MIN_RETRY_MS + (bound - MIN_RETRY_MS) * random
}
