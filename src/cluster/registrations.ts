import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { createMutex } from '../base/mutex.ts'
import {
  type Ended,
  type Journaled,
  leftLine,
  type PeerListener,
  type Peers,
  parseLine,
} from '../sources/push/journal.ts'
import type { ClusterStore, Registration } from './store.ts'

/** How often the store is looked at, in milliseconds; messages come between. */
const LOOK_MS = 1_000

/** How many registrations are stored in one step. */
const MAX_BATCH = 5_000

/** While the store cannot be read, and for so long after a replica is gone, in milliseconds, heartbeats may be lost. */
const UNHEARD_MS = 5_000

/** A part of a signature (HMAC-SHA-256, in base64) is before each line. */
const MAC_LENGTH = 24

/** What the registrations of one source need from outside. */
export interface PeersDeps {
  readonly source: string
  /** What all replicas know, and nobody else. */
  readonly key: string
  readonly replicaId: string
  readonly store: ClusterStore
  readonly clock: Clock
  readonly isReader: () => boolean
  /** How long a registration lasts that does not say so, in milliseconds. */
  readonly ttlMs: number
  /** Lines in the store that cannot be used: why, of the first of them. */
  readonly onUnusable: (why: string) => void
}

/** The registrations of one source, as all replicas share them. */
export interface SharedRegistrations extends Peers {
  /** Another replica changed something. */
  changed(): void
  /** Heartbeats of another replica could not be received. */
  missed(why: string, forMs?: number): void
  /** Writes what is waiting, and looks no more. */
  stop(): Promise<void>
}

/** A batch that is stored in one step. */
interface Batch {
  readonly changes: Map<string, Registration>
  readonly heard: Set<string>
  readonly stored: Promise<void>
  resolve(): void
  reject(error: unknown): void
}

/** The next look does what was missed. */
const ignore = () => {}

