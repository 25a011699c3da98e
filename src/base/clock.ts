/** The source of time. Tests pass their own, so that no test has to sleep. */
export interface Clock {
  /**
   * Wall-clock time in milliseconds since the epoch: for display, and for noticing that a machine slept;
   * never for ages.
   */
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

/** Converts a wall-clock time to both clocks; a time in the future becomes now. */
export function momentAtWall(now: Moment, wallMs: number): Moment {
  const ageMs = Math.max(0, now.wallMs - wallMs)
  return { wallMs: now.wallMs - ageMs, monotonicMs: now.monotonicMs - ageMs }
}

/** Converts a monotonic time to both clocks. */
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
