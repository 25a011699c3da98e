import { createHash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { asRefreshError, RefreshError } from '../base/errors.ts'
import { moduleUrl } from '../base/module-url.ts'
import type { Job, Threads } from '../base/threads.ts'
import { type Asked, askedBy } from '../model/asked.ts'
import { formatDuration } from '../model/duration.ts'
import type { LabelMap } from '../model/explanation.ts'
import { maskText } from '../model/mask-text.ts'
import { SOURCE_LABEL } from '../model/target-group.ts'
import { createRequester } from '../sources/http/requester.ts'
import { createJsonElements } from './json-elements.ts'
import { createKnownTargets, type FoundTargets, type KnownTargets, type Said } from './known-targets.ts'
import { droppedWhy, type Pool, placeIn, poolsOf, UNKNOWN_PLACE } from './pool.ts'
import { type ReportedTarget, readTarget } from './reported-target.ts'
import { apiUrl, type PrometheusServer } from './resolve.ts'
import { readScrapeConfigs, type ScrapeConfigs } from './scrape-config.ts'

/** The answer of a server about the targets that it discovered through Rollcall. */
export interface Reading {
  /** When it was queried; wall-clock time, in milliseconds. */
  readonly askedMs: number
  readonly pools: readonly Pool[]
  /** By source, then by address and place (see {@link placeIn}). The next reading modifies it. */
  readonly found: FoundTargets
  /** Dropped targets that the server does not show, by pool. */
  readonly hidden: ReadonlyMap<string, number>
}

/** Queries one server. */
export interface Reader {
  /**
   * Queries all targets that were discovered through Rollcall.
   * @throws RefreshError without secrets
   */
  read(stop: AbortSignal): Promise<Reading>
  close(): Promise<void>
}

/** The dependencies of a reader. */
export interface ReaderDeps {
  readonly clock: Clock
  readonly userAgent: string
  readonly threads: Pick<Threads, 'run'>
  /** The URL of Rollcall from outside, if configured. */
  readonly externalUrl: URL | undefined
}

/** The limits of a configuration and of one list of targets, in bytes. */
const MAX_CONFIG_BYTES = 32 * 2 ** 20
const MAX_TARGETS_BYTES = 2 ** 30

/** The longest error of a scrape that is kept, in UTF-16 units. */
const MAX_ERROR_LENGTH = 300

/** A larger configuration, in UTF-16 units, is parsed in a thread. */
const INLINE_LENGTH = 8 * 1024

const JOB: Job = { module: moduleUrl('prometheus/scrape-config.js'), name: 'readScrapeConfigs' }

/** Creates a reader. It keeps one connection, the last configuration, and the known targets. */
export function createReader(server: PrometheusServer, deps: ReaderDeps): Reader {
  const { clock, externalUrl, threads } = deps
  const requester = createRequester(server.client, deps)
  const targets = createKnownTargets()
  let known:
    | { readonly digest: string; readonly configs: ScrapeConfigs; readonly pools: readonly Pool[] }
    | undefined

  /** Sends one request before the deadline. */
  async function get(
    path: string,
    parameters: Readonly<Record<string, string>>,
    stop: AbortSignal,
    body: { readonly maxBytes: number; readonly onPiece?: (piece: Buffer) => void },
  ): Promise<Buffer> {
    const controller = new AbortController()
    const late = `no complete answer to ${path} within ${formatDuration(server.timeoutMs)}; raise timeout if the server needs longer`
    const cancel = clock.after(server.timeoutMs, () => controller.abort(new RefreshError('timeout', late)))
    const signal = AbortSignal.any([controller.signal, stop])
    try {
      const url = apiUrl(server.url, path, parameters)
      // Compressing costs the server more than sending.
      const headers = { 'accept-encoding': 'identity' }
      return (await requester.send({ method: 'GET', url, headers, ...body }, signal)).body
    } finally {
      cancel()
    }
  }

  /** The jobs of the server; undefined when it does not show its configuration. */
  async function readConfigs(stop: AbortSignal): Promise<typeof known> {
    let body: Buffer
    try {
      body = await get('status/config', {}, stop, { maxBytes: MAX_CONFIG_BYTES })
    } catch (error) {
      const { reason } = asRefreshError(error)
      // A server, or a proxy in front of it, may only allow the API of targets.
      if (reason !== 'http_status' && reason !== 'auth') throw error
      return undefined
    }
    const digest = createHash('sha256').update(body).digest('hex')
    if (known?.digest === digest) return known
    const text = yamlIn(body)
    if (text === undefined) return undefined
    const configs =
      text.length <= INLINE_LENGTH
        ? readScrapeConfigs(text)
        : await threads.run<ScrapeConfigs>(JOB, text, { signal: stop })
    known = { digest, configs, pools: poolsOf(configs, externalUrl) }
    return known
  }

  async function read(stop: AbortSignal): Promise<Reading> {
    const askedMs = clock.now()
    const configured = await readConfigs(stop)
    const isComplete = configured !== undefined && !configured.configs.hasMore
    const collector = createCollector(configured?.pools, { isComplete, externalUrl, askedMs, targets })
    targets.begin()
    const names = isComplete ? configured.pools.map(({ name }) => name) : [undefined]
    for (const name of names) {
      const elements = createJsonElements((list, text) => collector.add(list, readTarget(text), name))
      const parameters = { state: 'any', ...(name !== undefined && { scrapePool: name }) }
      await get('targets', parameters, stop, { maxBytes: MAX_TARGETS_BYTES, onPiece: elements.add })
      collector.end(elements.end())
      // A server that does not know the parameter has sent all pools.
      if (collector.hasStrangers()) break
    }
    targets.end()
    return collector.reading()
  }

  return {
    async read(stop) {
      try {
        return await read(stop)
      } catch (error) {
        const { reason, message, status, cause } = asRefreshError(error)
        throw new RefreshError(reason, inItsWords(requester.redact(message)), { status, cause })
      }
    },
    close: requester.close,
  }
}

/** Rewrites the messages of the HTTP client, which are about inventories. */
function inItsWords(message: string): string {
  return maskText(message, () => {}).replaceAll('the inventory', 'the server')
}

/** The configuration in an answer; undefined when it has none. */
function yamlIn(body: Buffer): string | undefined {
  try {
    const { data } = JSON.parse(body.toString()) as { data?: { yaml?: unknown } }
    return typeof data?.yaml === 'string' ? data.yaml : undefined
  } catch {
    return undefined
  }
}

interface Collecting {
  /** Whether all pools are known. */
  readonly isComplete: boolean
  readonly externalUrl: URL | undefined
  readonly askedMs: number
  readonly targets: KnownTargets
}

/**
 * Collects the targets of a server.
 * @param configured its pools; undefined: it does not show its configuration
 */
function createCollector(
  configured: readonly Pool[] | undefined,
  { isComplete, externalUrl, askedMs, targets }: Collecting,
) {
  const pools = new Map(configured?.map((pool) => [pool.name, pool]))
  const shown = new Map<string, number>()
  const hidden = new Map<string, number>()
  const ours = new Map<string, boolean>()
  let strangers = false

  function isOurs(url: string): boolean {
    const known = ours.get(url)
    if (known !== undefined) return known
    const asked = askedBy(url, externalUrl) !== undefined
    ours.set(url, asked)
    return asked
  }

  /** The pool of a target; undefined when that does not discover through this Rollcall. */
  function poolOf(name: string, url: string): Pool | undefined {
    if (!isOurs(url)) return undefined
    const known = pools.get(name)
    if (known !== undefined || isComplete) return known
    const asked = askedBy(url, externalUrl) as Asked
    const pool = {
      name,
      asks: [asked],
      place: UNKNOWN_PLACE,
      rules: undefined,
      sourceLabels: [],
      honorsLabels: false,
    }
    pools.set(name, pool)
    return pool
  }

  function note(labels: LabelMap, pool: Pool, said: Said): void {
    const { __address__: address = '', [SOURCE_LABEL]: source = '' } = labels
    const key = address + placeIn(labels, pool.place)
    targets.note(source, key, said, { pool: pool.name, nowMs: askedMs })
  }

  /** Before Prometheus 3, dropped targets have no name of their pool. */
  function poolNameOf(
    { scrapePool }: ReportedTarget,
    { job = '' }: LabelMap,
    asked: string | undefined,
  ): string {
    if (typeof scrapePool === 'string') return scrapePool
    return pools.has(job) ? job : (asked ?? job)
  }

  /** @throws RefreshError `refused` when the server did not send its targets */
  function assertHasLabels(pool: string, labels: LabelMap): void {
    if (isEmpty(labels) && (configured === undefined || pools.has(pool)))
      throw new RefreshError('refused', noLabels(pool))
  }

  function noteDropped(labels: LabelMap, pool: Pool): void {
    shown.set(pool.name, (shown.get(pool.name) ?? 0) + 1)
    note(labels, pool, { state: 'dropped', why: droppedWhy(pool, labels), lastScrapeMs: undefined })
  }

  return {
    /** @param asked the requested pool */
    add(list: string, one: ReportedTarget, asked: string | undefined): void {
      const labels = one.discoveredLabels
      if (!isLabelMap(labels)) return
      const name = poolNameOf(one, labels, asked)
      if (asked !== undefined && name !== asked) strangers = true
      if (list === 'activeTargets') assertHasLabels(name, labels)
      const { __meta_url: url = '', [SOURCE_LABEL]: source } = labels
      const pool = source === undefined ? undefined : poolOf(name, url)
      if (pool === undefined) return
      if (list === 'activeTargets') note(labels, pool, activeOf(one))
      else if (list === 'droppedTargets') noteDropped(labels, pool)
    },
    /** @throws RefreshError `refused` when the answer is not a list of targets */
    end(rest: unknown): void {
      const { status, error, data } = (rest ?? {}) as {
        status?: unknown
        error?: unknown
        data?: TargetsData
      }
      if (status !== 'success' || !Array.isArray(data?.activeTargets))
        throw new RefreshError('refused', `the answer is not a list of targets${said(error)}`)
      for (const [name, count] of Object.entries(data.droppedTargetCounts ?? {}))
        if (pools.has(name)) hidden.set(name, Math.max(0, Number(count) - (shown.get(name) ?? 0)))
    },
    hasStrangers: () => strangers,
    reading: (): Reading => ({ askedMs, pools: [...pools.values()], found: targets.found, hidden }),
  }
}

interface TargetsData {
  readonly activeTargets?: unknown
  readonly droppedTargetCounts?: Readonly<Record<string, unknown>>
}

function said(error: unknown): string {
  return typeof error === 'string' ? `: ${error.slice(0, MAX_ERROR_LENGTH)}` : ''
}

/** Reads only the labels that are used. */
function isLabelMap(value: unknown): value is LabelMap {
  if (typeof value !== 'object' || value === null) return false
  for (const name in value) if (typeof (value as Record<string, unknown>)[name] !== 'string') return false
  return true
}

function isEmpty(labels: LabelMap): boolean {
  for (const _ in labels) return false
  return true
}

/** Newer versions of vmagent drop these labels by default. */
function noLabels(pool: string): string {
  return `the targets of pool ${pool} lack their discovered labels; start vmagent with -promscrape.dropOriginalLabels=false`
}

function activeOf({ health, lastError, lastScrape }: ReportedTarget): Said {
  const error = health === 'down' && typeof lastError === 'string' ? lastError : ''
  const lastMs = typeof lastScrape === 'string' ? Date.parse(lastScrape) : Number.NaN
  // "Never" is the year 1 in Prometheus, and the year 1970 in vmagent, where a target that was never scraped
  // is down.
  const lastScrapeMs = lastMs > 0 ? lastMs : undefined
  const isNew = health === 'down' && error === '' && lastMs === 0
  return {
    state: (health === 'up' || health === 'down') && !isNew ? health : 'pending',
    why: error === '' ? undefined : maskText(error, () => {}).slice(0, MAX_ERROR_LENGTH),
    lastScrapeMs,
  }
}
