import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { HttpError, messageOf } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/logger.ts'
import type { Metrics } from '../base/metrics.ts'
import { moduleUrl } from '../base/module-url.ts'
import { createMutex } from '../base/mutex.ts'
import type { Job, Threads } from '../base/threads.ts'
import { hostIn } from '../model/address.ts'
import {
  type Draft,
  type EventQuery,
  eventId,
  type History,
  type HistoryStatus,
  type TargetEvent,
  timeOfId,
} from '../model/history.ts'
import { compareText } from '../model/labels.ts'
import { differingLines } from './differing.ts'
import { eventsOf, type ListChange, type ListState, summary } from './events.ts'
import { createSegments, eventsIn, type Retention, type Segments } from './segments.ts'

/** A change of the list of a source. */
export interface SourceChange extends ListChange {
  readonly source: string
  /** Wall-clock time, in milliseconds. */
  readonly atMs: number
}

/** The settings of the history. */
export interface HistoryOptions extends Retention {
  /** The storage folder; undefined: only the newest events are kept, in memory. */
  readonly storagePath: string | undefined
  /** Whether replicas share it. */
  readonly isShared?: boolean
}

/** The dependencies of a history. */
export interface HistoryDeps {
  readonly files: Files
  readonly clock: Pick<Clock, 'now'>
  readonly threads: Threads
  readonly metrics: Metrics['history']
  readonly log: Pick<Logger, 'warn' | 'info'>
}

/** The history of this process, with the methods that record events. */
export interface OwnHistory extends History, Retention {
  status(): HistoryStatus
  /** Records the events of a change in the background. Never fails. */
  record(change: SourceChange): void
  /** Makes the events of a change without recording them. Never fails. */
  compare(change: SourceChange): Promise<readonly Draft[]>
  /**
   * Records events that all replicas share. If they are recorded twice, for example after a restart, they are found once.
   * @param publication identifies the publication of the source by its time on the shared clock, in milliseconds
   * @param isNext whether all earlier publications up to {@link publicationOf} are here
   * @returns whether there was room for them
   */
  note(source: string, publication: number, events: readonly Draft[], isNext: boolean): Promise<boolean>
  /**
   * The newest publication of a source up to which all events are here; 0: none.
   * @throws Error when the files of an earlier process cannot be read
   */
  publicationOf(source: string): Promise<number>
  /**
   * Its files, with paths in the storage folder.
   * @throws Error when they cannot be read
   */
  parts(): Promise<{ readonly path: string; readonly pieces: readonly Uint8Array[] }[]>
  /** Waits for running writes, and tries failed ones once more. */
  close(): Promise<void>
}

/** Its folder in the storage folder. */
export const HISTORY_FOLDER = 'history'

/** The number of events that may wait for the disk, or are kept without a disk. */
export const MAX_WAITING = 5_000

/** The number of events in one write. */
const MAX_BATCH = 1_000

/**
 * Larger lists, in bytes together, are compared in a thread, unless most of their lines are common. In still larger lists it
 * takes too long to find the common lines.
 */
const INLINE_BYTES = 128 * 1024
const LOOK_BYTES = 64 * 2 ** 20

const JOB: Job = { module: moduleUrl('history/events.js'), name: 'eventsInThread' }

const NEVER = new AbortController().signal

/** The number of searches that may run or wait. */
const MAX_SEARCHES = 8
const RETRY_AFTER_SECONDS = 5

/** An event. It gets its id when it gets its place among all events. */
type Waiting = Omit<TargetEvent, 'id'> & { readonly id?: number }

/** The beginning of the line of a shared event. */
const SHARED = /^\{"id":(\d+),"source":"([^"]*)","isShared":true/gm

