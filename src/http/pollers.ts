import type { IncomingMessage } from 'node:http'
import type { Clock } from '../base/clock.ts'
import type { Metrics } from '../base/metrics.ts'
import { MASK } from '../base/secret.ts'
import { askedByPoller, notAskedFor, type ServedTarget } from '../model/asked.ts'
import { formatAge } from '../model/duration.ts'
import type { Store } from '../snapshot/store.ts'

/** How many are remembered: each of some tens of Prometheus servers asks for a few lists. */
const MAX_POLLERS = 256

/** The longest user agent and the longest URL that are remembered, in UTF-16 units. */
const MAX_TEXT = 200

/** Who has not asked for so long, in milliseconds, and for three of its intervals, asks no more. */
const FORGET_MS = 3_600_000

/** Programs that discover targets, by their user agents. */
const DISCOVERS = /^(?:prometheus|vmagent|vm_promscrape|victoriametrics|grafana|alloy|otel|opentelemetry)/i

/** What looks like a list of targets, and is none. */
const NEARLY = /^\/+targets?(?:[/?]|$)/i

/** A client, and the URL that it asks for. */
export interface Asking {
  readonly address: string
  readonly userAgent: string
  /** Path and parameters. */
  readonly url: string
}

/** The list that was sent, or that the client had already. */
export interface Fetched {
  /** The source that it is of; undefined: all of them. */
  readonly source: string | undefined
  readonly digest: string
}

/** A client that asks for targets again and again, known by its address, its user agent and what it asks for. */
export interface Poller extends Asking {
  polls: number
  readonly firstMs: number
  /** When it was last answered, on the wall clock, in milliseconds. */
  lastMs: number
  /** The time between its last two polls, in milliseconds; undefined after the first. */
  intervalMs: number | undefined
  /** The status of its last answer. */
  status: number
  /** The list that it last got, and when; undefined: it never got one. */
  fetched: (Fetched & { readonly atMs: number }) | undefined
  /** Another took its place. */
  isForgotten: boolean
}

/** A request for targets. */
export interface Poll extends Asking {
  /** Whose it is; undefined: not known yet. */
  poller: Poller | undefined
}

/** Remembers the clients that ask for targets, also those that ask for a list that does not exist. */
export interface Pollers {
  /**
   * The poll of a request; undefined when it is none. To be called when a request comes in: a connection that
   * is closed has no address any more.
   * @param isList whether it asks for a list of targets that there may be
   */
  asking(request: PollRequest, isList: boolean): Poll | undefined
  /** Remembers an answer. @param fetched the list that was sent whole, or that the client had */
  answered(poll: Poll, status: number, fetched: Fetched | undefined): void
  /** All that still ask, who asked last first. */
  list(): readonly Poller[]
}

type PollRequest = Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'socket'>

/** What pollers need. */
export interface PollersDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly metrics: { readonly http: Pick<Metrics['http'], 'polled'> }
}

