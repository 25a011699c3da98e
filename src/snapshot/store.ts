import type { Moment } from '../base/clock.ts'
import { compareText } from '../model/labels.ts'
import { type Change, createChanges, type NotedChange } from './changes.ts'
import { join, type Sendable, type Snapshot } from './freeze.ts'

/** Why a record was quarantined, as it is shown. */
export interface Quarantined {
  readonly index: number
  /** What tells it apart from other records. */
  readonly key?: string | undefined
  readonly reason: string
  readonly detail: string
}

/** Absent targets that are still served, as they are shown. */
export interface HeldTargets {
  /** SHA-256 in hex, by which an operator names them. */
  readonly digest: string
  readonly reason: string
  /** The reason in words. */
  readonly why: string
  readonly targets: number
  /** The sources that they were of, when these are not configured any more. */
  readonly sources?: readonly string[]
  readonly samples: readonly string[]
  readonly since: Moment
  /** When they leave if the inventory goes on lacking them; undefined: when an operator says so. */
  readonly until: Moment | undefined
}

/** What a source last did. Replaced as a whole after every refresh, never changed in place. */
export interface SourceStatus {
  /** When the inventory last gave a whole list. */
  readonly lastSuccess: Moment | undefined
  /** The failure of the last refresh; undefined when it succeeded. */
  readonly failure: { readonly reason: string; readonly message: string; readonly at: Moment } | undefined
  /** When the first of the refreshes failed that did so in a row; undefined when the last one succeeded. */
  readonly failingSince: Moment | undefined
  /** Whether the served list was known before the source was created, and no refresh has succeeded since. */
  readonly restored: boolean
  /** Whether a peer gave the served list, and nothing of it was read here. */
  readonly isSeed: boolean
  /** Failed refreshes in a row. */
  readonly failures: number
  readonly records: number
  /** Targets that a relabel rule dropped. */
  readonly dropped: number
  readonly rejected: Readonly<Record<string, number>>
  readonly samples: readonly Quarantined[]
  /** Served targets that the last reading lacked, held or not yet confirmed as gone. */
  readonly absent: number
  readonly held: readonly HeldTargets[]
  /** The first list is empty, and not served before several readings have shown it. */
  readonly isEmpty: boolean
  /** Of several URLs, the one that the last list was read from, as it may be shown; undefined: there is one, or none yet. */
  readonly way: { readonly url: string; readonly isStandby: boolean } | undefined
}

/** A source that has not been asked yet. */
export const INITIAL_STATUS: SourceStatus = {
  lastSuccess: undefined,
  failure: undefined,
  failingSince: undefined,
  restored: false,
  isSeed: false,
  failures: 0,
  records: 0,
  dropped: 0,
  rejected: {},
  samples: [],
  absent: 0,
  held: [],
  isEmpty: false,
  way: undefined,
}

/** A file of a source that cannot be written or read; what is served does not depend on it. */
export interface FileError {
  /** Of the file, or of the folder that keeps the lists. */
  readonly path: string | undefined
  readonly error: string
}

/** What the configuration says of how a source is served. */
export interface Serving {
  /** Whether `/ready` and `/targets` wait for this source's first list. */
  readonly required: boolean
  /** The age, in milliseconds, from which on the list is not served any more; Infinity: never. */
  readonly maxStalenessMs: number
  /** How long a view that turned empty is not believed, in milliseconds. */
  readonly holdMs: number
}

/** What is known and served of one source. */
export interface SourceState extends Serving {
  readonly name: string
  readonly status: SourceStatus
  /** Which of its files (`storage`, `file_sd`) cannot be written or read. */
  readonly fileErrors: Readonly<Record<string, FileError>>
  /** The served list; undefined until the first good one. */
  readonly snapshot: Snapshot | undefined
}

/**
 * The list of all sources, when the oldest of them last succeeded and when the first of them is too old to be
 * served (both on the monotonic clock), or the sources that it waits for.
 */
export type Combined =
  | {
      readonly snapshot: Sendable
      readonly oldestSuccessMs: number
      readonly expiresMs: number
      readonly waitingFor?: undefined
    }
  | { readonly snapshot?: undefined; readonly waitingFor: readonly SourceState[] }

/** The lists of sources that are not configured any more, and that are still a part of the list of all. */
export interface Removed {
  readonly snapshots: readonly Snapshot[]
  /** When the inventory of each was last read whole, on the monotonic clock. */
  readonly lastSuccessMs: readonly number[]
  readonly held: readonly HeldTargets[]
}

