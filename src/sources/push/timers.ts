import type { Clock } from '../../base/clock.ts'
import type { Register } from './register.ts'

/** The time from a change to telling of it, in milliseconds: those that come together are told together. */
const GATHER_MS = 100

/** The time between two times of telling, in milliseconds, however much changes. */
const PAUSE_MS = 1_000

/** The least time between two looks for instances that ran out, in milliseconds. */
const LOOK_MS = 100

/** A look that comes so much too late, in milliseconds, means that the process stood still, and heard nobody. */
const LATE_MS = 1_000

/** When a push source looks for instances that ran out, and when it tells that it has changed. */
export interface Timers {
  /** An instance was heard of, which will run out after so many milliseconds. */
  heard(ttlMs: number): void
  /** Who is known has changed. */
  changed(): void
  /** Begins to look, and to tell of changes. */
  start(tell: () => void): void
  stop(): void
}

/**
 * Creates the timers of a push source, which do nothing yet.
 * @param expired called with those that were forgotten because they ran out
 */
export function createTimers(
  register: Register,
  clock: Pick<Clock, 'monotonic' | 'after'>,
  expired: (ids: readonly string[]) => void,
): Timers {
  const { registrations } = register
  let tell: (() => void) | undefined
  let look: { readonly atMs: number; readonly cancel: () => void } | undefined
  let cancelTelling: (() => void) | undefined
  let toldMs = Number.NEGATIVE_INFINITY

  /** Looks then, unless it looks before anyway. */
  function lookAt(wantedMs: number): void {
    const nowMs = clock.monotonic()
    const atMs = Math.max(wantedMs, nowMs + LOOK_MS)
    if (tell === undefined || (look !== undefined && look.atMs <= atMs)) return
    look?.cancel()
    look = { atMs, cancel: clock.after(atMs - nowMs, () => lookNow(atMs)) }
  }

  function lookNow(atMs: number): void {
    look = undefined
    const lateMs = clock.monotonic() - atMs
    if (lateMs > LATE_MS) registrations.excuse(lateMs)
    const { ids, nextMs } = registrations.expire()
    if (nextMs !== undefined) lookAt(nextMs)
    if (ids.length === 0) return
    expired(ids)
    changed()
  }

  function changed(): void {
    const told = tell
    if (told === undefined || cancelTelling !== undefined) return
    const nowMs = clock.monotonic()
    const atMs = Math.max(nowMs + GATHER_MS, toldMs + PAUSE_MS, register.settledMs)
    cancelTelling = clock.after(atMs - nowMs, () => {
      cancelTelling = undefined
      toldMs = clock.monotonic()
      told()
    })
  }

  return {
    heard: (ttlMs) => lookAt(clock.monotonic() + ttlMs),
    changed,
    start(told) {
      tell = told
      const nextMs = registrations.nextMs()
      if (nextMs !== undefined) lookAt(nextMs)
    },
    stop() {
      tell = undefined
      look?.cancel()
      cancelTelling?.()
    },
  }
}
