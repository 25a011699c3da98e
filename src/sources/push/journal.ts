import { joinLines } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { type Files, HangingFileError } from '../../base/files.ts'
import { letHeapGrowFor } from '../../base/heap.ts'
import type { Ending } from '../../model/history.ts'
import { isObject, type Json, kindOf } from '../../model/record.ts'
import { isInstanceId, type Registration, readRegistration } from '../../model/registration.ts'
import type { Report } from './report.ts'

/** The version of the format; a journal of another version is not read. */
const FORMAT = 2

/** The pause after a failure, in milliseconds. */
const RETRY_MS = 1_000

/** The time before a file system that hangs is read again, in milliseconds. */
const REREAD_MS = 10_000

/** The journal is compacted when its lines are more than twice the number of instances plus this. */
const SPARE_LINES = 1_000

/** An instance in the journal. */
export interface Journaled {
  readonly id: string
  readonly registration: Registration
  readonly ttlMs: number
  /** Part of the digest of the token that it registered with; undefined if the source has only one token. */
  readonly token: string | undefined
  /** The line that it was read from; undefined: it was not read. */
  readonly line?: string
}

/** The registrations that an earlier process acknowledged. */
export interface Replayed {
  readonly instances: readonly Journaled[]
  /** The reason for each line that cannot be used. */
  readonly unusable: readonly string[]
  /** How long devices have been registering since all registrations were lost, in milliseconds; undefined: none were lost. */
  readonly knownForMs?: number
}

/**
 * The journal of a push source: one line for each change of a registration, and for each instance that leaves. An append
 * resolves when the line is on disk. Lines that arrive while others are written share one write and one fsync.
 */
export interface Journal {
  /**
   * Replays the journal of an earlier process. Call it once, first. A torn last line was not acknowledged and is ignored.
   * A journal that cannot be used is renamed with `.bad` at the end, if the disk allows it.
   * @returns undefined when there is no journal
   * @throws Error when it cannot be read, or is damaged as a whole
   */
  replay(): Promise<Replayed | undefined>
  /**
   * Appends a line.
   * @returns resolves when it is on disk
   * @throws Error when it may not be on disk
   */
  append(line: string): Promise<void>
  /** Waits for running writes. */
  close(): Promise<void>
  /** Deletes the journal, and writes nothing more. */
  remove(): Promise<void>
}

/** The registrations that replicas share: each replica learns what another one acknowledged. */
export interface Peers {
  /** Replaces the journal on disk: an appended line is in the store of the cluster. */
  readonly journal: Journal
  /**
   * Tells the others of a heartbeat.
   * @throws Error when the store does not have it
   */
  heard(id: string): Promise<void>
  /** Tells the others that heartbeats could not be received here. @param forMs for how long, in milliseconds */
  unheard(why: string, forMs: number): void
  /**
   * Reads what the others have acknowledged so far.
   * @throws Error when the store cannot be read
   */
  sync(): Promise<void>
  /** Whether leases expire on this replica. They do so on one replica at a time. */
  isReader(): boolean
  /**
   * Ends the registrations of devices that no replica has heard.
   * @returns their ids
   */
  expire(ids: readonly string[]): Promise<readonly string[]>
  /** Sets the listener for the events of other replicas. */
  follow(listener: PeerListener): void
}

/** A registration that another replica ended, or let end. */
export interface Ended {
  readonly id: string
  readonly ending: Ending
}

/** Receives the events of other replicas. */
export interface PeerListener {
  /** Devices registered or left. */
  changed(changes: readonly (Journaled | Ended)[]): void
  /** Heartbeats arrived. */
  heard(ids: readonly string[]): void
  /** Another replica could not receive heartbeats, for this time in milliseconds. */
  unheard(why: string, forMs: number): void
  /** The line of the registration of a device here; undefined: it is not registered. */
  line(id: string): string | undefined
  /** All registrations here as lines, for a store that lost them. */
  lines(): readonly string[]
}

/** The dependencies of a journal. */
export interface JournalDeps {
  readonly clock: Pick<Clock, 'after' | 'monotonic'>
  readonly files: Pick<Files, 'read' | 'write' | 'append' | 'rename' | 'remove'>
  readonly report: Report
}

/** The line of a registration. */
export function registeredLine({ id, registration, ttlMs, token }: Journaled): string {
  const { address, labels } = registration
  return JSON.stringify({ id, ttl_ms: ttlMs, address, labels, token })
}

/** The line of an instance that left, or expired. */
export function leftLine(id: string): string {
  return JSON.stringify({ id, left: true })
}

