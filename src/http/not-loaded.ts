import { HttpError } from '../base/errors.ts'
import type { ClusterView } from '../model/cluster.ts'
import { formatDuration } from '../model/duration.ts'
import { expiresMs, lastSuccessMs, type SourceState } from '../snapshot/store.ts'

/** After how many seconds a client should ask again for a list that is not there yet. */
const RETRY_AFTER_SECONDS = 5

/** The 503 of `/targets` when lists are older than their sources allow: Prometheus then keeps what it has. */
export function tooOld(states: readonly SourceState[], nowMs: number): HttpError {
  const reasons = states
    .filter((state) => nowMs >= expiresMs(state))
    .map((state) => ageReason(state, nowMs, 'its max_staleness'))
  return new HttpError('stale', reasons.join('; '), RETRY_AFTER_SECONDS)
}

/**
 * The 503 of `/ready` when lists are too old: a load balancer then prefers another replica.
 * @param maxAgeMs the age that no list may reach, whatever its source allows
 * @returns undefined when none is too old
 */
export function notFresh(
  states: readonly SourceState[],
  nowMs: number,
  maxAgeMs: number,
): HttpError | undefined {
  const reasons = states
    .filter((state) => nowMs >= lastSuccessMs(state) + maxAgeMs)
    .map((state) => ageReason(state, nowMs, `--web.ready-max-age (${formatDuration(maxAgeMs)})`))
  if (reasons.length === 0) return undefined
  const advice = 'repair what keeps it from being read (see /health), or raise the limit'
  return new HttpError('stale', `${reasons.join('; ')}; ${advice}`, RETRY_AFTER_SECONDS)
}

/** The 503 of `/ready` when this replica reaches neither the store nor inventories, and others may. */
export function cutOff({ status, outdated }: ClusterView): HttpError | undefined {
  const { replicas, failure } = status()
  const names = failure === undefined || replicas.length < 2 ? [] : outdated()
  if (names.length === 0) return undefined
  const message = `this replica reaches neither the inventory of ${names.join(', ')} nor the store of the cluster, and others may: ${failure}`
  return new HttpError('cut_off', message, RETRY_AFTER_SECONDS)
}

function ageReason(state: SourceState, nowMs: number, limit: string): string {
  const age = formatDuration(Math.round(nowMs - lastSuccessMs(state)))
  const why = state.status.failure?.message ?? 'no refresh has succeeded since'
  return `${state.name}: its list is ${age} old, more than ${limit}: ${why}`
}

/** The 503 of `/targets` and `/ready` before the first lists are there, with the reason for each source. */
export function notLoaded(states: readonly SourceState[]): HttpError {
  const reasons = states.map(({ name, status }) => {
    const why =
      status.failure?.message ??
      (status.isEmpty ? 'its first list is empty and not yet confirmed' : 'not read yet')
    return `${name}: ${why}`
  })
  return new HttpError('not_loaded', `no list yet from ${reasons.join('; ')}`, RETRY_AFTER_SECONDS)
}
