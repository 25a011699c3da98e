/** A poll that showed the age of the list; all times are of the harness's monotonic clock, in milliseconds. */
export interface Aged {
  readonly ageMs: number
  /** The answer was made between the two. */
  readonly askedMs: number
  readonly answeredMs: number
}

/** How late a reading that was sent whole may count: the deadline of a refresh, and some time to build. */
const COUNTS_WITHIN_MS = 3_000

/** What rounding and two clocks may differ by. */
const TOLERANCE_MS = 50

/**
 * Checks that ages are true, whatever the wall clock does: an age rises as time goes by, and begins anew only by a
 * reading that was sent whole. What the first answer of a process says is taken as it is, as long as it is an age:
 * how long ago a process that is dead wrote a file cannot be told when the wall clock has jumped meanwhile.
 */
export function createAgeCheck(lastWholeMs: () => number) {
  let before: Aged | undefined
  return {
    /** The process is another one. */
    begins(): void {
      before = undefined
    },
    /** @returns why this cannot be, or undefined */
    shows(now: Aged): string | undefined {
      const last = before
      before = now
      if (!(now.ageMs >= 0)) return `the age is ${now.ageMs} ms`
      if (last === undefined) return undefined
      const most = last.ageMs + now.answeredMs - last.askedMs
      if (now.ageMs > most + TOLERANCE_MS) {
        return `the age is ${now.ageMs} ms, and can be ${most.toFixed(0)} ms at most`
      }
      const grown = last.ageMs + now.askedMs - last.answeredMs
      const least = Math.min(grown, now.askedMs - lastWholeMs() - COUNTS_WITHIN_MS)
      if (now.ageMs >= least - TOLERANCE_MS) return undefined
      return `the age is ${now.ageMs} ms, and must be ${least.toFixed(0)} ms at least: no inventory was read since`
    },
  }
}

export type AgeCheck = ReturnType<typeof createAgeCheck>
