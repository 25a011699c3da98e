import type { Moment } from '../base/clock.ts'
import { compareText } from '../model/labels.ts'
import { type Change, createChanges, type NotedChange } from './changes.ts'
import { join, type Sendable, type Snapshot } from './freeze.ts'

/** A quarantined record, as it is shown. */
export interface Quarantined {
  readonly index: number
  /** Its key, which identifies the record. */
  readonly key?: string | undefined
  readonly reason: string
  readonly detail: string
}

/** Held targets, as they are shown. */
export interface HeldTargets {
  /** SHA-256 in hex, by which an operator accepts them. */
  readonly digest: string
  readonly reason: string
  /** The reason in words. */
  readonly why: string
  readonly targets: number
  /** Their sources, when these are not configured any more. */
  readonly sources?: readonly string[]
  readonly samples: readonly string[]
  readonly since: Moment
  /** When they leave if they stay missing; undefined: only when an operator accepts it. */
  readonly until: Moment | undefined
}

/** The status of a source. It is replaced after every refresh, and never modified. */
export interface SourceStatus {
  /** When the inventory was last read completely. */
  readonly lastSuccess: Moment | undefined
  /** The failure of the last refresh; undefined when it succeeded. */
  readonly failure: { readonly reason: string; readonly message: string; readonly at: Moment } | undefined
  /** When the first of the consecutive failures was; undefined when the last refresh succeeded. */
  readonly failingSince: Moment | undefined
  /** Whether the served list is from an earlier process or configuration, and no refresh has succeeded since. */
  readonly restored: boolean
  /** Whether the served list is from a peer and no reading here has confirmed it. */
  readonly isSeed: boolean
  /** Failed refreshes in a row. */
  readonly failures: number
  readonly records: number
  /** Targets that a relabel rule dropped. */
  readonly dropped: number
  readonly rejected: Readonly<Record<string, number>>
  readonly samples: readonly Quarantined[]
  /** Served targets that were missing from the last reading. */
  readonly absent: number
  readonly held: readonly HeldTargets[]
  /** Whether the first list is empty and therefore not served yet. */
  readonly isEmpty: boolean
  /** The URL of the last list, masked, when the source has several; undefined: it has one, or no list yet. */
  readonly way: { readonly url: string; readonly isStandby: boolean } | undefined
}

/** The status before the first refresh. */
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

/** An error of a file of a source. The served list does not depend on the file. */
export interface FileError {
  /** The file, or the storage folder. */
  readonly path: string | undefined
  readonly error: string
}

/** The settings for serving a source. */
export interface Serving {
  /** Whether `/ready` and `/targets` wait for this source's first list. */
  readonly required: boolean
  /** The age, in milliseconds, from which the list is no longer served; Infinity: never. */
  readonly maxStalenessMs: number
  /** How long a view that became empty is not served, in milliseconds. */
  readonly holdMs: number
}

/** The state of one source. */
export interface SourceState extends Serving {
  readonly name: string
  readonly status: SourceStatus
  /** The errors of its files, by kind (`storage`, `file_sd`). */
  readonly fileErrors: Readonly<Record<string, FileError>>
  /** The served list; undefined until the first good one. */
  readonly snapshot: Snapshot | undefined
}

/**
 * The list of all sources, with the oldest time of success and the time from which it is too old to be served (both on
 * the monotonic clock), or the sources that it waits for.
 */
export type Combined =
  | {
      readonly snapshot: Sendable
      readonly oldestSuccessMs: number
      readonly expiresMs: number
      readonly waitingFor?: undefined
    }
  | { readonly snapshot?: undefined; readonly waitingFor: readonly SourceState[] }

/** The lists of removed sources that are still part of `/targets`. */
export interface Removed {
  readonly snapshots: readonly Snapshot[]
  /** When the inventory of each was last read completely, on the monotonic clock. */
  readonly lastSuccessMs: readonly number[]
  readonly held: readonly HeldTargets[]
}

/** The lists of all sources: runners publish them here, and HTTP routes read them. */
export interface Store {
  add(name: string, serving: Serving): void
  /** Sets the settings of a source. Its list stays. */
  configure(name: string, serving: Serving): void
  /** Removes a source and its list. */
  remove(name: string): void
  get(name: string): SourceState | undefined
  /** All sources, sorted by name. */
  list(): readonly SourceState[]
  /** The list of all sources. It is joined at the first request, and again only after a change. */
  combined(): Combined
  /** Publishes a new list of a source. Does nothing for a source that was removed meanwhile. */
  publish(name: string, snapshot: Snapshot): void
  setStatus(name: string, status: SourceStatus): void
  /** Sets the error of a file; undefined: none. */
  setFileError(name: string, file: string, error: FileError | undefined): void
  /** Serves the lists of removed sources too. */
  setRemoved(removed: Removed): void
  removed(): Removed
  /** Remembers the change by a published list or a removed source. */
  noteChange(change: Change): void
  /** The last changes of all sources, the newest first. */
  changes(): readonly NotedChange[]
}

/** Creates an empty store. */
export function createStore(): Store {
  const states = new Map<string, SourceState>()
  const changes = createChanges()
  let removed: Removed = { snapshots: [], lastSuccessMs: [], held: [] }
  // Made at the first request after a change, so that a change costs the same with any number of sources.
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
    // Without any list there is nothing to send, even if every source is optional: an empty list would be wrong.
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
    // Its files may have changed; the next refresh sets their errors.
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

/** When a source was last read completely, on the monotonic clock; 0 (the start of the process) if never. */
export function lastSuccessMs({ status }: SourceState): number {
  return status.lastSuccess?.monotonicMs ?? 0
}

/** The time from which a source's list is too old to be served, on the monotonic clock. */
export function expiresMs(state: SourceState): number {
  return lastSuccessMs(state) + state.maxStalenessMs
}
