import type { Clock } from '../../base/clock.ts'
import type { Registrations } from './registrations.ts'
import type { Report } from './report.ts'

/** How often it is looked whether the process stood still, in milliseconds. */
export const TICK_MS = 500

/** More than this between two looks, in milliseconds, means that it did: half the shortest time to live is left then. */
const STILL_MS = 2 * TICK_MS

/**
 * From this on, in milliseconds, it stood still, or the machine slept, for so long that devices may have given up for
 * a while. By less a system clock may be corrected at any time, so that only the monotonic one counts.
 */
const LONG_MS = 60_000

/** How long after a heartbeat that was not taken others are expected to be taken, in milliseconds. */
const QUIET_MS = 5_000

/** A time during which devices could not be heard. */
export interface Deafness {
  /** From when on, on the monotonic clock. */
  readonly sinceMs: number
  /** Until when at least, on the monotonic clock. */
  readonly untilMs: number
  /** Whether it lasts, beside that, until its cause is known to be over. */
  readonly isOpen: boolean
  /** Whether it was told. */
  readonly isTold: boolean
}

/**
 * Whether devices can be heard. The one rule of a push source: nobody runs out while it is known that they cannot be,
 * and once they can be again each has its whole time to live, or, when it was only for a moment, what was left of it.
 * Known is what {@link Hearing.missed} is told, and when the process stood still. A request that nobody here saw, because
 * its connection was refused, lost, or closed to make room for others, is none of that: heartbeats come often enough
 * for some to be lost.
 */
export interface Hearing {
  /** A heartbeat was, or would have been, refused through no fault of the device. */
  missed(why: string, kind: 'once' | 'until it is over'): void
  /** What made heartbeats be missed until it is over is over; those that were missed once still count. */
  over(): void
  /** From now on devices can be heard, until something is missed. */
  start(): void
  /** Whether somebody may run out now. Has to be asked every {@link TICK_MS}. */
  canExpire(): boolean
}

/** Who is known, and whether they can be heard. */
interface Audience {
  readonly registrations: Pick<Registrations, 'prolong' | 'size'>
  deaf: Deafness | undefined
}

/** What hearing needs from outside. */
export interface HearingDeps {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly report: Report
}

/** Creates the hearing of a source; what is known of deafness stays with the register. */
export function createHearing(register: Audience, { clock, report }: HearingDeps): Hearing {
  let lookedMs = { monotonic: clock.monotonic(), wall: clock.now() }

  /** The time since the last look; what the monotonic clock leaves out of a long sleep, the other one tells. */
  function sinceLook(): number {
    const before = lookedMs
    lookedMs = { monotonic: clock.monotonic(), wall: clock.now() }
    const gapMs = lookedMs.monotonic - before.monotonic
    const sleptMs = lookedMs.wall - before.wall - gapMs
    return sleptMs >= LONG_MS ? gapMs + sleptMs : gapMs
  }

  /** Ends deafness. */
  function goOn(ms: number, isTold: boolean): void {
    register.deaf = undefined
    register.registrations.prolong(Number.POSITIVE_INFINITY)
    if (isTold) report({ kind: 'resumed', ms, instances: register.registrations.size() })
  }

  /** Leaves a time out: however often that happens, who is silent runs out in the end. */
  function leaveOut(ms: number): void {
    register.registrations.prolong(ms)
    report({ kind: 'stood_still', ms, instances: register.registrations.size() })
  }

  return {
    missed(why, kind) {
      const nowMs = clock.monotonic()
      const { deaf } = register
      const untilMs = kind === 'once' ? nowMs + QUIET_MS : nowMs
      if (deaf?.isTold !== true) report({ kind: 'paused', why })
      register.deaf = {
        sinceMs: deaf?.sinceMs ?? nowMs,
        untilMs: Math.max(untilMs, deaf?.untilMs ?? 0),
        isOpen: kind === 'until it is over' || deaf?.isOpen === true,
        isTold: true,
      }
    },
    over() {
      if (register.deaf !== undefined) register.deaf = { ...register.deaf, isOpen: false }
    },
    start() {
      sinceLook()
      const { deaf } = register
      if (deaf !== undefined) goOn(clock.monotonic() - deaf.sinceMs, deaf.isTold)
    },
    canExpire() {
      const gapMs = sinceLook()
      const nowMs = clock.monotonic()
      const { deaf } = register
      if (deaf !== undefined && (deaf.isOpen || nowMs < deaf.untilMs)) return false
      if (deaf !== undefined) goOn(nowMs - deaf.sinceMs, deaf.isTold)
      else if (gapMs >= LONG_MS) goOn(gapMs, true)
      else if (gapMs > STILL_MS) leaveOut(gapMs)
      return true
    },
  }
}