interface Waiting {
  readonly line: string
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** All registrations, including those that are being appended. */
interface Registered {
  size(): number
  lines(): readonly string[]
}

/** Creates the journal in a file. */
export function createJournal(path: string, all: Registered, deps: JournalDeps): Journal {
  const { clock, files, report } = deps
  let state: 'unread' | 'read' | 'removed' = 'unread'
  // Whether the file can be appended to: it has all acknowledged lines, and its last line is complete.
  let isWhole = false
  let lines = 0
  let waiting: Waiting[] = []
  let writing: Promise<void> = Promise.resolve()
  let isWriting = false
  let failed: { readonly error: unknown; readonly untilMs: number } | undefined

  async function writeAll(): Promise<void> {
    isWriting = true
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      try {
        await write(batch.map(({ line }) => line))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    isWriting = false
  }

  async function write(more: readonly string[]): Promise<void> {
    if (failed !== undefined && clock.monotonic() < failed.untilMs) throw failed.error
    try {
      if (!(await tryAppend(more))) await compact()
      failed = undefined
      report({ kind: 'written' })
    } catch (error) {
      failed = { error, untilMs: clock.monotonic() + RETRY_MS }
      report({ kind: 'not_written', error })
      throw error
    }
  }

  /** @returns false when the journal has to be compacted instead */
  async function tryAppend(more: readonly string[]): Promise<boolean> {
    if (!isWhole || lines + more.length > 2 * all.size() + SPARE_LINES) return false
    try {
      await files.append(path, Buffer.from(`${more.join('\n')}\n`))
      lines += more.length
      return true
    } catch {
      // The file may now end with part of a line, or be missing.
      isWhole = false
      return false
    }
  }

  /** Replaces the journal by one line for each instance, including those that are to be appended. */
  async function compact(): Promise<void> {
    const now = all.lines()
    await files.write(path, await encodeJournal(now), { makeFolder: true })
    isWhole = true
    lines = now.length + 1
  }

  async function read(): Promise<Replayed | undefined> {
    try {
      const bytes = await readPatiently()
      if (bytes === undefined) return undefined
      letHeapGrowFor(bytes.length)
      const replayed = decodeJournal(bytes.toString(), path)
      const { isTorn, unusable } = replayed
      if (isTorn) report({ kind: 'torn', path })
      if (unusable.length > 0) await setAside((to) => files.write(to, bytes))
      isWhole = !isTorn && unusable.length === 0
      lines = replayed.lines
      return replayed
    } catch (error) {
      await setAside((to) => files.rename(path, to))
      throw error
    }
  }

  /** A file system that hangs may come back with its journal. */
  async function readPatiently(): Promise<Buffer | undefined> {
    for (;;) {
      try {
        return await files.read(path)
      } catch (error) {
        if (!(error instanceof HangingFileError) || state === 'removed') throw error
        await new Promise<void>((resolve) => void clock.after(REREAD_MS, resolve))
      }
    }
  }

  /** Keeps a journal that cannot be used, because another version, or a repaired disk, may still read it. */
  async function setAside(how: (to: string) => Promise<unknown>): Promise<void> {
    const to = `${path}.bad`
    try {
      await how(to)
      report({ kind: 'set_aside', path: to })
    } catch (error) {
      report({ kind: 'not_set_aside', error })
    }
  }

  return {
    replay: () =>
      read().finally(() => {
        if (state === 'unread') state = 'read'
      }),
    append(line) {
      return new Promise<void>((resolve, reject) => {
        // Otherwise the file would be overwritten before it was read.
        if (state !== 'read') return reject(new Error(`${path} is ${state}`))
        waiting.push({ line, resolve, reject })
        if (!isWriting) writing = writeAll()
      })
    },
    close: () => writing,
    async remove() {
      state = 'removed'
      await writing
      await files.remove(path)
    },
  }
}

/** Without a folder nothing is stored. */
export const NO_JOURNAL: Journal = {
  replay: async () => undefined,
  append: async () => {},
  close: async () => {},
  remove: async () => {},
}

/** Makes a journal with these lines. */
export function encodeJournal(lines: readonly string[]): Promise<Buffer> {
  return joinLines([JSON.stringify({ format: FORMAT }), ...lines], '\n', '', '\n')
}

/**
 * Replays lines. Each is checked like a request, because somebody may have changed the file. A bad line costs only itself.
 * @throws Error when it is no journal, or has another format
 */
export function decodeJournal(
  text: string,
  path: string,
): Replayed & { readonly isTorn: boolean; readonly lines: number } {
  const [header = '', ...lines] = text.split('\n')
  assertFormat(header, path)
  const isTorn = lines.pop() !== ''
  const instances = new Map<string, Journaled>()
  const unusable: string[] = []
  for (const [index, line] of lines.entries()) {
    try {
      const one = parseLine(line)
      if ('registration' in one) instances.set(one.id, one)
      else instances.delete(one.id)
    } catch (error) {
      unusable.push(`line ${index + 2}: ${messageOf(error)}`)
    }
  }
  return { instances: [...instances.values()], unusable, isTorn, lines: lines.length }
}

function assertFormat(header: string, path: string): void {
  const format = /^\{"format":(\d+)\}$/.exec(header)?.[1]
  if (format === undefined) throw new Error(`${path} is damaged: its first line has no format`)
  if (Number(format) === FORMAT) return
  throw new Error(`${path} has the format ${format}, not ${FORMAT}: another version wrote it`)
}

/** @throws Error that says what is wrong */
export function parseLine(text: string): Journaled | { readonly id: string } {
  const line: Json = JSON.parse(text)
  if (!isObject(line)) throw new Error(`it is ${kindOf(line)}, not an object`)
  const { id, left, ttl_ms: ttlMs, address, labels, token } = line
  if (typeof id !== 'string' || !isInstanceId(id)) throw new Error('it has no id that may be one')
  if (left === true) return { id }
  if (typeof ttlMs !== 'number' || !(ttlMs > 0)) throw new Error('it has no time to live')
  const registration = readRegistration({ address, labels } as Json)
  return { id, registration, ttlMs, token: typeof token === 'string' ? token : undefined, line: text }
}
