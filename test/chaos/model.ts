import type { Inventories, Sites } from './inventories.ts'

/** What the guard of a run asks for. */
export interface ModelGuard {
  /** How long held targets must be missing, in milliseconds. */
  readonly holdMs: number
  /** The share of the targets from which on they are held. */
  readonly maxDrop: number
  readonly minTargets: number
}

/** What a poll of /targets showed: the targets of a list, or that there is none yet. */
export type Seen = Sites | 'no list'

/** How the storage folder is. */
export type StorageState = 'works' | 'full' | 'broken'

/** What is known to have happened, and what Rollcall may show after it. */
export interface Model {
  /** A reading of the inventory begins: the one before, and all writing after it, has ended. */
  begins(): void
  /** This inventory is about to have been sent whole in this reading; so are records that make these targets, unreadably. */
  offers(list: string, unreadable?: ReadonlySet<string>): void
  /** From now on the configuration selects these records. */
  selects(records: 'all' | 'none'): void
  /** The source has another name, so that nothing may be kept of it; or what is served is kept. */
  named(how: 'anew' | 'as before'): void
  /** Whether the source may not have been read yet under its name. */
  isNamedAnew(): boolean
  /** An operator lets these targets leave. */
  accepts(targets: ReadonlySet<string>): void
  /** The storage folder works from now on; or is full, so that it can be read; or cannot even be read. */
  storage(state: StorageState): void
  /** What was kept is gone for good. */
  losesKept(): void
  /** The process was killed, and what starts next can read what was kept, or cannot. */
  restarts(): void
  /** @returns the promise that is broken, or undefined */
  shows(seen: Seen): string | undefined
  /** In words, for messages. */
  states(): string
}

/** An inventory that was sent whole; whether it was used is not known. */
interface Reading {
  readonly sites: Sites
  /** The targets of records that were there and could not be read. */
  readonly unreadable: ReadonlySet<string>
  /** The configuration selected no record of it. */
  readonly isBlind: boolean
  readonly atMs: number
}

/** However short `hold` is, so many readings must lack what is held. */
const HELD_READINGS = 3

/** Of the last so many readings two must lack a target that leaves: one between them may have come too late. */
const LAST_READINGS = 4
const CONFIRMATIONS = 2

/** How long readings are remembered, in milliseconds. */
const MEMORY_MS = 120_000

/**
 * A model of what Rollcall promises of each target. A reading that was sent whole may have been used or not (a deadline
 * may have come first), so the model says what is possible, and is never stricter than the promises:
 *  - no invention: a target is served with the site of a reading, or as it was served before;
 *  - no loss: what was served leaves only when two readings lacked it, and many at once only when all readings for
 *    `hold` did; neither a kill nor what happens before counts for the process that follows it. A reading that has the
 *    record of a target, unreadable, does not lack it; nothing leaves while no record is selected, nor afterwards before
 *    a reading of selected records lacked it; an operator's word lets leave what it names;
 *  - a list that was kept is served again after a kill.
 * That what is read is served, and that what is gone leaves, is seen at the end of every calm.
 */
