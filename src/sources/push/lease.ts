import type { Clock } from '../../base/clock.ts'

/** How often {@link Leases.expire} has to be called, in milliseconds. */
export const TICK_MS = 500

/** A call that is this late, in milliseconds, ends no lease: heartbeats may have arrived that are not read yet. */
const LATE_MS = 2 * TICK_MS

/** After a gap of this length between two calls, in milliseconds, heartbeats may have been lost. */
const STALL_MS = 5_000

/**
 * When the wall clock gains this much on the monotonic clock, in milliseconds, the machine slept. A smaller difference is
 * an ordinary correction of the system clock.
 */
const SLEEP_MS = 60_000

/** The part of its time to live after which an instance is silent: it has missed a heartbeat, which is due after a third. */
const SILENT = 0.6

/** The share of all instances that must be silent at the same time to look like one event. */
const MANY = 0.2

/** An event of expiry. */
export type PauseEvent =
  | { readonly kind: 'paused'; readonly why: string }
  /** Expiry was paused for this time, in milliseconds, and every lease is whole again. */
  | { readonly kind: 'resumed'; readonly ms: number; readonly instances: number }

/**
 * The leases of the instances of a push source. A lease expires when no heartbeat has renewed it for its time to live.
 * The one rule: **expiry is paused while heartbeats cannot be received, and every lease is whole when that ends.**
 * They cannot be received during a {@link Leases.pause}, while the process stands still for {@link STALL_MS} or longer,
 * while the machine sleeps, and before {@link Leases.start}.
 */
export interface Leases {
  /** Grants or renews a lease. @param ttlMs its length in milliseconds */
  renew(id: string, ttlMs: number): void
  /** Ends a lease, if there is one. */
  end(id: string): void
  /**
   * Pauses expiry, because heartbeats cannot be received.
   * @param why the cause, a constant text for the log; a second call with the same cause prolongs the pause
   * @param forMs the length of the pause, in milliseconds; by default until {@link Leases.resume}
   */
  pause(why: string, forMs?: number): void
  /** Ends the pause for a cause. Expiry continues when no cause is left. */
  resume(why: string): void
  /** Starts: heartbeats can be received from now on, and earlier causes do not count. */
  start(): void
  /**
   * Ends the leases that expired. When a network fails, many instances fall silent but their leases expire one by one. So
   * that the guard sees one drop, expired leases wait for the others, at most for the silent part of their time to live.
   * @returns the ids of the instances whose leases ended
   */
  expire(): string[]
  /** The time until {@link Leases.expire} can return an id at the earliest, in milliseconds; infinite without leases. */
  soonestMs(): number
}

interface Lease {
  readonly ttlMs: number
  /** When it was last renewed, on the monotonic clock. */
  renewedMs: number
}

/** Starts without leases, and paused until the first start. Times are on the monotonic clock. */
export function createLeases(
  clock: Pick<Clock, 'now' | 'monotonic'>,
  report: (event: PauseEvent) => void,
): Leases {
  const leases = new Map<string, Lease>()
  // The end of each cause, on the monotonic clock.
  const causes = new Map<string, number>()
  let pausedMs: number | undefined = clock.monotonic()
  let isReported = false
  let lastMs = { monotonic: clock.monotonic(), wall: clock.now() }
  // After a renewal it may be too early; the next look corrects it.
  let soonestMs = Number.POSITIVE_INFINITY

  /** The time since the last call. After a sleep of the machine the wall clock shows what the monotonic clock left out. */
  function sinceLast(): number {
    const before = lastMs
    lastMs = { monotonic: clock.monotonic(), wall: clock.now() }
    const gapMs = lastMs.monotonic - before.monotonic
    const sleptMs = lastMs.wall - before.wall - gapMs
    return sleptMs >= SLEEP_MS ? gapMs + sleptMs : gapMs
  }

  /** Continues when no cause is left. */
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

/** The time until which expired leases wait for others; undefined when they do not wait. */
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
