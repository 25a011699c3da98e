import type { Clock } from '../base/clock.ts'
import { nextDelay } from './backoff.ts'
import type { Outcome, RefreshOnce } from './refresh-once.ts'

/** What turns the crank of one source. */
export interface Loop {
  /** Refreshes at once and then again and again, one interval apart. */
  start(): void
  /**
   * Refreshes now, or, when a refresh is under way, once more after it: that one may have read the inventory
   * before whatever this call is about. However many ask meanwhile, they share one. The interval starts anew.
   */
  refresh(): Promise<Outcome>
  /** Ends the loop and aborts a refresh that is under way. */
  stop(): Promise<void>
}

/** What a loop needs from outside. */
export interface LoopDeps {
  readonly clock: Pick<Clock, 'after'>
  /** 0 to 1, as Math.random. */
  readonly random: () => number
}

/** Creates the loop of one source: never two refreshes at once, and always a next one. */
export function createLoop(refreshOnce: RefreshOnce, intervalMs: number, deps: LoopDeps): Loop {
  const stopping = new AbortController()
  let inFlight: Promise<Outcome> | undefined
  let next: Promise<Outcome> | undefined
  let cancelTimer = () => {}
  let failures = 0

  async function run(): Promise<Outcome> {
    const outcome = await refreshOnce(stopping.signal)
    inFlight = undefined
    failures = outcome.error === undefined ? 0 : failures + 1
    schedule(outcome)
    return outcome
  }

  function schedule({ error }: Outcome): void {
    if (stopping.signal.aborted) return
    const ending = { failures, reason: error?.reason, retryAfterMs: error?.retryAfterMs }
    cancelTimer = deps.clock.after(nextDelay(intervalMs, ending, deps.random()), () => void begin())
  }

  function begin(): Promise<Outcome> {
    cancelTimer()
    next = undefined
    inFlight = run()
    return inFlight
  }

  function refresh(): Promise<Outcome> {
    // Asked first: between the end of one and the begin of the next none is in flight.
    if (next !== undefined) return next
    if (inFlight === undefined) return begin()
    next = inFlight.then(begin)
    return next
  }

  return {
    start: () => void begin(),
    refresh,
    async stop() {
      stopping.abort()
      cancelTimer()
      await (next ?? inFlight)
    },
  }
}