/** Nothing is read before {@link Peers.journal} is replayed. */
export function createSharedRegistrations(deps: PeersDeps): SharedRegistrations {
  const { source, key, replicaId, store, clock, isReader } = deps
  // Whoever creates this follows at once.
  let listener!: PeerListener
  let position: string | undefined
  // Up to when heartbeats are known, on the clock of the store.
  let heardMs = 0
  let waiting: Batch | undefined
  let writing: Promise<void> | undefined
  const mutex = createMutex()
  let waitingPull: Promise<void> | undefined
  let cancel: (() => void) | undefined
  let isStopped = false

  // Write.

  /** One step at a time; what comes meanwhile is the next one. */
  function add(change: (batch: Batch) => void): Promise<void> {
    if (waiting === undefined || waiting.changes.size + waiting.heard.size >= MAX_BATCH) {
      const before = waiting?.stored.catch(() => {})
      waiting = newBatch()
      const batch = waiting
      writing = (before ?? writing ?? Promise.resolve()).then(() => write(batch))
    }
    change(waiting)
    return waiting.stored
  }

  async function write(batch: Batch): Promise<void> {
    // From here on nothing is added to it.
    if (waiting === batch) waiting = undefined
    try {
      const missing = await register([...batch.changes.values()], [...batch.heard])
      // Another replica let them expire, or the store lost them: a heartbeat that is acknowledged must count.
      const again = missing.flatMap((id) => {
        const line = listener.line(id)
        return line === undefined ? [] : [{ id, line }]
      })
      if (again.length > 0) await register(again, [])
      batch.resolve()
    } catch (error) {
      batch.reject(error)
    }
  }

  function register(changes: readonly Registration[], heard: readonly string[]) {
    const signed = changes.map(({ id, line }) => ({ id, line: line && sign(line) + line }))
    return store.register(source, signed, heard)
  }

  function sign(line: string): string {
    return createHmac('sha256', key).update(`${source}\n${line}`).digest('base64').slice(0, MAC_LENGTH)
  }

  // Read.

  /** @throws Error when the line is not what a replica with the same key wrote */
  function verified(signed: string): Journaled {
    const [mac, line] = [signed.slice(0, MAC_LENGTH), signed.slice(MAC_LENGTH)]
    const [given, right] = [Buffer.from(mac), Buffer.from(sign(line))]
    if (given.length !== right.length || !timingSafeEqual(given, right))
      throw new Error('its signature is not that of this signing_key_file')
    return parseLine(line) as Journaled
  }

  function usable(changes: readonly Registration[]): (Journaled | Ended)[] {
    return changes.flatMap(({ id, line, ending }): (Journaled | Ended)[] => {
      if (line === undefined) return [{ id, ending: ending ?? 'left' }]
      try {
        return [verified(line)]
      } catch (error) {
        deps.onUnusable(`the registration of ${id}: ${messageOf(error)}`)
        return []
      }
    })
  }

  async function pull(): Promise<void> {
    const from = position
    const { changes, position: to, isWhole } = await store.changesSince(source, from)
    position = to
    const known = usable(changes)
    // What the store lost, or trimmed, was acknowledged here or left; a device that left expires once more.
    if (isWhole && from !== undefined && from !== to) {
      giveBack(new Set(known.map(({ id }) => id)))
      listener.unheard('the store lost what it knew', UNHEARD_MS)
    }
    if (known.length > 0) listener.changed(known)
    if (isReader()) await pullHeard()
  }

  async function pullHeard(): Promise<void> {
    const { ids, timeMs } = await store.heardSince(source, heardMs)
    heardMs = timeMs
    listener.heard(ids)
  }

  function giveBack(known: ReadonlySet<string>): void {
    for (const line of listener.lines()) {
      const { id } = JSON.parse(line) as { id: string }
      if (!known.has(id)) append(line).catch(ignore)
    }
  }

  /** One after the other; those that are asked for together are one. */
  function pullSoon(): Promise<void> {
    waitingPull ??= mutex(() => {
      waitingPull = undefined
      return pull()
    })
    return waitingPull
  }

  async function look(): Promise<void> {
    try {
      await pullSoon()
    } catch (error) {
      listener.unheard(`the store cannot be read: ${messageOf(error)}`, UNHEARD_MS)
    }
  }

  async function round(): Promise<void> {
    await look()
    if (!isStopped) cancel = clock.after(LOOK_MS, () => void round())
  }

  /** What is registered, as soon as the store says so: before that nobody is known to have left. */
  async function replay() {
    for (;;) {
      try {
        return await replayOnce()
      } catch (error) {
        if (isStopped) throw error
        await new Promise<void>((resolve) => {
          cancel = clock.after(LOOK_MS, resolve)
        })
      }
    }
  }

  /**
   * For how long registrations have been stored without being lost, in milliseconds. A heartbeat is due within a third
   * of the time to live: when none came for longer, the store may have lost its last writes. Replicas that are at work
   * give those back; this one only begins.
   */
  async function knownFor(): Promise<number> {
    const { timeMs } = await store.heardSince(source, Number.MAX_SAFE_INTEGER)
    const { ids } = await store.heardSince(source, timeMs - deps.ttlMs / 2)
    return ids.length === 0 ? 0 : store.knownForMs(source)
  }

  async function replayOnce() {
    const knownForMs = await knownFor()
    const { changes, position: to } = await store.changesSince(source, undefined)
    position = to
    void round()
    const instances = usable(changes).filter((one) => 'registration' in one)
    // A store that knows nobody may have been flushed: as if there were no journal.
    if (instances.length === 0) return undefined
    // Whoever stands in a line that cannot be used has to register again.
    return { instances, unusable: [], knownForMs: instances.length < changes.length ? 0 : knownForMs }
  }

  function append(line: string): Promise<void> {
    const { id } = JSON.parse(line) as { id: string }
    const change = { id, line: line === leftLine(id) ? undefined : line }
    return add(({ changes }) => void changes.set(id, change))
  }

  /** What is stored is that of all replicas: nobody removes it for himself. */
  const written = async () => writing

  async function stop(): Promise<void> {
    isStopped = true
    cancel?.()
    await writing
    await mutex(async () => {})
  }

  return {
    journal: { replay, append, close: written, remove: written },
    heard: (id) => add(({ heard }) => void heard.add(id)),
    unheard: (why, forMs) => void store.tell({ kind: 'unheard', source, why, forMs }).catch(ignore),
    isReader,
    sync: pullSoon,
    async expire(ids) {
      // Who was heard since the last look is not ended, nor who was in its very millisecond.
      return store.expire(source, replicaId, ids, heardMs - 1)
    },
    follow(next) {
      listener = next
    },
    changed: () => void look(),
    missed: (why, forMs = UNHEARD_MS) => listener.unheard(why, forMs),
    stop,
  }
}

function newBatch(): Batch {
  let resolve!: () => void
  let reject!: (error: unknown) => void
  const stored = new Promise<void>((done, failed) => {
    resolve = done
    reject = failed
  })
  return { changes: new Map(), heard: new Set(), stored, resolve, reject }
}
