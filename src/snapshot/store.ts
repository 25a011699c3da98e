import { createInTurn } from '../base/in-turn.ts'
import { compareText } from '../model/labels.ts'
import { type Change, createChanges } from './changes.ts'
import { joinEncoded } from './lines.ts'
import { freeze, type Snapshot } from './snapshot.ts'
import { type FileError, INITIAL_STATUS, type SourceStatus } from './status.ts'

/** What is known and served of one source. */
export interface SourceState {
  readonly name: string
  /** Whether `/ready` and `/targets` wait for this source's first list. */
  readonly required: boolean
  /** The age, in milliseconds, from which on the list is not served any more; Infinity: never. */
  readonly maxStalenessMs: number
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
      readonly snapshot: Snapshot
      readonly oldestSuccessMs: number
      readonly expiresMs: number
      readonly waitingFor?: undefined
    }
  | { readonly snapshot?: undefined; readonly waitingFor: readonly SourceState[] }

/** The waist: the write half publishes snapshots here, the read half takes them. */
export interface Store {
  add(name: string, options: Pick<SourceState, 'required' | 'maxStalenessMs'>): void
  /** Changes what the configuration says of a source; what it serves stays. */
  configure(name: string, options: Pick<SourceState, 'required' | 'maxStalenessMs'>): void
  /** Takes a source and its list away, from the combined list in the same step. */
  remove(name: string): Promise<void>
  get(name: string): SourceState | undefined
  /** All sources, sorted by name. */
  list(): readonly SourceState[]
  /** Every source's groups as one list. */
  combined(): Combined
  /** Serves a new list of a source, and the combined list that holds it. */
  publish(name: string, snapshot: Snapshot): Promise<void>
  setStatus(name: string, status: SourceStatus): void
  /** Notes that a file of a source cannot be written or read; undefined: that it is as it should be. */
  setFileError(name: string, file: string, error: FileError | undefined): void
  /** Remembers what a published list changed; nothing of a source that was removed meanwhile. */
  noteChange(change: Change): void
  /** The last changes of all sources, the newest first. */
  changes(): readonly Change[]
}

/** Creates an empty store. */
export function createStore(): Store {
  const states = new Map<string, SourceState>()
  let snapshot: Snapshot | undefined
  // Made anew on every change, so that a request only takes it.
  let combined: Combined = { waitingFor: [] }
  // Each combination starts from the one before it.
  const inTurn = createInTurn()
  const changes = createChanges()

  const sorted = () => [...states.values()].sort((a, b) => compareText(a.name, b.name))

  function update(name: string, change: Partial<SourceState>): void {
    const state = states.get(name)
    if (state !== undefined) states.set(name, { ...state, ...change })
    combined = view(sorted(), snapshot)
  }

  /** Combines first and then swaps source and combined list in one step: no answer shows one without the other. */
  async function publish(name: string, published: Snapshot): Promise<void> {
    // Of a source that was removed meanwhile; combined, it could be an empty list.
    if (!states.has(name)) return
    const after = sorted().map((state) => (state.name === name ? { ...state, snapshot: published } : state))
    const next = await combine(after.flatMap((state) => state.snapshot ?? []))
    snapshot = next
    update(name, { snapshot: published })
  }

  async function remove(name: string): Promise<void> {
    const left = sorted().filter((state) => state.name !== name)
    const lists = left.flatMap((state) => state.snapshot ?? [])
    const next = lists.length === 0 ? undefined : await combine(lists)
    snapshot = next
    states.delete(name)
    changes.forget(name)
    combined = view(sorted(), snapshot)
  }

  return {
    add(name, { required, maxStalenessMs }) {
      states.set(name, {
        name,
        required,
        maxStalenessMs,
        status: INITIAL_STATUS,
        fileErrors: {},
        snapshot: undefined,
      })
      combined = view(sorted(), snapshot)
    },
    get: (name) => states.get(name),
    list: sorted,
    combined: () => combined,
    // Its files may be others now; the next refresh tells.
    configure: (name, { required, maxStalenessMs }) =>
      update(name, { required, maxStalenessMs, fileErrors: {} }),
    remove: (name) => inTurn(() => remove(name)),
    publish: (name, published) => inTurn(() => publish(name, published)),
    setStatus: (name, status) => update(name, { status }),
    setFileError(name, file, error) {
      const { [file]: before, ...others } = states.get(name)?.fileErrors ?? {}
      if (before !== error)
        update(name, { fileErrors: error === undefined ? others : { ...others, [file]: error } })
    },
    noteChange(change) {
      if (states.has(change.source)) changes.note(change)
    },
    changes: changes.list,
  }
}

function view(states: readonly SourceState[], snapshot: Snapshot | undefined): Combined {
  const missing = states.filter((state) => state.snapshot === undefined)
  const required = missing.filter((state) => state.required)
  // With no list at all there is nothing to send, even if every source is optional: never an empty list.
  if (snapshot === undefined || required.length > 0)
    return { waitingFor: required.length > 0 ? required : missing }
  const loaded = states.filter((state) => state.snapshot !== undefined)
  return {
    snapshot,
    oldestSuccessMs: Math.min(...loaded.map(lastSuccessMs)),
    expiresMs: Math.min(...loaded.map(expiresMs)),
  }
}

/** When a source last gave a whole list, on the monotonic clock; 0, the start of the process, if never. */
export function lastSuccessMs({ status }: SourceState): number {
  return status.lastSuccess?.monotonicMs ?? 0
}

/** From when on a source's list is too old to be served, on the monotonic clock. */
export function expiresMs(state: SourceState): number {
  return lastSuccessMs(state) + state.maxStalenessMs
}

async function combine(snapshots: readonly Snapshot[]): Promise<Snapshot> {
  const [only] = snapshots
  if (only !== undefined && snapshots.length === 1) return only
  const sum = (field: 'groups' | 'targets') => snapshots.reduce((total, one) => total + one[field], 0)
  return freeze(
    joinEncoded(snapshots.map((one) => one.body)),
    { groups: sum('groups'), targets: sum('targets') },
    Math.max(...snapshots.map((one) => one.changedAtMs)),
  )
}