/** Creates a history, and begins to read the files of an earlier process. */
export function createHistory(options: HistoryOptions, deps: HistoryDeps): OwnHistory {
  const { clock, threads, metrics, log } = deps
  const { storagePath, maxAgeMs, isShared = false } = options
  const folder = storagePath && join(storagePath, HISTORY_FOLDER)
  const segments = folder === undefined ? undefined : createSegments(folder, options, deps)
  // By source. Changes during a comparison are compared as one change.
  const changes = new Map<string, SourceChange>()
  let comparing: Promise<void> | undefined
  // In order. The first ones are being written.
  let waiting: Waiting[] = []
  let writing: Promise<void> | undefined
  let isOpen = false
  // The id of the event before the first waiting one.
  let lastId = 0
  let leftOut = 0
  let failure: string | undefined
  const mutex = createMutex()
  let searches = 0
  // With replicas: ids of events that only this one has.
  let lastOwnId = 0
  // By source.
  const publications = new Map<string, number>()

  // What changed.

  async function compareAll(): Promise<void> {
    for (const [key, change] of changes) {
      changes.delete(key)
      add(change, await compare(change))
    }
    comparing = undefined
  }

  async function compare(change: SourceChange): Promise<readonly Draft[]> {
    const { before, after } = change
    try {
      if (before === undefined) return eventsOf(change)
      const bytes = before.body.byteLength + after.body.byteLength
      if (bytes <= INLINE_BYTES) return eventsOf(change)
      const lines = bytes <= LOOK_BYTES ? differingLines(before.body, after.body) : undefined
      if (lines !== undefined) return eventsOf(change, lines)
      return await threads.run<Draft[]>(
        JOB,
        { ...change, before: light(before), after: light(after) },
        { signal: NEVER },
      )
    } catch (error) {
      return [summary('changed', `the list changed; which targets changed is unknown: ${messageOf(error)}`)]
    }
  }

  function add({ source, atMs }: SourceChange, drafts: readonly Draft[]): void {
    if (leftOut > 0 && waiting.length < MAX_WAITING) {
      const why = `${leftOut} events were lost, because the disk was too slow or failed`
      waiting.push(waitingOf(source, atMs, summary('changed', why)))
      leftOut = 0
    }
    const room = segments === undefined ? drafts.length : Math.max(0, MAX_WAITING - waiting.length)
    waiting.push(...drafts.slice(0, room).map((draft) => waitingOf(source, atMs, draft)))
    leaveOut(Math.max(0, drafts.length - room))
    settle()
  }

  function leaveOut(count: number): void {
    leftOut += count
    metrics.dropped.inc(count)
  }

  function waitingOf(source: string, atMs: number, draft: Draft): Waiting {
    if (!isShared) return { source, atMs, ...draft }
    lastOwnId = Math.max(lastOwnId + 1, eventId(atMs, 0))
    return { id: lastOwnId, source, atMs, ...draft }
  }

  /** Writes the waiting events; without a folder, forgets the oldest. */
  function settle(): Promise<void> | undefined {
    if (segments !== undefined) return writeSoon(segments)
    const tooMany = Math.max(0, waiting.length - MAX_WAITING)
    lastId += tooMany
    waiting = waiting.slice(tooMany)
    return undefined
  }

  function notePublication(source: string, publication: number): void {
    publications.set(source, Math.max(publication, publications.get(source) ?? 0))
  }

  // Files.

  function writeSoon(to: Segments): Promise<void> {
    writing ??= write(to)
    return writing
  }

  async function open(to: Segments): Promise<void> {
    if (isOpen) return
    await to.open()
    if (isShared) await findPublications(to)
    isOpen = true
    lastId = to.lastId()
    metrics.bytes.set(to.bytes())
  }

  async function findPublications(to: Segments): Promise<void> {
    for await (const { text } of to.read(Number.NEGATIVE_INFINITY)) {
      for (const [, id, source] of text.matchAll(SHARED))
        notePublication(source as string, timeOfId(Number(id)))
    }
  }

  async function write(to: Segments): Promise<void> {
    try {
      await open(to)
      while (waiting.length > 0) {
        const batch = waiting.slice(0, MAX_BATCH)
        await to.append(numbered(batch))
        waiting = waiting.slice(batch.length)
        lastId += batch.length
        metrics.bytes.set(to.bytes())
      }
      if (failure !== undefined) log.info({ path: folder }, 'history written again')
      failure = undefined
    } catch (error) {
      metrics.failures.inc()
      const isNews = failure === undefined
      failure = messageOf(error)
      if (isNews)
        log.warn({ path: folder, error: failure }, 'history not written; check its folder and the disk')
    }
    // In the same step as the last check for more events.
    writing = undefined
  }

  const numbered = (events: readonly Waiting[]): TargetEvent[] =>
    events.map((event, index) => ({ id: lastId + 1 + index, ...event }))

  // Searching.

  async function search({ before = Number.POSITIVE_INFINITY, limit, ...query }: EventQuery) {
    await ready()
    const sinceMs = Math.max(query.sinceMs ?? Number.NEGATIVE_INFINITY, clock.now() - maxAgeMs)
    const matcher = createMatcher(query, sinceMs, before)
    const page = createPage(limit)
    page.add(numbered(waiting), matcher.isMatch)
    for await (const { text, mark } of segments?.read(sinceMs) ?? []) {
      page.add(eventsIn(text, matcher.mayMatch), matcher.isMatch)
      if (page.isWhole(mark)) break
    }
    return page.get()
  }

  /** @throws Error when the files of an earlier process cannot be read */
  async function ready(): Promise<void> {
    if (segments === undefined || isOpen) return
    await writeSoon(segments)
    if (!isOpen) throw new Error(failure)
  }

  if (segments !== undefined) void writeSoon(segments)

  return {
    maxAgeMs,
    maxBytes: options.maxBytes,
    record(change) {
      // The targets that left with a source are a change of their own.
      const key = JSON.stringify([change.source, change.why])
      const pending = changes.get(key)
      changes.set(key, pending === undefined ? change : merged(pending, change))
      // After the other effects of the change.
      comparing ??= Promise.resolve().then(compareAll)
    },
    compare,
    async note(source, publication, events, isNext) {
      const hasRoom = () => segments === undefined || waiting.length + events.length <= MAX_WAITING
      if (!hasRoom()) await settle()
      if (!hasRoom()) {
        if (!isNext) leaveOut(events.length)
        return false
      }
      const atMs = publication
      const shared = isNext ? ({ isShared: true } as const) : {}
      waiting.push(
        ...events.map((draft, index) => ({
          ...{ id: eventId(publication, index), source, ...shared },
          ...{ atMs, ...draft },
        })),
      )
      if (isNext) notePublication(source, publication)
      await settle()
      return true
    },
    async publicationOf(source) {
      await ready()
      return publications.get(source) ?? 0
    },
    async find(query) {
      if (searches >= MAX_SEARCHES)
        throw new HttpError(
          'overloaded',
          'too many searches of the history at a time; try again',
          RETRY_AFTER_SECONDS,
        )
      searches++
      try {
        await comparing
        return await mutex(() => search(query))
      } catch (error) {
        const message = `the history cannot be read: ${messageOf(error)}; check the disk`
        throw new HttpError('history_unavailable', message, RETRY_AFTER_SECONDS)
      } finally {
        searches--
      }
    },
    status: () => ({ bytes: segments?.bytes() ?? 0, path: folder, error: failure }),
    async parts() {
      await comparing
      if (segments === undefined) return []
      await ready()
      await writeSoon(segments)
      const parts = await segments.parts()
      return parts.map(({ path, pieces }) => ({ path: `${HISTORY_FOLDER}/${path}`, pieces }))
    },
    async close() {
      await comparing
      await writing
      if (segments !== undefined && waiting.length > 0) await writeSoon(segments)
    },
  }
}

