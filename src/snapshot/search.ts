import { bytesIn } from '../base/bytes.ts'
import { overloaded } from '../base/errors.ts'
import { moduleUrl } from '../base/module-url.ts'
import type { Job, Threads } from '../base/threads.ts'
import { countIn, type EncodedGroup, linesOf, parseLine, targetsIn } from '../model/list.ts'
import type { View } from './view-worker.ts'

/** Which of the served targets are wanted. */
export interface Search {
  /** Only targets that have this in their address or in the value of a label, upper and lower case alike; empty: all. */
  readonly text: string
  /** Labels that they must have, with these values. */
  readonly labels: View['labels']
  /** How many of those that are found are left out before the first one. */
  readonly offset: number
  /** How many are wanted at most. */
  readonly limit: number
}

/** A served target. */
export interface FoundTarget {
  /** The labels as they are served. */
  readonly labels: EncodedGroup['labels']
  readonly address: string
}

/** The targets that a search found. */
export interface Found {
  /** How many there are, with those that are not shown. */
  readonly total: number
  readonly targets: readonly FoundTarget[]
}

/** What a thread needs to search. */
export interface SearchTask extends Search {
  /** The encoded lists, one after the other. */
  readonly lists: readonly Uint8Array[]
}

/** Searches lists; one that is larger than a little is searched in a thread. */
export type Searcher = (lists: readonly (readonly Buffer[])[], search: Search) => Promise<Found>

/** Lists that are together larger than this, in bytes, are searched in a thread. */
const INLINE_BYTES = 64 * 1024

/** How many searches may be under way or waiting for a thread: each has a copy of the lists. */
const MAX_PENDING = 4

/** How long one may take, with its wait for a thread, in milliseconds. */
const TIMEOUT_MS = 10_000

const JOB: Job = { module: moduleUrl('snapshot/search.js'), name: 'searchLists' }

/**
 * Creates a searcher that never holds other requests up.
 * @param threads not those of refreshes, which never wait for it
 * @throws HttpError `overloaded` when too many ask, or it takes too long
 */
export function createSearcher(threads: Threads, timeoutMs = TIMEOUT_MS): Searcher {
  let pending = 0
  return async (pieces, search) => {
    const bytes = pieces.reduce((sum, one) => sum + bytesIn(one), 0)
    const task = () => ({ ...search, lists: pieces.map((one) => Buffer.concat(one)) })
    if (bytes <= INLINE_BYTES) return searchLists(task())
    if (pending >= MAX_PENDING) throw overloaded('too many searches at a time')
    const deadline = AbortSignal.timeout(timeoutMs)
    pending++
    const input = task()
    const transfer = input.lists.map(({ buffer }) => buffer as ArrayBuffer)
    return threads
      .run<Found>(JOB, input, { signal: deadline, transfer: isOwn(input.lists) ? transfer : [] })
      .catch((error) => {
        throw deadline.aborted ? overloaded(`the search took longer than ${timeoutMs / 1000} s`) : error
      })
      .finally(() => pending--)
  }
}

/** Whether each list has its memory for itself, so that it may be handed over: small ones share theirs. */
function isOwn(lists: readonly Uint8Array[]): boolean {
  return lists.every(({ byteLength, buffer }) => byteLength === buffer.byteLength)
}

/** Finds targets in lists. It costs about what reading the lists as lines costs: only what may match is parsed. */
export function searchLists({ lists, text, labels, offset, limit }: SearchTask): Found {
  const wanted = text.trim().toLowerCase()
  // As it stands in JSON; a text that would be written otherwise there is looked for in what is parsed only.
  const written = JSON.stringify(wanted).slice(1, -1)
  const targets: FoundTarget[] = []
  let total = 0

  function take(found: readonly string[], group: EncodedGroup): void {
    const from = Math.max(0, offset - total)
    const room = limit - targets.length
    for (const address of found.slice(from, from + room)) targets.push({ address, labels: group.labels })
    total += found.length
  }

  function look(line: string): void {
    if (wanted === '' && labels.length === 0) {
      const count = countIn(line)
      const isShown = total + count > offset && targets.length < limit
      if (isShown) take(targetsIn(line), parseLine(line))
      else total += count
      return
    }
    if (!line.toLowerCase().includes(written)) return
    const group = parseLine(line)
    if (labels.every(([name, value]) => ownValue(group, name) === value)) take(matching(group, wanted), group)
  }

  for (const list of lists) for (const line of linesOf(list)) look(line)
  return { total, targets }
}

function ownValue({ labels }: EncodedGroup, name: string): string | undefined {
  return Object.hasOwn(labels, name) ? labels[name] : undefined
}

/** The targets of a group that have a text in their address, or all when a label has it. */
function matching({ targets, labels }: EncodedGroup, wanted: string): readonly string[] {
  const has = (value: string) => value.toLowerCase().includes(wanted)
  return Object.values(labels).some(has) ? targets : targets.filter(has)
}
