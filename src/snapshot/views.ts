import { LRUCache } from 'lru-cache'
import { createInTurn } from '../base/in-turn.ts'
import type { Job, Threads } from '../base/threads.ts'
import { compareText } from '../model/labels.ts'
import { freeze, type Snapshot } from './snapshot.ts'
import { makeParts, type Parts, type View } from './view.ts'
import type { PartsTask } from './view-worker.ts'

/** A label that no target of the list has: an empty list would tell Prometheus to forget every target. */
export class UnknownLabelError extends Error {
  override readonly name = 'UnknownLabelError'
}

/** More different parts are asked for at once than can be made. */
export class TooManyViewsError extends Error {
  override readonly name = 'TooManyViewsError'
}

/** Parts of lists, made when they are asked for and kept while there is room. */
export interface Views {
  /**
   * The part of a list that a view asks for; the same list and view give the same bytes.
   * @throws UnknownLabelError, TooManyViewsError
   */
  get(snapshot: Snapshot, view: View): Promise<Snapshot>
  /** How much is kept, in bytes. */
  size(): number
}

/** What is kept at most of all parts together, in bytes and in number; those asked for longest ago go first. */
const MAX_BYTES = 128 * 2 ** 20
const MAX_VIEWS = 1_024

/** How many computations may be under way or waiting at once. */
const MAX_PENDING = 32

/** A list that is larger than this, in bytes, is cut in a thread. */
const INLINE_BYTES = 64 * 1024

const JOB: Job = { module: new URL('./view-worker.js', import.meta.url).href, name: 'makePartsInThread' }

/** No view is ever given up: others may wait for the same. */
const NEVER = new AbortController().signal

/** Creates a cache of views. */
export function createViews(threads: Threads): Views {
  const kept = new LRUCache<string, readonly Snapshot[]>({
    max: MAX_VIEWS,
    maxSize: MAX_BYTES,
    sizeCalculation: (parts) =>
      parts.reduce((sum, { body, gzip }) => sum + body.byteLength + gzip.byteLength, 1),
  })
  const pending = new Map<string, Promise<readonly Snapshot[]>>()
  const inTurn = createInTurn()

  /** All shards of one number together: whoever asks for one is asked for the others by its neighbours. */
  async function make(snapshot: Snapshot, labels: View['labels'], shards: number, key: string) {
    const { parts, unknownLabel } = await compute(snapshot, labels, shards)
    if (unknownLabel !== undefined) throw new UnknownLabelError(unknownLabel)
    const made: Snapshot[] = []
    for (const { body, groups, targets } of parts) {
      const part = await freeze(
        Buffer.from(body.buffer, body.byteOffset, body.byteLength),
        { groups, targets },
        snapshot.changedAtMs,
      )
      made.push(part)
    }
    kept.set(key, made)
    return made
  }

  async function compute({ body }: Snapshot, labels: View['labels'], shards: number): Promise<Parts> {
    if (body.byteLength <= INLINE_BYTES) return makeParts(body, labels, shards)
    const input: PartsTask = { body, labels, shards }
    // One at a time: a refresh must not wait behind many of them.
    return inTurn(() => threads.run<Parts>(JOB, input, { signal: NEVER }))
  }

  function makeOnce(snapshot: Snapshot, labels: View['labels'], shards: number, key: string) {
    const begun = pending.get(key)
    if (begun !== undefined) return begun
    if (pending.size >= MAX_PENDING) throw new TooManyViewsError('too many different parts are being made')
    const making = make(snapshot, labels, shards, key).finally(() => pending.delete(key))
    pending.set(key, making)
    return making
  }

  return {
    async get(snapshot, { labels, shard = { index: 0, count: 1 } }) {
      const sorted = [...labels].sort(([a], [b]) => compareText(a, b))
      const key = `${snapshot.digest} ${JSON.stringify(sorted)} ${shard.count}`
      const parts = kept.get(key) ?? (await makeOnce(snapshot, sorted, shard.count, key))
      return parts[shard.index] as Snapshot
    },
    size: () => kept.calculatedSize,
  }
}
