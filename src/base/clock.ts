/** Where time comes from. Tests pass their own, so nothing in Rollcall ever sleeps in a test. */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch: for showing people, and for noticing that a machine slept; never for ages. */
  now(): number
  /** Monotonic time in milliseconds: for ages and durations, immune to wall-clock jumps. */
  monotonic(): number
  /** Calls `fn` once after `delayMs` milliseconds; the returned function cancels it. */
  after(delayMs: number, fn: () => void): () => void
}

/** One time on both clocks, in milliseconds. */
export interface Moment {
  readonly wallMs: number
  readonly monotonicMs: number
}

/** Now. */
export function momentNow(clock: Pick<Clock, 'now' | 'monotonic'>): Moment {
  return { wallMs: clock.now(), monotonicMs: clock.monotonic() }
}

/** A time on the wall clock, on both; now when it is later than now. */
export function momentAtWall(now: Moment, wallMs: number): Moment {
  const ageMs = Math.max(0, now.wallMs - wallMs)
  return { wallMs: now.wallMs - ageMs, monotonicMs: now.monotonicMs - ageMs }
}

/** A time on the monotonic clock, on both. */
export function momentAt(clock: Pick<Clock, 'now' | 'monotonic'>, monotonicMs: number): Moment {
  const now = momentNow(clock)
  return { wallMs: now.wallMs - now.monotonicMs + monotonicMs, monotonicMs }
}

/** The real clock of this process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs)
    return () => clearTimeout(timer)
  },
}
