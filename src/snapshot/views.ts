import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { asBuffer, bytesIn } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { HttpError, overloaded } from '../base/errors.ts'
import { moduleUrl } from '../base/module-url.ts'
import { createMutex } from '../base/mutex.ts'
import type { Job, Threads } from '../base/threads.ts'
import { formatDuration } from '../model/duration.ts'
import { compareText } from '../model/labels.ts'
import { freeze, type Sendable } from './freeze.ts'
import { makeParts, type Parts, type PartsTask, type View } from './view-worker.ts'

/** A list that views are cut out of. */
export interface Viewed {
  readonly snapshot: Sendable
  /** The name of the source; empty: all sources. Views of different lists are kept apart by it. */
  readonly list: string
  /** How long a view that became empty is not served, in milliseconds. */
  readonly holdMs: number
}

/** A cache of views: parts of lists, made at the first request. */
export interface Views {
  /**
   * The part of a list that a view requests. The same list and view give the same bytes.
   * @throws HttpError `label_not_found`, `overloaded`, `view_emptied`
   */
  get(viewed: Viewed, view: View): Promise<Sendable>
  /** Serves an empty view because an operator accepted it; false: no view with this digest is held. */
  accept(digest: string): boolean
  /** The digests of the views that had targets, to be stored. */
  known(): readonly string[]
  /** The size of the cache, in bytes. */
  size(): number
}

/** The limits of the cache, in bytes and in views. The least recently requested ones are removed first. */
const MAX_BYTES = 128 * 2 ** 20
const MAX_VIEWS = 1_024

/** The number of views of which it is remembered that they had targets. */
const MAX_REMEMBERED = 16_384

/** The number of computations that may run or wait at once. */
const MAX_PENDING = 32

/** Views of larger lists, in bytes, are made in a thread. */
const INLINE_BYTES = 64 * 1024

const JOB: Job = { module: moduleUrl('snapshot/view-worker.js'), name: 'makeParts' }

/** A computation is never aborted, because other requests may wait for the same view. */
const NEVER = new AbortController().signal

/**
 * Creates a cache of views.
 * @param known the digests of the views that had targets before the start: rule 6 applies to them
 * @param keep called with the digests of the views that had targets, after each change of them
 */
export function createViews(
  threads: Threads,
  clock: Pick<Clock, 'monotonic'>,
  known: readonly string[] = [],
  keep: (digests: () => readonly string[]) => void = () => {},
): Views {
  const cache = new LRUCache<string, readonly Sendable[]>({
    max: MAX_VIEWS,
    maxSize: MAX_BYTES,
    sizeCalculation: (parts) =>
      parts.reduce((sum, { plain, gzip }) => sum + bytesIn(plain) + bytesIn(gzip), 1),
  })
  const pending = new Map<string, Promise<readonly Sendable[]>>()
  const mutex = createMutex()
  const watched = createWatched(clock, known, keep)

  /** Makes all shards at once, because the other Prometheus servers will request the others. */
  async function make(snapshot: Sendable, labels: View['labels'], shards: number, key: string) {
    const { parts, unknownLabel } = await compute(snapshot, labels, shards)
    if (unknownLabel !== undefined) throw labelNotFound(unknownLabel)
    const made: Sendable[] = []
    for (const { body, groups, targets } of parts) {
      const part = await freeze(asBuffer(body), { groups, targets }, snapshot.changedAtMs)
      made.push(part)
    }
    cache.set(key, made)
    return made
  }

  async function compute({ plain }: Sendable, labels: View['labels'], shards: number): Promise<Parts> {
    const input: PartsTask = { pieces: plain, labels, shards }
    if (bytesIn(plain) <= INLINE_BYTES) return makeParts(input)
    // One at a time, so that refreshes do not wait for many of them.
    return mutex(() => threads.run<Parts>(JOB, input, { signal: NEVER }))
  }

  function makeOnce(snapshot: Sendable, labels: View['labels'], shards: number, key: string) {
    const begun = pending.get(key)
    if (begun !== undefined) return begun
    if (pending.size >= MAX_PENDING) throw overloaded('too many different parts are being made')
    const making = make(snapshot, labels, shards, key).finally(() => pending.delete(key))
    pending.set(key, making)
    return making
  }

  return {
    async get({ snapshot, list, holdMs }, { labels, shard = { index: 0, count: 1 } }) {
      const sorted = [...labels].sort(([a], [b]) => compareText(a, b))
      const view = `${JSON.stringify(sorted)} ${shard.count}`
      const key = `${snapshot.digest} ${view}`
      const parts = cache.get(key) ?? (await makeOnce(snapshot, sorted, shard.count, key))
      const part = parts[shard.index] as Sendable
      watched.look(`${list} ${shard.index} ${view}`, part.targets, holdMs)
      return part
    },
    accept: watched.accept,
    known: watched.digests,
    size: () => cache.calculatedSize,
  }
}

/** A view that had targets. */
interface Watched {
  /** When it became empty, on the monotonic clock. */
  readonly emptySinceMs: number | undefined
}

/** Remembers which views had targets; rule 6. */
function createWatched(
  clock: Pick<Clock, 'monotonic'>,
  known: readonly string[],
  keep: (digests: () => readonly string[]) => void,
) {
  const views = new LRUCache<string, Watched>({ max: MAX_REMEMBERED })
  for (const digest of known) views.set(digest, { emptySinceMs: undefined })

  const digests = () => [...views.keys()]

  function forget(digest: string): boolean {
    const isKnown = views.delete(digest)
    keep(digests)
    return isKnown
  }

  return {
    /** @throws HttpError `view_emptied` while a view that became empty is not served */
    look(view: string, targets: number, holdMs: number): void {
      const nowMs = clock.monotonic()
      const digest = createHash('sha256').update(view).digest('hex')
      const before = views.get(digest)
      if (targets > 0) {
        views.set(digest, { emptySinceMs: undefined })
        if (before === undefined) keep(digests)
        return
      }
      if (before === undefined) return
      const emptySinceMs = before.emptySinceMs ?? nowMs
      if (nowMs - emptySinceMs >= holdMs) {
        forget(digest)
        return
      }
      views.set(digest, { emptySinceMs })
      throw viewEmptied(digest, emptySinceMs + holdMs - nowMs)
    },
    digests,
    accept: (digest: string) => views.peek(digest)?.emptySinceMs !== undefined && forget(digest),
  }
}

/** With an empty list Prometheus would drop every target; after an error it keeps them. */
function labelNotFound(name: string): HttpError {
  return new HttpError('label_not_found', `no target of this list has a label ${name}; check its spelling`)
}

/**
 * The error for a view that had targets at its last request and has none now (rule 6).
 * @param digest by which an operator accepts it
 * @param leftMs the time until it is served
 */
function viewEmptied(digest: string, leftMs: number): HttpError {
  const seconds = Math.ceil(leftMs / 1000)
  return new HttpError(
    'view_emptied',
    `no target has these labels any more, though some had before; [] is answered in ${formatDuration(seconds * 1000)}, or once it is accepted: POST /-/accept?digest=${digest}`,
    Math.min(seconds, 60),
  )
}