/** Only the compared part, so that the rest is not copied. */
function light({ body, groups, keys, absenceOf, absences, held, accepted, seen }: ListState): ListState {
  return { body, groups, keys, absenceOf, absences, held, accepted, seen }
}

/** Two changes in a row as one. */
function merged(first: SourceChange, second: SourceChange): SourceChange {
  const endings = new Map([...(first.endings ?? []), ...(second.endings ?? [])])
  return { ...second, before: first.before, endings }
}

/** Keeps the newest of the added events, up to one page. */
function createPage(limit: number) {
  // Newest first, with one more than the page.
  let found: TargetEvent[] = []
  // Events of several sources can have the same id, and must be on the same page.
  const endOf = () => {
    let end = limit
    while (end < found.length && found[end]?.id === found[end - 1]?.id) end++
    return end
  }
  return {
    add(events: Iterable<TargetEvent>, isWanted: (event: TargetEvent) => boolean): void {
      for (const event of events) if (isWanted(event)) found.push(event)
      found.sort((a, b) => b.id - a.id || compareText(a.source, b.source))
      found = found.filter(
        ({ id, source }, at) => id !== found[at - 1]?.id || source !== found[at - 1]?.source,
      )
      found = found.slice(0, endOf() + 1)
    },
    /** Whether no event whose id is a mark, or smaller, is among them. */
    isWhole: (mark: number) => found.length > limit && (found[limit - 1] as TargetEvent).id > mark,
    get() {
      const events = found.slice(0, endOf())
      return { events, next: found.length > events.length ? events.at(-1)?.id : undefined }
    },
  }
}

/** The beginning of a line, before its id. */
const BEFORE_ID = '{"id":'.length

function createMatcher(
  { target, isWhole = false, source }: Omit<EventQuery, 'limit'>,
  sinceMs: number,
  before: number,
) {
  const text = target?.toLowerCase()
  const needles = [
    ...(text === undefined ? [] : [JSON.stringify(text).slice(1, -1)]),
    ...(source === undefined ? [] : [`"source":${JSON.stringify(source)}`.toLowerCase()]),
  ]
  return {
    /** Checks the line of an event before it is parsed. */
    mayMatch(line: string): boolean {
      if (Number.parseInt(line.slice(BEFORE_ID, BEFORE_ID + 16), 10) >= before) return false
      const lower = needles.length === 0 ? line : line.toLowerCase()
      return needles.every((needle) => lower.includes(needle))
    },
    isMatch(event: TargetEvent): boolean {
      if (event.id >= before || event.atMs < sinceMs || (source !== undefined && event.source !== source))
        return false
      if (text === undefined) return true
      if (isWhole) {
        const address = event.address.toLowerCase()
        return address === text || hostIn(address) === text
      }
      const place = Object.entries(event.place).flat()
      return [event.address, ...place].some((part) => part.toLowerCase().includes(text))
    },
  }
}
