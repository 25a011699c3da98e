import type { Clock } from '../../base/clock.ts'
import type { HttpAnswer, HttpRequest, Requester } from './requester.ts'

/** The settings of a long poll for changes; Consul calls it a blocking query. */
export interface WatchOptions {
  /** The response header with the position, in lower case. */
  readonly header: string
  /** The URL parameter for the position: the inventory responds when there is a newer one. */
  readonly parameter: string
}

/** The dependencies of a watch. */
export interface WatchDeps {
  readonly requester: Pick<Requester, 'send'>
  readonly clock: Pick<Clock, 'after'>
}

/** The shortest time between two requests, in milliseconds: it limits the rate when an inventory responds at once. */
const PAUSE_MS = 500

/** The delay after a failure, or after a response without a position, in milliseconds. */
const RETRY_MS = 30_000

/** The timeout of a request, in milliseconds; Consul responds after ten minutes at the latest. */
const PATIENCE_MS = 660_000

/**
 * Polls for a position after the last one, and calls `changed` when there is one. It ignores the body: the source is
 * refreshed instead.
 * @returns stops the watch
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

  /** @returns the delay before the next request, in milliseconds */
  async function round(): Promise<number> {
    try {
      const { headers } = await ask()
      const before = position
      position = headers[header]
      // The first response is no change: the source itself reads that list.
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
