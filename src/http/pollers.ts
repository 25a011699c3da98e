import type { IncomingMessage } from 'node:http'
import type { Clock } from '../base/clock.ts'
import type { Metrics } from '../base/metrics.ts'
import { formatDuration } from '../model/duration.ts'
import type { Store } from '../snapshot/store.ts'

/** How many are remembered: each of some tens of Prometheus servers asks for a few lists. */
const MAX_POLLERS = 256

/** The longest user agent and the longest URL that are remembered, in UTF-16 units. */
const MAX_TEXT = 200

/** Programs that discover targets, by their user agents. */
const DISCOVERS = /^(?:prometheus|vmagent|vm_promscrape|victoriametrics|grafana|alloy|otel|opentelemetry)/i

/** What looks like a list of targets, and is none. */
const NEARLY = /^\/+targets?(?:[/?]|$)/i

/** Who asks, for what. */
export interface Asking {
  readonly address: string
  readonly userAgent: string
  /** Path and parameters. */
  readonly url: string
}

/** A client that asks for targets again and again, known by its address, its user agent and what it asks for. */
export interface Poller extends Asking {
  /** The source that it asks for; undefined: all of them, or none that there is. */
  readonly source: string | undefined
  polls: number
  readonly firstMs: number
  /** When it was last answered, on the wall clock, in milliseconds. */
  lastMs: number
  /** The time between its last two polls, in milliseconds; undefined after the first. */
  intervalMs: number | undefined
  /** The status of its last answer. */
  status: number
  /** The digest of the list that it last got, or had already; undefined: it has none. */
  digest: string | undefined
}

/** Remembers who asks for targets, also for some that there are not: so that it can be told who does not get them, and why. */
export interface Pollers {
  /**
   * Who asks; undefined when the answer need not be remembered. To be called when a request comes in: a connection that
   * is closed has no address any more.
   * @param isList whether it asks for a list of targets that there may be
   */
  asking(request: Asked, isList: boolean): Asking | undefined
  /** Remembers an answer. @param digest of the list that was sent, or that the client had */
  answered(asking: Asking, status: number, digest: string | undefined): void
  /** All that are remembered, who asked last first. */
  list(): readonly Poller[]
}

type Asked = Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'socket'>

/** What pollers need. */
export interface PollersDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly store: Pick<Store, 'get'>
  readonly metrics: { readonly http: Pick<Metrics['http'], 'polled'> }
}

/** Starts with nobody. */
export function createPollers({ clock, store, metrics }: PollersDeps): Pollers {
  // In the order in which they last asked.
  const pollers = new Map<string, Poller>()

  /** Of the address that has most the one that has not asked for longest: a stranger pushes out none but itself. */
  function makeRoom(): void {
    const perAddress = new Map<string, number>()
    for (const { address } of pollers.values()) perAddress.set(address, (perAddress.get(address) ?? 0) + 1)
    const most = Math.max(...perAddress.values())
    for (const [key, { address }] of pollers) {
      if (perAddress.get(address) !== most) continue
      pollers.delete(key)
      return
    }
  }

  return {
    asking({ method, url = '', headers, socket }, isList) {
      const userAgent = (headers['user-agent'] ?? '').slice(0, MAX_TEXT)
      if (method !== 'GET') return undefined
      if (!isList && !NEARLY.test(url) && !DISCOVERS.test(userAgent)) return undefined
      return { address: socket.remoteAddress ?? '', userAgent, url }
    },
    answered({ address, userAgent, url: asked }, status, digest) {
      const isFound = digest !== undefined
      const path = asked.split('?', 1)[0] as string
      // What else was sent is not for others to read, and may be a secret in the wrong place.
      const url = (isFound ? asked : path).slice(0, MAX_TEXT)
      const nowMs = clock.now()
      const source = sourceIn(path, store)
      const key = `${address}\n${userAgent}\n${url}`
      const before = pollers.get(key)
      const poller = before ?? {
        ...{ address, userAgent, url, source, polls: 0, firstMs: nowMs },
        ...{ lastMs: nowMs, intervalMs: undefined, status, digest: undefined },
      }
      if (before !== undefined) poller.intervalMs = nowMs - before.lastMs
      poller.polls++
      poller.lastMs = nowMs
      poller.status = status
      poller.digest = digest ?? poller.digest
      pollers.delete(key)
      pollers.set(key, poller)
      if (pollers.size > MAX_POLLERS) makeRoom()
      const list = source === undefined ? '/targets' : `/targets/${source}`
      if (isFound) metrics.http.polled.set(list, nowMs / 1000)
    },
    list: () => [...pollers.values()].reverse(),
  }
}

function sourceIn(path: string, store: PollersDeps['store']): string | undefined {
  const name = /^\/targets\/([^/]+)\/?$/.exec(path)?.[1]
  return name === undefined ? undefined : store.get(name)?.name
}

/** Whether it was answered with a list, or told that it has that list. */
export function isServed({ status }: Pick<Poller, 'status'>): boolean {
  return status === 200 || status === 304
}

/** What is wrong with what a poller asks for; undefined when it gets its list. */
export function faultOf(poller: Poller, store: Pick<Store, 'list'>): string | undefined {
  if (isServed(poller)) return undefined
  const { url, status } = poller
  if (status === 404) {
    const names = store.list().map(({ name }) => `/targets/${name}`)
    return `${url} is no list; there are /targets and ${names.join(', ')}`
  }
  if (status === 401 || status === 403) return `it may not ask for ${url}: see rollcall_http_refused_total`
  return status === 503 ? `there is no list that can be sent; see /ready` : `what it asks for is wrong`
}

/** A poller as people name it: `10.0.0.7 (Prometheus/3.9.1)`. */
export function nameOf({ address, userAgent }: Asking): string {
  return userAgent === '' ? address : `${address} (${userAgent})`
}

/** What is known of the polls of a source, a sentence each: who has its list, who has an older one, who asks in vain. */
export function pollsOf(
  source: string,
  pollers: Pollers,
  {
    store,
    clock,
  }: { readonly store: Pick<Store, 'get' | 'list' | 'combined'>; readonly clock: Pick<Clock, 'now'> },
): string[] {
  const all = pollers.list()
  const ago = (ms: number) => formatDuration(Math.max(1, Math.round((clock.now() - ms) / 1000)) * 1000)
  const current = (poller: Poller) =>
    poller.source === undefined
      ? store.combined().snapshot?.digest
      : store.get(poller.source)?.snapshot?.digest
  const served = all
    .filter(
      (poller) => isServed(poller) && (poller.source === source || /^\/targets\/?(?:\?|$)/.test(poller.url)),
    )
    .map((poller) => {
      const isPart = poller.url.includes('?')
      const state = isPart
        ? 'a part of the list; see whether the target is in it'
        : poller.digest === current(poller)
          ? 'the list that is served now; see its targets page'
          : `an older list${poller.intervalMs === undefined ? '' : `; it asks every ${ago(clock.now() - poller.intervalMs)}`}`
      return `${nameOf(poller)} fetched ${poller.url} ${ago(poller.lastMs)} ago and has ${state}`
    })
  const inVain = all.flatMap((poller) => {
    const fault = faultOf(poller, store)
    return fault === undefined
      ? []
      : [`${nameOf(poller)} asked ${ago(poller.lastMs)} ago and got ${poller.status}: ${fault}`]
  })
  if (served.length > 0) return [...served, ...inVain]
  return [
    `nobody has fetched /targets or /targets/${source} since the start; point http_sd_configs at one of them`,
    ...inVain,
  ]
}
