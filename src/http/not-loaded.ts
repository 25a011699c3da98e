import { HttpError } from '../base/errors.ts'
import type { SourceState } from '../snapshot/store.ts'

/** After how many seconds a client should ask again for a list that is not there yet. */
const RETRY_AFTER_SECONDS = 5

/** The 503 of `/targets` and `/ready` before the first lists are there, with the reason for each source. */
export function notLoaded(states: readonly SourceState[]): HttpError {
  const reasons = states.map(({ name, status }) => {
    const why =
      status.failure?.message ??
      (status.held === undefined ? 'not read yet' : 'its first list is empty and not yet confirmed')
    return `${name}: ${why}`
  })
  return new HttpError('not_loaded', `no list yet from ${reasons.join('; ')}`, RETRY_AFTER_SECONDS)
}
