import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { asBuffer } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { HttpError, overloaded } from '../base/errors.ts'
import { createMutex } from '../base/mutex.ts'
import type { Job, Threads } from '../base/threads.ts'
import { formatDuration } from '../model/duration.ts'
import { compareText } from '../model/labels.ts'
import { bytesIn, freeze, type Sendable } from './freeze.ts'
import { makeParts, type Parts, type PartsTask, type View } from './view-worker.ts'

/** A list that views are cut out of. */
export interface Viewed {
  readonly snapshot: Sendable
  /** Of the source, or of all of them; views are told apart by it. */
  readonly list: string
  /** How long a view that turned empty is not believed, in milliseconds. */
  readonly holdMs: number
}

/** Parts of lists, made when they are asked for and kept while there is room. */
export interface Views {
  /**
   * The part of a list that a view asks for; the same list and view give the same bytes.
   * @throws HttpError `label_not_found`, `overloaded`, `view_emptied`
   */
  get(viewed: Viewed, view: View): Promise<Sendable>
  /** Lets a view be empty from now on, on an operator's word; false: none with this digest has just turned empty. */
  accept(digest: string): boolean
  /** The digests of the views that had targets, as they are kept. */
  known(): readonly string[]
  /** How much is kept, in bytes. */
  size(): number
}

/** What is kept at most of all parts together, in bytes and in number; those asked for longest ago go first. */
const MAX_BYTES = 128 * 2 ** 20
const MAX_VIEWS = 1_024

/** Of so many views it is remembered that they had targets. */
const MAX_REMEMBERED = 16_384

/** How many computations may be under way or waiting at once. */
const MAX_PENDING = 32

/** A list that is larger than this, in bytes, is cut in a thread. */
const INLINE_BYTES = 64 * 1024

const JOB: Job = { module: new URL('./view-worker.js', import.meta.url).href, name: 'makeParts' }

/** No view is ever given up: others may wait for the same. */
const NEVER = new AbortController().signal

/**
 * Creates a cache of views.
 * @param known the digests of the views that had targets before the start: none of them is believed that turns empty
 * @param keep called with the digests of those that have targets, whenever there are others
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

  /** All shards of one number together: whoever asks for one is asked for the others by its neighbours. */
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
    // One at a time: a refresh must not wait behind many of them.
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

/** What is remembered of a view that had targets. */
interface Watched {
  /** Since when it has none, on the monotonic clock. */
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
    /** @throws HttpError `view_emptied` when it turned empty, and that is not believed yet */
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

/** An empty list would make Prometheus forget every target; after an error it keeps them. */
function labelNotFound(name: string): HttpError {
  return new HttpError('label_not_found', `no target of this list has a label ${name}; check its spelling`)
}

/**
 * A view had targets when it was last asked for, and has none: that is not believed yet (rule 6).
 * @param digest by which an operator names the view
 * @param leftMs until it is believed
 */
function viewEmptied(digest: string, leftMs: number): HttpError {
  const seconds = Math.ceil(leftMs / 1000)
  return new HttpError(
    'view_emptied',
    `no target has these labels any more, though some had before; [] is answered in ${formatDuration(seconds * 1000)}, or once it is accepted: POST /-/accept?digest=${digest}`,
    Math.min(seconds, 60),
  )
}
