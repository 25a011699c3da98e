/** Where time comes from. Tests pass their own, so nothing in Rollcall ever sleeps in a test. */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch: for showing people, and for noticing that a machine slept; never for ages. */
  now(): number
  /** Monotonic time in milliseconds: for ages and durations, immune to wall-clock jumps. */
  monotonic(): number
  /** Calls `fn` once after `delayMs` milliseconds; the returned function cancels it. */
  after(delayMs: number, fn: () => void): () => void
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
