import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Files } from '../../base/files.ts'
import type { Ending } from '../../model/history.ts'
import { hashKey } from '../../model/record-key.ts'
import { createJournal, type Journal, NO_JOURNAL, type Peers } from './journal.ts'
import { createLeases, type Leases } from './lease.ts'
import type { Report } from './report.ts'

/** How long a registration lasts that does not say so itself, as a Prometheus duration and in milliseconds. */
export const DEFAULT_TTL = '90s'
export const DEFAULT_TTL_MS = 90_000

/** The longest time to live that a device may ask for when nothing is configured. */
export const DEFAULT_MAX_TTL = '1d'

/** The shortest time to live, in milliseconds. */
export const MIN_TTL_MS = 1_000

/** How many instances a source has at most when nothing is configured. */
export const DEFAULT_MAX_INSTANCES = 10_000

/** How many bytes their registrations have together at most when nothing is configured. */
export const DEFAULT_MAX_BYTES = '64MB'

/** What a push source needs from outside. */
export interface PushDeps {
  readonly clock: Clock
  readonly files: Pick<Files, 'read' | 'write' | 'append' | 'rename' | 'remove'>
  /** Absolute path of the folder of the journal; undefined: registrations are in memory only. */
  readonly storage: { readonly folder: string } | undefined
  readonly report: Report
  /** The other replicas; undefined: there are none. */
  readonly peers?: Peers | undefined
}

/** What is registered, whatever the configuration says. */
export interface Registry {
  readonly table: Table
  readonly leases: Leases
  readonly journal: Journal
  /** How the newest registrations ended, by the keys of their targets. */
  readonly endings: Map<number, Ending>
  /** From when on a list may be made, on the monotonic clock. */
  settledMs: number
}

/** The journal of a source, in the folder of what is kept. */
export function journalPath(name: string): string {
  return join('push', `${name}.journal`)
}

/** Creates the registry of a source, with nothing in it. */
export function createRegistry(name: string, { clock, files, storage, report, peers }: PushDeps): Registry {
  const table = createTable()
  const path = storage && join(storage.folder, journalPath(name))
  const ownJournal = () =>
    path === undefined ? NO_JOURNAL : createJournal(path, table, { clock, files, report })
  const journal = peers?.journal ?? ownJournal()
  return { table, leases: createLeases(clock, report), journal, endings: new Map(), settledMs: 0 }
}

/** How many endings are remembered. */
const MAX_ENDINGS = 1_000

/** Remembers how the registration of an instance ended, in place of the oldest that is remembered. */
export function noteEnding({ endings }: Pick<Registry, 'endings'>, id: string, ending: Ending): void {
  const key = hashKey(id, 0)
  endings.delete(key)
  endings.set(key, ending)
  const [oldest] = endings.keys()
  if (endings.size > MAX_ENDINGS) endings.delete(oldest as number)
}

/** A registration, encoded when it changes rather than whenever all of them are asked for. */
export interface Entry {
  readonly ttlMs: number
  /** Tells the token that it registered with apart from others of the source; undefined: it has none of its own. */
  readonly token: string | undefined
  /** Its line in the journal; a registration that changes nothing is recognised by it. */
  readonly line: string
  /** Its record, as JSON. */
  readonly record: string
  /** Until it is on disk. */
  written: Promise<void> | undefined
  /** What is on disk of the instance until then; undefined: nothing. */
  kept: Entry | undefined
}

/** What is registered, by id, in the order in which it was. */
export type Table = ReturnType<typeof createTable>

interface Room {
  readonly instances: number
  readonly bytes: number
}

const NO_ROOM: Room = { instances: 0, bytes: 0 }

/** Starts empty. */
export function createTable() {
  const entries = new Map<string, Entry>()
  // By token; undefined: of all.
  const rooms = new Map<string | undefined, Room>()
  let revision = 0

  function count(entry: Entry | undefined, times: 1 | -1): void {
    if (entry === undefined) return
    for (const token of new Set([undefined, entry.token])) {
      const { instances, bytes } = rooms.get(token) ?? NO_ROOM
      const room = { instances: instances + times, bytes: bytes + times * sizeOf(entry) }
      if (room.instances === 0) rooms.delete(token)
      else rooms.set(token, room)
    }
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
    /** Only what was acknowledged: the rest may yet be taken back. */
    records: () =>
      Array.from(entries.values()).flatMap(({ record, written, kept }) =>
        written === undefined ? record : (kept?.record ?? []),
      ),
    /** What was registered last is acknowledged. */
    acknowledged(): void {
      revision++
    },
    /** Another number whenever there are other records. */
    revision: () => revision,
    /**
     * How much room registrations would take with an entry in its place, and whether that is more than before.
     * @param token of the registrations of this token; undefined: of all
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
