import type { Clock, Moment } from '../../src/base/clock.ts'

/** A clock that stands still until it is told to move, so that tests of time need none. */
export interface ManualClock extends Clock {
  /** Moves both clocks at once and then runs the timers that are due, in order: all but the last come late. */
  advance(ms: number): void
  /** Lets time go by: every timer runs when it is due, also those that others set. */
  pass(ms: number): void
  /** Moves only the wall clock, as a correction of the system time does. */
  jump(ms: number): void
  /** Moves both clocks without running any timer, nor bringing it nearer. */
  skip(ms: number): void
  /** The delays of the timers that wait. */
  pending(): number[]
}

/** A time of a machine whose monotonic clock began with the epoch. */
export const momentOf = (ms: number): Moment => ({ wallMs: ms, monotonicMs: ms })

export function manualClock(wallMs = Date.UTC(2026, 0, 1)): ManualClock {
  let wall = wallMs
  let monotonic = 1_000
  let timers: { at: number; fn: () => void }[] = []
  function advance(ms: number): void {
    wall += ms
    monotonic += ms
    for (const timer of timers.filter((one) => one.at <= monotonic).sort((a, b) => a.at - b.at)) {
      timers = timers.filter((one) => one !== timer)
      timer.fn()
    }
  }

  return {
    now: () => wall,
    monotonic: () => monotonic,
    after(delayMs, fn) {
      const timer = { at: monotonic + delayMs, fn }
      timers.push(timer)
      return () => {
        timers = timers.filter((one) => one !== timer)
      }
    },
    advance,
    pass(ms) {
      const end = monotonic + ms
      for (;;) {
        const next = Math.min(end, ...timers.map(({ at }) => at))
        advance(next - monotonic)
        if (next === end) return
      }
    },
    jump(ms) {
      wall += ms
    },
    skip(ms) {
      wall += ms
      monotonic += ms
      for (const timer of timers) timer.at += ms
    },
    pending: () => timers.map((timer) => timer.at - monotonic).sort((a, b) => a - b),
  }
}