/** Starts with nobody. */
export function createPollers({ clock, metrics }: PollersDeps): Pollers {
  const pollers = new Map<string, Poller>()
  // The last poll of each connection: most ask for the same again, and then nothing has to be looked up.
  const last = new WeakMap<object, Poll>()

  /**
   * Of those that never got a list, if any, and of the address that has most of them, the one that has not asked for
   * longest: who may not ask pushes out nobody who may.
   */
  function makeRoom(): void {
    const all = [...pollers]
    const inVain = all.filter(([, { fetched }]) => fetched === undefined)
    const among = inVain.length > 0 ? inVain : all
    const perAddress = new Map<string, number>()
    for (const [, { address }] of among) perAddress.set(address, (perAddress.get(address) ?? 0) + 1)
    const most = Math.max(...perAddress.values())
    const crowd = among.filter(([, { address }]) => perAddress.get(address) === most)
    const [oldest] = crowd.sort(([, a], [, b]) => a.lastMs - b.lastMs)
    forget(...(oldest as [string, Poller]))
  }

  function forget(key: string, poller: Poller): void {
    poller.isForgotten = true
    pollers.delete(key)
  }

  function pollerOf({ address, userAgent, url: asked }: Poll, status: number): Poller {
    const url = shownUrl(asked, status)
    const key = `${address}\n${userAgent}\n${url}`
    const known = pollers.get(key)
    if (known !== undefined) return known
    const nowMs = clock.now()
    const poller: Poller = {
      ...{ address, userAgent, url, polls: 0, firstMs: nowMs, lastMs: nowMs },
      ...{ intervalMs: undefined, status, fetched: undefined, isForgotten: false },
    }
    pollers.set(key, poller)
    return poller
  }

  return {
    asking({ method, url = '', headers, socket }, isList) {
      const userAgent = (headers['user-agent'] ?? '').slice(0, MAX_TEXT)
      if (method !== 'GET') return undefined
      if (!isList && !NEARLY.test(url) && !DISCOVERS.test(userAgent)) return undefined
      const before = last.get(socket)
      if (before?.url === url && before.userAgent === userAgent) return before
      const poll = { address: String(socket.remoteAddress), userAgent, url, poller: undefined }
      last.set(socket, poll)
      return poll
    },
    answered(poll, status, fetched) {
      const before = poll.poller
      const isSame = before !== undefined && !before.isForgotten && before.status === status
      const poller = isSame ? before : pollerOf(poll, status)
      poll.poller = poller
      const nowMs = clock.now()
      if (poller.polls > 0) poller.intervalMs = nowMs - poller.lastMs
      poller.polls++
      poller.lastMs = nowMs
      poller.status = status
      if (fetched !== undefined) {
        poller.fetched = { source: fetched.source, digest: fetched.digest, atMs: nowMs }
        metrics.http.polled.set(fetched.source, nowMs / 1000)
      }
      if (pollers.size > MAX_POLLERS) makeRoom()
    },
    list() {
      const nowMs = clock.now()
      for (const [key, poller] of pollers)
        if (nowMs - poller.lastMs > Math.max(FORGET_MS, 3 * (poller.intervalMs ?? 0))) forget(key, poller)
      // Of those that asked at the same time who came later first.
      return [...pollers.values()].reverse().sort((a, b) => b.lastMs - a.lastMs)
    },
  }
}

/**
 * What may be shown of a URL. What else was sent is not for others to read, and may be a secret in the wrong place;
 * parameters were understood where there is, or will be, a list.
 */
function shownUrl(url: string, status: number): string {
  const own = url.replace(/^[a-z]+:\/\/[^/]*/i, '')
  const isUnderstood = status === 200 || status === 304 || status === 503
  const [path, query] = own.split('?', 2)
  return (isUnderstood || query === undefined ? own : `${path}?…`).slice(0, MAX_TEXT)
}

function pathOf(source: string): string {
  return `/targets/${source}`
}

/** Whether it was last answered with a list, or told that it has that list. */
export function isServed({ status }: Pick<Poller, 'status'>): boolean {
  return status === 200 || status === 304
}

/** What is wrong with what a poller asks for; undefined when it gets its list. */
export function faultOf(poller: Poller, store: Pick<Store, 'list'>): string | undefined {
  if (isServed(poller)) return undefined
  const { url, status } = poller
  if (status === 404) {
    if (url.includes('?')) return `${url}: no target has the label that it asks for, or there is no such list`
    const names = store.list().map(({ name }) => pathOf(name))
    return `${url} is no list; there are /targets and ${names.join(', ')}`
  }
  if (status === 401 || status === 403) return `it may not ask for ${url}: see rollcall_http_refused_total`
  const what = status === 503 ? 'there was no list to send' : 'it cannot be answered'
  return `${what}; ask for ${url} with curl to see why`
}

