import type { Clock } from '../../base/clock.ts'
import type { Registration } from '../../model/registration.ts'
import { encodeKept, encodeRecord } from './encode.ts'

/** An instance that is known. */
export interface Instance {
  readonly registration: Registration
  /** How long it is believed without being heard of again, in milliseconds. */
  readonly ttlMs: number
}

/** An instance and its id. */
export type Named = readonly [id: string, instance: Instance]

/** What hearing of an instance changed. */
export type Heard = 'new' | 'changed' | 'renewed'

/** The instances of a push source. */
export interface Registrations {
  /** Hears of an instance. */
  hear(id: string, instance: Instance): Heard
  /**
   * Makes known who was before. Who was heard of, or forgotten, meanwhile stays so: that is newer. Once it was asked
   * there is nobody any more to be made known.
   * @returns how many are known by it
   */
  restore(before: readonly Named[]): number
  /** Forgets an instance; false when it was not known. */
  forget(id: string): boolean
  has(id: string): boolean
  size(): number
  /** No earlier than then one may run out, on the monotonic clock; undefined while nobody is known. */
  nextMs(): number | undefined
  /**
   * Forgets those that ran out; see {@link awaited}.
   * @returns their ids
   */
  expire(): string[]
  /**
   * Believes everybody for so much longer, in milliseconds, because nobody could be heard for so long; but nobody for
   * longer than the whole time to live from now on, which is what infinity gives to all.
   */
  prolong(ms: number): void
  /** Their records, as JSON, in the order in which they became known. */
  records(): string[]
  /** What is to be kept of them on disk, as JSON, in the same order. */
  kept(): string[]
  /** Another number whenever who is known, or as what, is another. */
  revision(): number
}

/** An instance, encoded when it changes rather than whenever all of them are asked for. */
interface Entry {
  /** How long it is believed, in milliseconds. */
  readonly ttlMs: number
  /** Its record. */
  readonly record: string
  /** What is kept of it on disk; a registration that changes nothing is recognised by it. */
  readonly kept: string
  /** When it was last heard of, on the monotonic clock; later by the time in which it could not be. */
  heardMs: number
}

/** The part of its time to live after which an instance is silent: it has missed a heartbeat, which is due after a third. */
const SILENT = 0.6

/** The share of all instances that must be silent together for it to look like one event. */
const MANY = 0.2

/** Starts with nobody. Time is the monotonic clock's: nobody runs out because the system time is corrected. */
export function createRegistrations(clock: Pick<Clock, 'monotonic'>): Registrations {
  const entries = new Map<string, Entry>()
  // Who was forgotten before it was restored who was known; not needed any more afterwards.
  let forgotten: Set<string> | undefined = new Set()
  let revision = 0

  // Too early at worst, after a heartbeat: it is set right when it has come.
  let soonestMs = Number.POSITIVE_INFINITY

  const nextMs = () => (entries.size === 0 ? undefined : soonestMs)

  function findSoonest(): void {
    soonestMs = Number.POSITIVE_INFINITY
    for (const entry of entries.values()) soonestMs = Math.min(soonestMs, endOf(entry))
  }

  function hear(id: string, { registration, ttlMs }: Instance): Heard {
    const heardMs = clock.monotonic()
    soonestMs = Math.min(soonestMs, heardMs + ttlMs)
    const kept = encodeKept(id, registration, ttlMs)
    const before = entries.get(id)
    if (before?.kept === kept) {
      before.heardMs = heardMs
      return 'renewed'
    }
    entries.set(id, { ttlMs, record: encodeRecord(id, registration), kept, heardMs })
    revision++
    return before === undefined ? 'new' : 'changed'
  }

  return {
    hear,
    restore(before) {
      const missing = before.filter(([id]) => !entries.has(id) && !forgotten?.has(id))
      forgotten = undefined
      for (const [id, instance] of missing) hear(id, instance)
      return missing.length
    },
    forget(id) {
      forgotten?.add(id)
      const isKnown = entries.delete(id)
      if (isKnown) revision++
      return isKnown
    },
    has: (id) => entries.has(id),
    size: () => entries.size,
    nextMs,
    expire() {
      const nowMs = clock.monotonic()
      const awaitedMs = awaited([...entries.values()], nowMs)
      if (awaitedMs !== undefined) {
        soonestMs = awaitedMs
        return []
      }
      const ids = [...entries].filter(([, entry]) => endOf(entry) <= nowMs).map(([id]) => id)
      for (const id of ids) entries.delete(id)
      if (ids.length > 0) revision++
      findSoonest()
      return ids
    },
    prolong(ms) {
      const nowMs = clock.monotonic()
      for (const entry of entries.values()) entry.heardMs = Math.min(entry.heardMs + ms, nowMs)
      findSoonest()
    },
    records: () => Array.from(entries.values(), ({ record }) => record),
    kept: () => Array.from(entries.values(), ({ kept }) => kept),
    revision: () => revision,
  }
}

function endOf({ heardMs, ttlMs }: Entry): number {
  return heardMs + ttlMs
}

/**
 * Until when those that ran out wait for others: when many fall silent at the same time, as when a network is
 * down, they run out one by one, as their heartbeats came. The guard must see that as the one drop that it is, so they
 * go together, once the last of them has run out, or been heard of again. Nobody waits for longer than the silent
 * part of its own time to live.
 * @returns undefined when nobody waits
 */
function awaited(entries: readonly Entry[], nowMs: number): number | undefined {
  const out = entries.filter((entry) => endOf(entry) <= nowMs)
  const silent = entries.filter(
    (entry) => endOf(entry) > nowMs && nowMs - entry.heardMs > SILENT * entry.ttlMs,
  )
  if (out.length === 0 || silent.length === 0) return undefined
  if (out.length + silent.length <= MANY * entries.length) return undefined
  const patience = (entry: Entry) => endOf(entry) + (1 - SILENT) * entry.ttlMs
  const untilMs = out.reduce((least, entry) => Math.min(least, patience(entry)), Number.POSITIVE_INFINITY)
  const nextMs = silent.reduce((least, entry) => Math.min(least, endOf(entry)), untilMs)
  return nextMs <= nowMs ? undefined : nextMs
}
