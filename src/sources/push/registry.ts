import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Files } from '../../base/files.ts'
import type { Ending } from '../../model/history.ts'
import { hashKey } from '../../model/record-key.ts'
import { createJournal, type Journal, NO_JOURNAL, type Peers } from './journal.ts'
import { createLeases, type Leases } from './lease.ts'
import type { Report } from './report.ts'

/** The default time to live of a registration, as a Prometheus duration and in milliseconds. */
export const DEFAULT_TTL = '90s'
export const DEFAULT_TTL_MS = 90_000

/** The default limit of the time to live that a device may request. */
export const DEFAULT_MAX_TTL = '1d'

/** The shortest time to live, in milliseconds. */
export const MIN_TTL_MS = 1_000

/** The default limit of the number of instances of a source. */
export const DEFAULT_MAX_INSTANCES = 10_000

/** The default limit of the size of all registrations together, in bytes. */
export const DEFAULT_MAX_BYTES = '64MB'

/** The dependencies of a push source. */
export interface PushDeps {
  readonly clock: Clock
  readonly files: Pick<Files, 'read' | 'write' | 'append' | 'rename' | 'remove'>
  /** Absolute path of the folder of the journal; undefined: registrations are in memory only. */
  readonly storage: { readonly folder: string } | undefined
  readonly report: Report
  /** The other replicas; undefined: there are none. */
  readonly peers?: Peers | undefined
}

/** The registrations of a source. They survive a change of its configuration. */
export interface Registry {
  readonly table: Table
  readonly leases: Leases
  readonly journal: Journal
  /** How recent registrations ended, by the keys of their targets. */
  readonly endings: Map<number, Ending>
  /** The time from which a list may be made, on the monotonic clock. */
  settledMs: number
}

/** The path of the journal of a source in the storage folder. */
export function journalPath(name: string): string {
  return join('push', `${name}.journal`)
}

/** Creates the empty registry of a source. */
export function createRegistry(name: string, { clock, files, storage, report, peers }: PushDeps): Registry {
  const table = createTable()
  const path = storage && join(storage.folder, journalPath(name))
  const ownJournal = () =>
    path === undefined ? NO_JOURNAL : createJournal(path, table, { clock, files, report })
  const journal = peers?.journal ?? ownJournal()
  return { table, leases: createLeases(clock, report), journal, endings: new Map(), settledMs: 0 }
}

/** The number of endings that are remembered. */
const MAX_ENDINGS = 1_000

/** Remembers how the registration of an instance ended, and forgets the oldest ending. */
export function noteEnding({ endings }: Pick<Registry, 'endings'>, id: string, ending: Ending): void {
  const key = hashKey(id, 0)
  endings.delete(key)
  endings.set(key, ending)
  const [oldest] = endings.keys()
  if (endings.size > MAX_ENDINGS) endings.delete(oldest as number)
}

/** A registration. It is encoded when it changes, not whenever all of them are read. */
export interface Entry {
  readonly ttlMs: number
  /** Identifies the token that it registered with; undefined: the source has only one. */
  readonly token: string | undefined
  /** Its line in the journal. An equal line means that nothing changed. */
  readonly line: string
  /** Its record, as JSON. */
  readonly record: string
  /** Resolves when it is on disk. */
  written: Promise<void> | undefined
  /** The entry of the instance on disk until then; undefined: none. */
  kept: Entry | undefined
}

/** The registrations by id, in the order of registration. */
export type Table = ReturnType<typeof createTable>

interface Room {
  readonly instances: number
  readonly bytes: number
}

const NO_ROOM: Room = { instances: 0, bytes: 0 }

/** Starts empty. */
export function createTable() {
  const entries = new Map<string, Entry>()
  // Sizes by token; undefined: of all.
  const rooms = new Map<string | undefined, Room>()
  let revision = 0

  function count(entry: Entry | undefined, times: 1 | -1): void {
    if (entry === undefined) return
    add(undefined, times, times * sizeOf(entry))
    if (entry.token !== undefined) add(entry.token, times, times * sizeOf(entry))
  }

  function add(token: string | undefined, instances: number, bytes: number): void {
    const before = rooms.get(token) ?? NO_ROOM
    const room = { instances: before.instances + instances, bytes: before.bytes + bytes }
    if (room.instances === 0) rooms.delete(token)
    else rooms.set(token, room)
  }

  return {
    get: (id: string) => entries.get(id),
    set(id: string, entry: Entry): void {
      const before = entries.get(id)
      count(before, -1)
      count(entry, 1)
      entries.set(id, entry)
      if (before?.record !== entry.record) revision++
    },
    delete(id: string): void {
      count(entries.get(id), -1)
      if (entries.delete(id)) revision++
    },
    size: () => entries.size,
    entries: () => [...entries],
    lines: () => Array.from(entries.values(), ({ line }) => line),
    /** Only acknowledged registrations: the others may still be taken back. */
    records: () =>
      Array.from(entries.values()).flatMap(({ record, written, kept }) =>
        written === undefined ? record : (kept?.record ?? []),
      ),
    /** Marks the newest entry of an instance as acknowledged. */
    acknowledged(): void {
      revision++
    },
    /** A number that changes whenever the records change. */
    revision: () => revision,
    /**
     * The size that registrations would have with a new entry, and whether that is more than before.
     * @param token counts only the registrations of this token; undefined: all
     */
    roomWith(id: string, entry: Entry, token?: string) {
      const known = entries.get(id)
      const before = token === undefined || known?.token === token ? known : undefined
      const { instances, bytes } = rooms.get(token) ?? NO_ROOM
      const more = sizeOf(entry) - (before === undefined ? 0 : sizeOf(before))
      const isNew = before === undefined
      return { instances: instances + Number(isNew), bytes: bytes + more, isNew, isLarger: more > 0 }
    },
  }
}

function sizeOf({ line }: Entry): number {
  return Buffer.byteLength(line)
}