export function createModel(
  inventories: Inventories,
  guard: ModelGuard,
  nowMs: () => number = () => performance.now(),
): Model {
  // Of this process.
  let shown: Sites | undefined
  let readings: readonly Reading[] = []
  // Kept for sure: what is on disk is this list or a later one.
  let floor: Sites | undefined
  // The last list that is certainly on disk, with the targets that left since then: a full disk keeps it.
  let lastSure: Sites | undefined
  let mustHaveList = false
  // Of the process before, until the first list of this one has been seen.
  let before: { readonly shown: Sites | undefined; readonly readings: readonly Reading[] } | undefined
  let largest = 0
  let storage: StorageState = 'works'
  let isToggled = false
  let isFirst = true
  let isBlind = false
  let isNamedAnew = false
  let accepted: ReadonlySet<string> = new Set()

  /** What may have been read when this was served. */
  const possible = () => [...(before?.readings ?? []), ...readings]

  function invented(seen: Sites): string | undefined {
    for (const [target, site] of seen) {
      if (shown?.get(target) === site) continue
      const read = possible().flatMap(({ sites }) => sites.get(target) ?? [])
      // After a kill any list may have been kept that was made since the last one that was for sure.
      const allowed =
        before === undefined
          ? read.slice(-LAST_READINGS)
          : [...read, before.shown?.get(target), lastSure?.get(target)]
      if (!allowed.includes(site)) return `${target} is served at ${site}; it was last at ${read.slice(-2)}`
    }
    return undefined
  }

  function lost(seen: Sites): string | undefined {
    const served = before === undefined ? shown : floor
    if (served === undefined) return undefined
    const gone = [...served.keys()].filter((target) => !seen.has(target) && !accepted.has(target))
    const isMany = gone.length > Math.max(guard.minTargets, guard.maxDrop * largest)
    const all = possible().filter((reading) => !isBlind || !reading.isBlind)
    for (const target of gone) {
      const lacks = ({ sites, unreadable }: Reading) => !sites.has(target) && !unreadable.has(target)
      const lacking = all.filter(lacks)
      const recent = all.slice(-LAST_READINGS).filter(lacks)
      if (recent.length < CONFIRMATIONS || recent.every((reading) => reading.isBlind))
        return `${target} left, and ${recent.length} of the last ${LAST_READINGS} readings lacked it`
      const since = nowMs() - (lacking[0] as Reading).atMs
      if (isMany && (lacking.length < HELD_READINGS || since < guard.holdMs))
        return `${gone.length} of ${served.size} targets left after ${Math.round(since)} ms and ${lacking.length} readings`
    }
    return undefined
  }

  /** Nothing was served by this process, nor kept by the one before. */
  const knowsNothing = () => shown === undefined && before === undefined

  return {
    begins() {
      // What was seen is on disk by now, unless it could not be written.
      if (!isFirst && storage === 'works' && !isToggled && before === undefined && shown !== undefined) {
        floor = shown
        lastSure = shown
      }
      isFirst = false
      isToggled = false
    },
    offers(list, unreadable = new Set()) {
      const sites: Sites = isBlind ? new Map() : inventories.sites(list)
      accepted = new Set([...accepted].filter((target) => !sites.has(target)))
      largest = Math.max(largest, sites.size)
      // It knows nothing of what may still be on disk, and may write what it reads.
      if (knowsNothing()) floor = undefined
      const reading = { sites, unreadable, isBlind, atMs: nowMs() }
      readings = [...readings.filter(({ atMs }) => nowMs() - atMs < MEMORY_MS), reading]
    },
    selects(records) {
      isBlind = records === 'none'
    },
    named(how) {
      isNamedAnew = how === 'anew'
    },
    isNamedAnew: () => isNamedAnew,
    accepts(targets) {
      accepted = targets
    },
    storage(next) {
      isToggled ||= next !== storage
      storage = next
    },
    losesKept() {
      floor = undefined
      lastSure = undefined
      isToggled = true
    },
    restarts() {
      const isReadable = storage !== 'broken'
      // Killed before anything was seen of it: what was so before still counts.
      before = { shown: shown ?? before?.shown, readings: possible() }
      if (!isReadable) before = undefined
      mustHaveList = isReadable && floor !== undefined && !isNamedAnew
      shown = undefined
      readings = []
      isFirst = true
      isToggled = false
    },
    shows(seen) {
      if (seen === 'no list') {
        if (shown !== undefined) return 'no list is served any more'
        return mustHaveList ? 'the list that was kept is not served' : undefined
      }
      if (knowsNothing() && seen.size === 0) return 'a first list that is empty was believed'
      const wrong = invented(seen) ?? lost(seen)
      // Nothing was read since the start, so this was kept.
      if (before !== undefined && readings.length === 0) floor = lastSure = seen
      // What left may have been written before the disk was full.
      else if (floor !== undefined) floor = new Map([...floor].filter(([target]) => seen.has(target)))
      shown = seen
      before = undefined
      mustHaveList = false
      return wrong
    },
    states: () =>
      `${shown?.size ?? 'no'} targets are served, ${floor?.size ?? 'none'} are kept for sure; of ${readings.length} readings the last ones had ${readings.slice(-LAST_READINGS).map(({ sites }) => sites.size)}`,
  }
}
