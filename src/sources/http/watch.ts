import type { Clock } from '../../base/clock.ts'
import type { HttpAnswer, HttpRequest, Requester } from './requester.ts'

/** How an inventory tells that it changed: Consul calls it a blocking query. */
export interface WatchOptions {
  /** The header of an answer that has its position, in lower case. */
  readonly header: string
  /** The parameter that takes a position: the answer comes when there is another one. */
  readonly parameter: string
}

/** What watching needs from outside. */
export interface WatchDeps {
  readonly requester: Pick<Requester, 'send'>
  readonly clock: Pick<Clock, 'after'>
}

/** The least time between two requests, in milliseconds: an inventory that answers at once is not asked all the time. */
const PAUSE_MS = 500

/** After a failure, and where an answer has no position, it is asked again after so long, in milliseconds. */
const RETRY_MS = 30_000

/** The longest that an answer is waited for, in milliseconds; Consul answers after ten minutes at the latest. */
const PATIENCE_MS = 660_000

/**
 * Asks again and again for what comes after a position, and tells when there is another one. What the inventory says is
 * not read here: the source is read anew.
 * @returns ends it
 */
export function watchPosition(
  { header, parameter }: WatchOptions,
  request: HttpRequest,
  { requester, clock }: WatchDeps,
  changed: () => void,
): () => void {
  const stop = new AbortController()
  let position: string | undefined
  let cancel: (() => void) | undefined

  async function ask(): Promise<HttpAnswer> {
    const url = new URL(request.url)
    if (position !== undefined) url.searchParams.set(parameter, position)
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(PATIENCE_MS)])
    return requester.send({ ...request, url }, signal)
  }

  /** @returns after how long to ask again, in milliseconds */
  async function round(): Promise<number> {
    try {
      const { headers } = await ask()
      const before = position
      position = headers[header]
      // What the first answer has is read by the source itself.
      if (before !== undefined && position !== undefined && position !== before) changed()
      return position === undefined ? RETRY_MS : PAUSE_MS
    } catch {
      return RETRY_MS
    }
  }

  async function go(): Promise<void> {
    const delayMs = await round()
    if (!stop.signal.aborted) cancel = clock.after(delayMs, () => void go())
  }

  void go()
  return () => {
    stop.abort(new Error('the source is closed'))
    cancel?.()
  }
}
