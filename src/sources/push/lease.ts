import type { Clock } from '../../base/clock.ts'

/** How often {@link Leases.expire} has to be called, in milliseconds. */
export const TICK_MS = 500

/** A call that comes so late, in milliseconds, expires nobody: heartbeats may have arrived that are not read yet. */
const LATE_MS = 2 * TICK_MS

/** After a gap between two calls of so long, in milliseconds, devices may have given up: heartbeats were lost. */
const STALL_MS = 5_000

/**
 * From so much on, in milliseconds, that the wall clock is ahead of the monotonic clock, the machine slept; by less a
 * system clock may be corrected at any time.
 */
const SLEEP_MS = 60_000

/** The part of its time to live after which an instance is silent: it has missed a heartbeat, which is due after a third. */
const SILENT = 0.6

/** The share of all instances that must be silent together for it to look like one event. */
const MANY = 0.2

/** What happens to expiry. */
export type PauseEvent =
  | { readonly kind: 'paused'; readonly why: string }
  /** It was paused for so long, in milliseconds; every lease is whole. */
  | { readonly kind: 'resumed'; readonly ms: number; readonly instances: number }

/**
 * The leases of the instances of a push source. A lease expires when no heartbeat has renewed it for its time to live.
 * The one rule: **expiry is paused while heartbeats cannot be received, and every lease is whole when that ends.**
 * They cannot be received while a cause that {@link Leases.pause} was called with lasts, while the process stands still
 * for {@link STALL_MS} or longer or the machine sleeps, and before {@link Leases.start}.
 */
export interface Leases {
  /** Grants a lease for so long, in milliseconds, or makes it whole again. */
  renew(id: string, ttlMs: number): void
  /** Ends a lease; a missing one has ended. */
  end(id: string): void
  /**
   * Heartbeats cannot be received.
   * @param why constant, for the log; the same cause again prolongs it
   * @param forMs how long that lasts, in milliseconds; until {@link Leases.resume} by default
   */
  pause(why: string, forMs?: number): void
  /** A cause has ended. Expiry goes on when no other is left. */
  resume(why: string): void
  /** From now on heartbeats can be received: causes of before count no more. */
  start(): void
  /**
   * Ends the leases that expired. When many instances fall silent together, as when a network is down, they expire one
   * by one, as their heartbeats came; the guard must see that as the one drop that it is, so those that expired wait
   * for the others, for the silent part of their time to live at most.
   * @returns their ids
   */
  expire(): string[]
  /** Until {@link Leases.expire} can return somebody, in milliseconds, at the soonest; infinite without leases. */
  soonestMs(): number
}

interface Lease {
  readonly ttlMs: number
  /** When it was last renewed, on the monotonic clock. */
  renewedMs: number
}

/** Starts without leases, and paused until the first start. Time is the monotonic clock's. */
export function createLeases(
  clock: Pick<Clock, 'now' | 'monotonic'>,
  report: (event: PauseEvent) => void,
): Leases {
  const leases = new Map<string, Lease>()
  // Until when each cause lasts, on the monotonic clock.
  const causes = new Map<string, number>()
  let pausedMs: number | undefined = clock.monotonic()
  let isReported = false
  let lastMs = { monotonic: clock.monotonic(), wall: clock.now() }
  // Too early at worst, after a renewal: the next look corrects it.
  let soonestMs = Number.POSITIVE_INFINITY

  /** The time since the last call; what the monotonic clock leaves out of a long sleep, the wall clock shows. */
  function sinceLast(): number {
    const before = lastMs
    lastMs = { monotonic: clock.monotonic(), wall: clock.now() }
    const gapMs = lastMs.monotonic - before.monotonic
    const sleptMs = lastMs.wall - before.wall - gapMs
    return sleptMs >= SLEEP_MS ? gapMs + sleptMs : gapMs
  }

  /** Goes on when no cause lasts. */
  function isPaused(nowMs: number): boolean {
    for (const [why, untilMs] of causes) if (untilMs <= nowMs) causes.delete(why)
    if (causes.size === 0 && pausedMs !== undefined) goOn(pausedMs)
    return causes.size > 0
  }

  function goOn(sinceMs: number): void {
    const nowMs = clock.monotonic()
    pausedMs = undefined
    for (const lease of leases.values()) lease.renewedMs = nowMs
    findSoonest()
    if (isReported) report({ kind: 'resumed', ms: nowMs - sinceMs, instances: leases.size })
    isReported = false
  }

  function findSoonest(): void {
    soonestMs = Number.POSITIVE_INFINITY
    for (const lease of leases.values()) soonestMs = Math.min(soonestMs, endOf(lease))
  }

  return {
    renew(id, ttlMs) {
      const renewedMs = clock.monotonic()
      leases.set(id, { ttlMs, renewedMs })
      soonestMs = Math.min(soonestMs, renewedMs + ttlMs)
    },
    end: (id) => void leases.delete(id),
    pause(why, forMs = Number.POSITIVE_INFINITY) {
      const nowMs = clock.monotonic()
      causes.set(why, nowMs + forMs)
      pausedMs ??= nowMs
      if (!isReported) report({ kind: 'paused', why })
      isReported = true
    },
    resume: (why) => void causes.delete(why),
    start() {
      causes.clear()
      sinceLast()
      if (pausedMs !== undefined) goOn(pausedMs)
    },
    expire() {
      const gapMs = sinceLast()
      const nowMs = clock.monotonic()
      if (gapMs >= STALL_MS) {
        pausedMs ??= nowMs - gapMs
        isReported = true
      }
      if (isPaused(nowMs) || gapMs > LATE_MS || soonestMs > nowMs) return []
      soonestMs = awaited([...leases.values()], nowMs) ?? nowMs
      if (soonestMs > nowMs) return []
      const ids = [...leases].filter(([, lease]) => endOf(lease) <= nowMs).map(([id]) => id)
      for (const id of ids) leases.delete(id)
      findSoonest()
      return ids
    },
    soonestMs: () => soonestMs - clock.monotonic(),
  }
}

function endOf({ renewedMs, ttlMs }: Lease): number {
  return renewedMs + ttlMs
}

/** Until when those that expired wait for others; undefined when they do not. */
function awaited(leases: readonly Lease[], nowMs: number): number | undefined {
  const expired = leases.filter((lease) => endOf(lease) <= nowMs)
  const silent = leases.filter(
    (lease) => endOf(lease) > nowMs && nowMs - lease.renewedMs > SILENT * lease.ttlMs,
  )
  if (expired.length === 0 || silent.length === 0) return undefined
  if (expired.length + silent.length <= MANY * leases.length) return undefined
  const patience = expired.map((lease) => endOf(lease) + (1 - SILENT) * lease.ttlMs)
  return [...patience, ...silent.map(endOf)].reduce(
    (least, ms) => Math.min(least, ms),
    Number.POSITIVE_INFINITY,
  )
}
