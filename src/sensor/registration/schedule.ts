import type { RegistrationFailure } from './failure.ts'

/** The heartbeat until the server reports the lease: a third of 90 s. */
export const FIRST_HEARTBEAT_MS = 30_000

const MIN_HEARTBEAT_MS = 1_000
const MAX_HEARTBEAT_MS = 86_400_000

/** The first retry comes within this time; the bound doubles with each further retry. */
const FIRST_RETRY_MS = 1_000

/** The shortest delay of a retry. */
const MIN_RETRY_MS = 100

/** The longest `Retry-After` that is respected. */
const MAX_RETRY_AFTER_MS = 600_000

/** The approximate shortest delay after a refusal that only people can correct. */
const SLOW_RETRY_MS = 60_000

/** Failures that a retry cannot fix: a person has to change something. */
const REFUSALS: ReadonlySet<RegistrationFailure> = new Set([
  'auth',
  'rejected',
  'answer',
  'address',
  'token_file',
])

/** The longest time between two heartbeats for a lease: two may be lost. */
export function heartbeatMs(ttlMs: number): number {
  return Math.min(Math.max(ttlMs / 3, MIN_HEARTBEAT_MS), MAX_HEARTBEAT_MS)
}

/** The timeout of one attempt, in milliseconds. */
export function attemptTimeoutMs(heartbeat: number): number {
  return Math.min(10_000, heartbeat / 4)
}

/**
 * The delay of the next heartbeat, in milliseconds: up to a fifth early, so that sensors do not synchronise.
 * @param random 0 to 1
 */
export function nextHeartbeat(heartbeat: number, random: number): number {
  return heartbeat * (1 - 0.2 * random)
}

/** The parts of a failure that the delay of the next attempt depends on. */
export interface Failure {
  readonly reason: RegistrationFailure
  /** Consecutive failures, including this one. */
  readonly failures: number
  readonly retryAfterMs: number | undefined
}

/**
 * The delay of the next attempt, in milliseconds: random, up to 1 s, 2 s, 4 s … but at most half a heartbeat.
 * So the sensors reconnect to a server that comes back one by one, and all of them within one heartbeat: an
 * attempt that was in flight takes a quarter of a heartbeat at most. Longer if the server asks for it; after
 * a refusal, about two heartbeats.
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
