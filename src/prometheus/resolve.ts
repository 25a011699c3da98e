import { createHash } from 'node:crypto'
import { shownValue } from '../base/printable.ts'
import { concealed, displayUrl, withoutEndSlashes } from '../base/urls.ts'
import { parseDuration } from '../model/duration.ts'
import { resolveHttpClient } from '../sources/http/kind.ts'
import type { HttpClientOptions } from '../sources/http/requester.ts'
import { attempt, type Context, complain, concealedInPath, expandUrl, within } from '../sources/resolving.ts'
import type { PrometheusConfig } from './config.ts'

/** A server that is queried for its targets; every value is resolved and checked. */
export interface PrometheusServer {
  readonly name: string
  readonly url: URL
  /** The URL without its secrets. */
  readonly shownUrl: string
  /** Undefined: as often as is cheap. */
  readonly intervalMs: number | undefined
  readonly timeoutMs: number
  readonly client: HttpClientOptions
}

/** The servers that are queried. */
export interface PrometheusOptions {
  readonly servers: readonly PrometheusServer[]
  /** Differs if any part of the configuration differs; for a reload. */
  readonly fingerprint: string
}

/** The default deadline of one query, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 30_000

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/**
 * Resolves `prometheus`.
 * @returns undefined when no server is configured
 */
export function resolvePrometheus(
  configs: readonly PrometheusConfig[],
  context: Context,
): PrometheusOptions | undefined {
  if (configs.length === 0) return undefined
  const servers = configs.map((config, index) => resolveServer(config, within(context, index)))
  for (const [index, { name }] of servers.entries()) {
    const first = servers.findIndex((server) => server.name === name)
    if (first === index) continue
    const key = configs[index]?.name === undefined ? 'url' : 'name'
    const message = `makes a second server with the name ${shownValue(name)}; give each a name of its own`
    complain(context, [index, key], message)
  }
  const said = JSON.stringify([configs, servers])
  return { servers, fingerprint: createHash('sha256').update(said).digest('hex') }
}

function resolveServer(config: PrometheusConfig, context: Context): PrometheusServer {
  const { interval, timeout } = config
  const url = attempt(context, ['url'], () => baseUrl(expandUrl(config.url, context.env)))
  return {
    // If the URL is wrong, the result is not used at all.
    name: config.name ?? String(url?.host),
    url,
    shownUrl: url && shownOf(url, concealedInPath(config.url, context.env).length > 0),
    intervalMs:
      interval === undefined
        ? undefined
        : attempt(context, ['interval'], () => readBetween(interval, 1_000, DAY_MS, 'from 1s to 1d')),
    timeoutMs:
      timeout === undefined
        ? DEFAULT_TIMEOUT_MS
        : attempt(context, ['timeout'], () => readBetween(timeout, 1, HOUR_MS, 'from 1ms to 1h')),
    client: resolveHttpClient(config, [url], context),
  }
}

function shownOf(url: URL, isSecret: boolean): string {
  return isSecret ? `${url.origin}/…` : displayUrl(url)
}

/** Throws an Error when a URL has a query or a fragment. */
function baseUrl(url: URL): URL {
  if (url.search === '' && url.hash === '') return url
  throw new Error('has more than a host and a path; write a URL such as http://prometheus:9090')
}

function readBetween(text: string, minMs: number, maxMs: number, range: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms
  throw new Error(`${shownValue(text)} is out of range; write a duration ${range}`)
}

/** The URL of an endpoint of a server, without the user and password, which are sent in a header. */
export function apiUrl(base: URL, path: string, parameters: Readonly<Record<string, string>> = {}): URL {
  const url = new URL(`${base.origin}${withoutEndSlashes(base.pathname)}/api/v1/${path}`)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return concealed(url)
}
