import { asRefreshError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Metrics } from '../base/metrics.ts'
import { createMutex } from '../base/mutex.ts'
import type { ServedTarget } from '../model/asked.ts'
import type { Scrape, ScrapeServer, Scrapes } from '../model/scrape.ts'
import type { Store } from '../snapshot/store.ts'
import {
  type Counts,
  countStates,
  findIn,
  noCounts,
  type Polled,
  type Polls,
  SCRAPE_STATES,
  unknownWhy,
} from './match.ts'
import { changesBy } from './pool.ts'
import { createReader, type Reader, type ReaderDeps, type Reading } from './reader.ts'
import type { PrometheusOptions, PrometheusServer } from './resolve.ts'

/** The dependencies of the loop. */
export interface LoopDeps extends ReaderDeps {
  readonly log: Pick<Logger, 'info' | 'warn'>
  /** 0 to 1, as Math.random. */
  readonly random: () => number
  readonly metrics: Pick<Metrics, 'startScrapes'>
  readonly store: Pick<Store, 'get' | 'list' | 'combined' | 'removed'>
  /** The lists that were sent to pollers. */
  polled(): readonly Polled[]
}

/** Queries Prometheus servers regularly for the state of the targets. */
export interface Loop extends Scrapes {
  close(): Promise<void>
}

/** The default interval between two queries of a server, in milliseconds. */
const DEFAULT_INTERVAL_MS = 60_000

/** With the default interval, queries take at most a fiftieth of the time. */
const SHARE = 50

/** The first queries are spread over this time, in milliseconds. */
const FIRST_MS = 5_000

/** A server and its last answer. */
interface Asked {
  readonly server: PrometheusServer
  readonly reader: Reader
  reading: Reading | undefined
  lastSuccessMs: number | undefined
  failure: string | undefined
  counts: Counts
  /** Undefined until it is planned. */
  cancel: (() => void) | undefined
}

/** Starts the queries. One server is queried at a time. */
export function startLoop({ servers }: PrometheusOptions, deps: LoopDeps): Loop {
  const { clock, log, random, store } = deps
  const metrics = deps.metrics.startScrapes()
  const stop = new AbortController()
  const mutex = createMutex()
  const polls: Polls = { polled: deps.polled, digestOf: (source) => digestOf(store, source) }
  const all = servers.map((server): Asked => {
    const nothing = { reading: undefined, lastSuccessMs: undefined, failure: undefined }
    return { server, reader: createReader(server, deps), ...nothing, counts: noCounts(), cancel: undefined }
  })

  function plan(one: Asked, delayMs: number): void {
    one.cancel = clock.after(delayMs, () => void mutex(() => ask(one)))
  }

  async function ask(one: Asked): Promise<void> {
    if (stop.signal.aborted) return
    const startMs = clock.monotonic()
    try {
      one.reading = await one.reader.read(stop.signal)
      one.lastSuccessMs = clock.now()
      if (one.failure !== undefined) log.info({ server: one.server.name }, 'Prometheus server answers again')
      one.failure = undefined
      await recount()
    } catch (error) {
      if (stop.signal.aborted) return
      note(one, asRefreshError(error).message)
    }
    metrics.up.set({ server: one.server.name }, one.failure === undefined ? 1 : 0)
    if (!stop.signal.aborted) plan(one, delayMs(one, clock.monotonic() - startMs))
  }

  function note(one: Asked, failure: string): void {
    if (one.failure === undefined)
      log.warn(
        { server: one.server.name, error: failure },
        'Prometheus server cannot be queried for its targets; its last answer is kept',
      )
    one.failure = failure
  }

  /** A tenth more or less, so that many Rollcalls do not query at the same time. */
  function delayMs({ server }: Asked, tookMs: number): number {
    const intervalMs = server.intervalMs ?? Math.max(DEFAULT_INTERVAL_MS, SHARE * tookMs)
    return intervalMs * (0.9 + 0.2 * random())
  }

  async function recount(): Promise<void> {
    const answered = all.filter((one) => one.reading !== undefined)
    const lists = [...store.list(), ...store.removed().snapshots.map((snapshot) => ({ name: '', snapshot }))]
    const counts = await countStates(
      answered.map((one) => one.reading as Reading),
      lists.flatMap(({ name, snapshot }) =>
        snapshot === undefined ? [] : [{ source: name, body: snapshot.body }],
      ),
    )
    for (const [index, one] of answered.entries()) one.counts = counts.each[index] as Counts
    for (const state of SCRAPE_STATES) metrics.targets.set({ state }, counts.all[state])
  }

  for (const one of all) plan(one, FIRST_MS * random())

  return {
    servers: () => all.map(describe),
    of: (source, address, labels) =>
      all.flatMap(({ server, reading, failure }) => {
        if (reading !== undefined)
          return { ...scrapeOf(server.name, reading, { source, address, labels }, polls), failure }
        return failure === undefined ? [] : unasked(server.name, failure)
      }),
    async close() {
      stop.abort(new Error('the server is stopping'))
      for (const one of all) one.cancel?.()
      await mutex(async () => {})
      for (const { server } of all) metrics.up.remove({ server: server.name })
      metrics.targets.reset()
      await Promise.all(all.map(({ reader }) => reader.close()))
    },
  }
}

function describe({ server, reading, lastSuccessMs, failure, counts }: Asked): ScrapeServer {
  return {
    server: server.name,
    url: server.shownUrl,
    lastSuccessMs,
    failure,
    pools: reading?.pools.map(({ name }) => name) ?? [],
    counts,
  }
}

function digestOf(store: LoopDeps['store'], source: string | undefined): string | undefined {
  return source === undefined ? store.combined().snapshot?.digest : store.get(source)?.snapshot?.digest
}

const NOTHING = {
  pool: undefined,
  lastScrapeMs: undefined,
  sinceMs: undefined,
  notes: [],
  failure: undefined,
}

/** The state in a server that has never answered. */
function unasked(server: string, failure: string): Scrape {
  return { server, state: 'unknown', ...NOTHING, why: `it cannot be queried: ${failure}` }
}

/**
 * The state of a served target in a server.
 * @param polls undefined: pollers are not known here
 */
export function scrapeOf(
  server: string,
  reading: Reading,
  target: ServedTarget,
  polls: Polls | undefined,
): Scrape {
  const found = findIn(reading, target)
  if (found !== undefined) {
    const { state, pool, why, lastScrapeMs, sinceMs } = found
    const job = reading.pools.find(({ name }) => name === pool)
    const notes = state === 'dropped' || job === undefined ? [] : changesBy(job, target)
    return { server, state, pool, why, notes, failure: undefined, lastScrapeMs, sinceMs }
  }
  return { server, state: 'unknown', ...NOTHING, why: unknownWhy(reading, target, polls) }
}
