import type { Clock } from '../../base/clock.ts'
import { type Hearing, TICK_MS } from './hearing.ts'
import type { Register } from './register.ts'

/** The time from a change to telling of it, in milliseconds: those that come together are told together. */
const GATHER_MS = 100

/** The time between two times of telling, in milliseconds, however much changes. */
const PAUSE_MS = 1_000

/** The least time between two looks for instances that ran out, in milliseconds. */
const LOOK_MS = 100

/** When a push source looks for instances that ran out, and when it tells that it has changed. */
export interface Timers {
  /** Who is known has changed. */
  changed(): void
  /** Begins to look, and to tell of changes. */
  start(tell: () => void): void
  /** Looks no more; it goes on telling of changes. */
  deafen(): void
  stop(): void
}

/**
 * Creates the timers of a push source, which do nothing yet.
 * @param expired called with those that were forgotten because they ran out
 */
export function createTimers(
  register: Register,
  hearing: Pick<Hearing, 'start' | 'canExpire'>,
  clock: Pick<Clock, 'monotonic' | 'after'>,
  expired: (ids: readonly string[]) => void,
): Timers {
  const { registrations } = register
  let tell: (() => void) | undefined
  let cancelLook: (() => void) | undefined
  let cancelTelling: (() => void) | undefined
  let toldMs = Number.NEGATIVE_INFINITY

  /** Looks as soon as somebody may run out, and often in between. No time to live is shorter than that. */
  function lookAgain(): void {
    const leftMs = (registrations.nextMs() ?? Number.POSITIVE_INFINITY) - clock.monotonic()
    cancelLook = clock.after(Math.min(Math.max(leftMs, LOOK_MS), TICK_MS), look)
  }

  function look(): void {
    if (hearing.canExpire()) expire()
    lookAgain()
  }

  function expire(): void {
    const nextMs = registrations.nextMs()
    if (nextMs === undefined || nextMs > clock.monotonic()) return
    const ids = registrations.expire()
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

  const deafen = () => cancelLook?.()

  return {
    changed,
    deafen,
    start(told) {
      tell = told
      hearing.start()
      lookAgain()
    },
    stop() {
      tell = undefined
      deafen()
      cancelTelling?.()
    },
  }
}
