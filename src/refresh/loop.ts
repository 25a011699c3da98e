import type { Clock } from '../base/clock.ts'
import { nextDelay } from './backoff.ts'
import type { Outcome, RefreshOnce } from './refresh-once.ts'

/** What turns the crank of one source. */
export interface Loop {
  /** Refreshes at once and then again and again, one interval apart. */
  start(): void
  /** Refreshes now, or joins the refresh that is under way; the interval starts anew when it ends. */
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
    cancelTimer = deps.clock.after(nextDelay(intervalMs, ending, deps.random()), () => void refresh())
  }

  function refresh(): Promise<Outcome> {
    cancelTimer()
    inFlight ??= run()
    return inFlight
  }

  return {
    start: () => void refresh(),
    refresh,
    async stop() {
      stopping.abort()
      cancelTimer()
      await inFlight
    },
  }
}