/** The waist: the write half publishes snapshots here, the read half takes them. */
export interface Store {
  add(name: string, serving: Serving): void
  /** Changes what the configuration says of a source; what it serves stays. */
  configure(name: string, serving: Serving): void
  /** Takes a source and its list away. */
  remove(name: string): void
  get(name: string): SourceState | undefined
  /** All sources, sorted by name. */
  list(): readonly SourceState[]
  /** Every source's groups as one list; joined when it is first asked for, and then only when something changed. */
  combined(): Combined
  /** Serves a new list of a source; nothing of one that was removed meanwhile. */
  publish(name: string, snapshot: Snapshot): void
  setStatus(name: string, status: SourceStatus): void
  /** Notes that a file of a source cannot be written or read; undefined: that it is as it should be. */
  setFileError(name: string, file: string, error: FileError | undefined): void
  /** Serves these lists beside those of the sources. */
  setRemoved(removed: Removed): void
  removed(): Removed
  /** Remembers what a published list changed, or what left with a source that was removed. */
  noteChange(change: Change): void
  /** The last changes of all sources, the newest first. */
  changes(): readonly NotedChange[]
}

/** Creates an empty store. */
export function createStore(): Store {
  const states = new Map<string, SourceState>()
  const changes = createChanges()
  let removed: Removed = { snapshots: [], lastSuccessMs: [], held: [] }
  // Made when they are first asked for after something changed, so that a change costs the same with any number of
  // sources.
  let sorted: readonly SourceState[] | undefined
  let joined: Sendable | undefined
  let combined: Combined | undefined

  function set(name: string, state: SourceState): void {
    states.set(name, state)
    sorted = undefined
    combined = undefined
  }

  function update(name: string, change: Partial<SourceState>): void {
    const state = states.get(name)
    if (state !== undefined) set(name, { ...state, ...change })
  }

  function list(): readonly SourceState[] {
    sorted ??= [...states.values()].sort((a, b) => compareText(a.name, b.name))
    return sorted
  }

  function combine(): Combined {
    const all = list()
    const missing = all.filter((state) => state.snapshot === undefined)
    const required = missing.filter((state) => state.required)
    if (required.length > 0) return { waitingFor: required }
    const loaded = all.filter((state) => state.snapshot !== undefined)
    const snapshots = [...all.flatMap(({ snapshot }) => snapshot ?? []), ...removed.snapshots]
    // With no list at all there is nothing to send, even if every source is optional: never an empty list.
    if (snapshots.length === 0) return { waitingFor: missing }
    joined ??= join(snapshots)
    return {
      snapshot: joined,
      oldestSuccessMs: least([...loaded.map(lastSuccessMs), ...removed.lastSuccessMs], 0),
      expiresMs: least(loaded.map(expiresMs), Number.POSITIVE_INFINITY),
    }
  }

  return {
    add: (name, serving) =>
      set(name, { name, ...serving, status: INITIAL_STATUS, fileErrors: {}, snapshot: undefined }),
    get: (name) => states.get(name),
    list,
    combined() {
      combined ??= combine()
      return combined
    },
    // Its files may be others now; the next refresh tells.
    configure: (name, serving) => update(name, { ...serving, fileErrors: {} }),
    remove(name) {
      states.delete(name)
      sorted = undefined
      joined = undefined
      combined = undefined
    },
    publish(name, snapshot) {
      joined = undefined
      update(name, { snapshot })
    },
    setStatus: (name, status) => update(name, { status }),
    setFileError(name, file, error) {
      const { [file]: before, ...others } = states.get(name)?.fileErrors ?? {}
      if (before !== error)
        update(name, { fileErrors: error === undefined ? others : { ...others, [file]: error } })
    },
    setRemoved(now) {
      removed = now
      joined = undefined
      combined = undefined
    },
    removed: () => removed,
    noteChange: changes.note,
    changes: changes.list,
  }
}

function least(numbers: readonly number[], fallback: number): number {
  return numbers.length === 0 ? fallback : numbers.reduce((some, one) => Math.min(some, one))
}

/** When a source last gave a whole list, on the monotonic clock; 0, the start of the process, if never. */
export function lastSuccessMs({ status }: SourceState): number {
  return status.lastSuccess?.monotonicMs ?? 0
}

/** From when on a source's list is too old to be served, on the monotonic clock. */
export function expiresMs(state: SourceState): number {
  return lastSuccessMs(state) + state.maxStalenessMs
}