/** A poller as people name it: `10.0.0.7 (Prometheus/3.9.1)`. */
export function nameOf({ address, userAgent }: Asking): string {
  return userAgent === '' ? address : `${address} (${userAgent})`
}

/** What telling of polls needs. */
export interface PollsDeps {
  readonly store: Pick<Store, 'get' | 'list' | 'combined'>
  readonly clock: Pick<Clock, 'now'>
  readonly pollers: Pick<Pollers, 'list'>
}

/** Which list a poller has: the one that is served now, an older one, a part of one, or none. */
export function listOf(
  { fetched, url }: Pick<Poller, 'fetched' | 'url'>,
  store: Pick<Store, 'get' | 'combined'>,
): 'current' | 'older' | 'part' | 'none' {
  if (fetched === undefined) return 'none'
  if (url.includes('?')) return 'part'
  const now = fetched.source === undefined ? store.combined().snapshot : store.get(fetched.source)?.snapshot
  return fetched.digest === now?.digest ? 'current' : 'older'
}

/**
 * What may be shown of the URL of a poller.
 * @param isAboutOne to whom asks for one source only, who may not know by which labels others are asked for
 */
export function shownPath({ url, fetched }: Pick<Poller, 'url' | 'fetched'>, isAboutOne: boolean): string {
  const isHidden =
    isAboutOne && fetched?.source === undefined && url.includes(`?`) && !/^[^?]*\?shard=[^&]*$/.test(url)
  return isHidden ? `${url.split('?', 1)[0]}?…` : url
}

/**
 * Who has the list of a source, or of all, and who has an older one, or a part: a sentence each.
 * @param targets of the source, to tell whether a part has them
 * @param isAboutOne see {@link shownPath}
 */
export function fetchesOf(
  source: string,
  { store, clock, pollers }: PollsDeps,
  targets: readonly ServedTarget[] = [],
  isAboutOne = false,
): string[] {
  const told = pollers.list().flatMap((poller) => {
    const { fetched, intervalMs, status } = poller
    const url = shownPath(poller, isAboutOne)
    if (fetched === undefined || (fetched.source ?? source) !== source) return []
    const asks = intervalMs === undefined ? '' : `; it asks every ${formatAge(intervalMs)}`
    const state = {
      part: partText(url, url === poller.url ? targets : []),
      current: 'the list that is served now; see its targets page',
      older: `an older list${asks}`,
      none: 'no list',
    }[listOf(poller, store)]
    const since = isServed(poller) ? '' : `, and gets ${status} now`
    return [
      `${nameOf(poller)} fetched ${url} ${formatAge(clock.now() - fetched.atMs)} ago and has ${state}${since}`,
    ]
  })
  if (told.length > 0) return told
  return [
    `nobody who is remembered has fetched /targets or ${pathOf(source)}; point http_sd_configs at one of them`,
  ]
}

/** Whether the targets are in the part of a list that a URL asks for. */
function partText(url: string, targets: readonly ServedTarget[]): string {
  const asked = askedByPoller(url)
  // What is masked cannot be compared.
  const isShown = ({ labels }: ServedTarget) =>
    asked?.labels.every(([name]) => labels[name]?.includes(MASK) !== true)
  if (asked === undefined || targets.length === 0 || !targets.every(isShown))
    return 'a part of the list; see whether the target is in it'
  const lacking = targets.flatMap((target) => notAskedFor(asked, target) ?? [])
  const [why] = lacking
  if (why === undefined) return 'a part of the list, with the target in it'
  const which = lacking.length < targets.length ? `${lacking.length} of the ${targets.length} targets` : 'it'
  return `a part of the list, without ${which}: it ${why}`
}

/** Who asks for what it does not get, a sentence each. */
export function inVain({ store, pollers }: Omit<PollsDeps, 'clock'>): string[] {
  return pollers.list().flatMap((poller) => {
    const fault = faultOf(poller, store)
    return fault === undefined ? [] : [`${nameOf(poller)} got ${poller.status}: ${fault}`]
  })
}
