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

/** After a failure nothing is tried for so long, in milliseconds. */
const RETRY_MS = 1_000

/** How long a file system that hangs is left alone before it is read again, in milliseconds. */
const REREAD_MS = 10_000

/** The journal is compacted when it has more than twice as many lines as there are instances, and so many more. */
const SPARE_LINES = 1_000

/** An instance as the journal has it. */
export interface Journaled {
  readonly id: string
  readonly registration: Registration
  readonly ttlMs: number
  /** A part of the digest of the token that it registered with; undefined without one of several. */
  readonly token: string | undefined
}

/** What an earlier process acknowledged. */
export interface Replayed {
  readonly instances: readonly Journaled[]
  /** Why a line cannot be used, for each of which that is so. */
  readonly unusable: readonly string[]
  /** For how long devices have registered since nothing was known of them, in milliseconds; undefined: all are known. */
  readonly knownForMs?: number
}

/**
 * The journal of a push source: one line for each registration that changes something, and for each instance that
 * leaves. What was appended is on disk. The lines that arrive while others are written share one write and one fsync.
 */
export interface Journal {
  /**
   * Replays what an earlier process wrote; to be called once, first. A last line that is torn was not acknowledged, and
   * is left out. What cannot be used is set aside under the same name with `.bad` after it, if the disk allows it.
   * @returns undefined when there is no journal
   * @throws Error when it cannot be read, or is damaged as a whole
   */
  replay(): Promise<Replayed | undefined>
  /**
   * Appends a line.
   * @returns resolves when it is on disk
   * @throws Error when it may not be
   */
  append(line: string): Promise<void>
  /** Waits for what is being written. */
  close(): Promise<void>
  /** Deletes the journal, and writes nothing more. */
  remove(): Promise<void>
}

/** The replicas that the devices of a source register with: what one acknowledges all of them know. */
export interface Peers {
  /** Stands in for the journal on disk: what was appended is in the store of the cluster. */
  readonly journal: Journal
  /**
   * Tells the others of a heartbeat.
   * @throws Error when the store does not have it
   */
  heard(id: string): Promise<void>
  /** Tells the others that heartbeats could not be received, for so long in milliseconds. */
  unheard(why: string, forMs: number): void
  /**
   * Hears what the others acknowledged until now.
   * @throws Error when the store cannot be read
   */
  sync(): Promise<void>
  /** Whether leases expire here; they do so on one replica at a time. */
  isReader(): boolean
  /**
   * Ends the registrations of those that no replica heard.
   * @returns the ids of those that ended
   */
  expire(ids: readonly string[]): Promise<readonly string[]>
  /** Tells of what happens with the others from now on; in place of whoever was told before. */
  follow(listener: PeerListener): void
}

/** A registration that another replica ended, or let end. */
export interface Ended {
  readonly id: string
  readonly ending: Ending
}

/** Who hears of other replicas. */
export interface PeerListener {
  /** These registered, or left. */
  changed(changes: readonly (Journaled | Ended)[]): void
  /** A heartbeat of these came. */
  heard(ids: readonly string[]): void
  /** Heartbeats could not be received elsewhere, for so long in milliseconds. */
  unheard(why: string, forMs: number): void
  /** The line of what a device is registered as here; undefined: it is not. */
  line(id: string): string | undefined
  /** What is registered here, as lines, to be given back to a store that lost it. */
  lines(): readonly string[]
}

/** What a journal needs from outside. */
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

/** All registrations, those that are being appended too. */
interface Registered {
  size(): number
  lines(): readonly string[]
}

/** Creates the journal in a file. */
export function createJournal(path: string, all: Registered, deps: JournalDeps): Journal {
  const { clock, files, report } = deps
  let state: 'unread' | 'read' | 'removed' = 'unread'
  // Whether the file can be appended to: it has all that was acknowledged, and ends with a whole line.
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
      // A part of a line may be there now, or the file may be missing.
      isWhole = false
      return false
    }
  }

  /** Writes all instances in the place of their history, those that are to be appended too. */
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

  /** A file system that hangs may come back, with all that there is. */
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

  /** What cannot be used now may be the only copy of what another version, or a disk that works again, can. */
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
        // What is there would be written over before it is known.
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

/** Without a folder nothing is kept. */
export const NO_JOURNAL: Journal = {
  replay: async () => undefined,
  append: async () => {},
  close: async () => {},
  remove: async () => {},
}

/** A journal that has so many lines and no others. */
export function encodeJournal(lines: readonly string[]): Promise<Buffer> {
  return joinLines([JSON.stringify({ format: FORMAT }), ...lines], '\n', '', '\n')
}

/**
 * Replays lines, each as strictly as a request: the file may have been changed. One that cannot be used costs no other.
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
  return { id, registration, ttlMs, token: typeof token === 'string' ? token : undefined }
}
