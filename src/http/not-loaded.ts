import { HttpError } from '../base/errors.ts'
import { formatDuration } from '../model/duration.ts'
import { expiresMs, lastSuccessMs, type SourceState } from '../snapshot/store.ts'

/** After how many seconds a client should ask again for a list that is not there yet. */
const RETRY_AFTER_SECONDS = 5

/** The 503 of `/targets` when lists are older than their sources allow: Prometheus then keeps what it has. */
export function tooOld(states: readonly SourceState[], nowMs: number): HttpError {
  const reasons = states
    .filter((state) => nowMs >= expiresMs(state))
    .map((state) => {
      const age = formatDuration(Math.round(nowMs - lastSuccessMs(state)))
      const why = state.status.failure?.message ?? 'no refresh has succeeded since'
      return `${state.name}: its list is ${age} old, more than its max_staleness: ${why}`
    })
  return new HttpError('stale', reasons.join('; '), RETRY_AFTER_SECONDS)
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
