import { asBuffer } from '../base/bytes.ts'
import { createYielder } from '../base/yielding.ts'
import { type Asked, notAskedFor, type ServedTarget } from '../model/asked.ts'
import type { LabelMap } from '../model/explanation.ts'
import { type EncodedGroup, parseLine } from '../model/list.ts'
import type { ScrapeState } from '../model/scrape.ts'
import { SOURCE_LABEL } from '../model/target-group.ts'
import type { Found } from './known-targets.ts'
import { type Pool, placeIn, wouldDrop } from './pool.ts'
import type { Reading } from './reader.ts'

/** The states, from the best to the worst. */
export const SCRAPE_STATES = ['up', 'down', 'pending', 'dropped', 'unknown'] as const

/** The number of targets in each state. */
export type Counts = Record<ScrapeState, number>

export function noCounts(): Counts {
  return { up: 0, down: 0, pending: 0, dropped: 0, unknown: 0 }
}

/** The best state of a served target in a server; undefined when the server does not know it. */
export function findIn(reading: Reading, { source, address, labels }: ServedTarget): Found | undefined {
  return best(placesIn(reading, labels).map((place) => reading.found.get(source)?.get(address + place)))
}

/** The places that a target with these labels has in the pools of a server. */
function placesIn({ pools }: Reading, labels: LabelMap): readonly string[] {
  return [...new Set(pools.map(({ place }) => placeIn(labels, place)))]
}

function best(all: readonly (Found | undefined)[]): Found | undefined {
  let found: Found | undefined
  for (const one of all)
    if (one !== undefined && (found === undefined || rankOf(one.state) < rankOf(found.state))) found = one
  return found
}

function rankOf(state: ScrapeState): number {
  return SCRAPE_STATES.indexOf(state)
}

/**
 * Counts the served targets by their state in each server, and by their best state. It yields to the event loop.
 * @param lists encoded lists, each with the source of groups that do not name it
 */
export async function countStates(
  readings: readonly Reading[],
  lists: readonly { readonly source: string; readonly body: Uint8Array }[],
): Promise<{ readonly each: readonly Counts[]; readonly all: Counts }> {
  const each = readings.map(noCounts)
  const all = noCounts()
  const yieldAfter = createYielder()
  for (const { source, body } of lists) {
    for (const line of linesIn(body)) {
      const group = { source, ...parseLine(line) }
      const count = counterOf(readings, group, each, all)
      await yieldAfter(line.length)
      for (let from = 0; from < group.targets.length; from += SLICE) {
        const slice = group.targets.slice(from, from + SLICE)
        for (const address of slice) count(address)
        await yieldAfter(slice.length * WORK_PER_TARGET)
      }
    }
  }
  return { each, all }
}

/** The number of targets that are counted before yielding. */
const SLICE = 1_000

/** Looking up a target takes as long as hashing this number of bytes. */
const WORK_PER_TARGET = 500

/** The lines of an encoded list, one at a time. */
function* linesIn(body: Uint8Array): Generator<string> {
  const bytes = asBuffer(body)
  // The first and the last line are brackets.
  for (let at = bytes.indexOf('\n') + 1; at > 0; ) {
    const end = bytes.indexOf('\n', at)
    if (end === -1 || bytes[at] === 0x5d) return
    yield bytes.toString('utf8', at, end).replace(/,$/, '')
    at = end + 1
  }
}

/** Counts targets of one group, by their addresses. */
function counterOf(
  readings: readonly Reading[],
  { source, labels }: EncodedGroup & { readonly source: string },
  each: readonly Counts[],
  all: Counts,
): (address: string) => void {
  const name = labels[SOURCE_LABEL] ?? source
  const lookups = readings.map((reading) => {
    const places = placesIn(reading, labels)
    const ofSource = reading.found.get(name)
    return (address: string) =>
      best(places.map((place) => ofSource?.get(address + place)))?.state ?? 'unknown'
  })
  return (address) => {
    let top: ScrapeState = 'unknown'
    for (const [index, lookup] of lookups.entries()) {
      const state = lookup(address)
      ;(each[index] as Counts)[state]++
      if (rankOf(state) < rankOf(top)) top = state
    }
    all[top]++
  }
}

/** A list that was sent to a poller, or that it had already. */
export interface Polled {
  /** The path and parameters of the request. */
  readonly url: string
  readonly digest: string
  /** Wall-clock time, in milliseconds. */
  readonly atMs: number
}

/** The known pollers. */
export interface Polls {
  /** The lists that were sent. */
  polled(): readonly Polled[]
  /** The digest of the list that is served now: of a source, or of all. */
  digestOf(source: string | undefined): string | undefined
}

/** How long a server may take to apply a list that it polled, in milliseconds. Prometheus waits 5 s. */
const TAKE_OVER_MS = 10_000

/**
 * Why a server does not know a served target, in one sentence.
 * @param polls undefined: pollers are not known here
 */
export function unknownWhy(reading: Reading, target: ServedTarget, polls: Polls | undefined): string {
  const { pools, hidden } = reading
  if (pools.length === 0) return 'none of its jobs discovers through Rollcall'
  const asksFor = (asked: Asked) => notAskedFor(asked, target) === undefined
  const asking = pools.flatMap(({ asks }) => asks.filter(asksFor))
  if (asking.length === 0) return refusalsOf(pools, target)
  const hiding = pools.find(({ name }) => (hidden.get(name) ?? 0) > 0)
  if (hiding !== undefined) {
    const count = hidden.get(hiding.name)
    return `pool ${hiding.name} may have dropped it: ${count} of its dropped targets are not shown (keep_dropped_targets)`
  }
  const [rule] = pools.flatMap((pool) => (pool.asks.some(asksFor) ? (wouldDrop(pool, target) ?? []) : []))
  // vmagent shows only some dropped targets, and not their number.
  if (rule !== undefined)
    return `${rule} drops it, although it is not among the dropped targets that are shown`
  return pollWhy(asking, reading, polls)
}

/** The number of pools that are named. */
const MAX_REASONS = 3

/** Why no pool requests a target: of the pools that request its source, or of all if there are none. */
function refusalsOf(pools: readonly Pool[], target: ServedTarget): string {
  const all = pools.flatMap(({ name, asks }) =>
    asks.map((asked) => ({ asked, text: `pool ${name} ${notAskedFor(asked, target)}` })),
  )
  const near = all.filter(({ asked: { source } }) => source === undefined || source === target.source)
  const texts = (near.length > 0 ? near : all).map(({ text }) => text)
  return [...new Set(texts)].slice(0, MAX_REASONS).join('; ')
}

/** What the polls show about a target that a server requests but does not know. */
function pollWhy(asking: readonly Asked[], { askedMs }: Reading, known: Polls | undefined): string {
  const url = String(asking[0]?.url)
  if (known === undefined)
    return `it asks for ${url}, but does not know the target; it may not have polled since the target joined`
  const polls = known.polled().filter((one) => asking.some((asked) => asked.url === one.url))
  const last = polls.sort((a, b) => b.atMs - a.atMs)[0]
  if (last === undefined) return `no client has polled ${url} since Rollcall started`
  const asked = asking.find((one) => one.url === last.url)
  const isPart = last.url.includes('?')
  if (!isPart && last.digest !== known.digestOf(asked?.source))
    return `no client has polled ${last.url} since the list last changed`
  if (askedMs - last.atMs < TAKE_OVER_MS)
    return `${last.url} was polled only just before this query, and polls take effect after some seconds`
  return `${last.url} was polled, but it does not show the target; see its log`
}
