import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import type { Secret } from '../base/secret.ts'
import { resolveTls } from '../sources/http/client/resolve.ts'
import {
  attempt,
  type Context,
  complain,
  expandEnv,
  resolveSecretFile,
  shownUrl,
  within,
} from '../sources/resolving.ts'
import type { ClusterConfig, RedisConfig } from './config.ts'
import type { RedisOptions, ServerUrl } from './redis-servers.ts'

/** What a replica shares with others, and where. */
export interface ClusterOptions {
  readonly redis: RedisOptions
  readonly keyPrefix: string
  readonly signingKey: Secret
  /** The name of this replica, for people. */
  readonly replica: string
  /** Differs when anything is configured differently; for a reload. */
  readonly fingerprint: string
}

/** Resolves `cluster`. */
export function resolveCluster(config: ClusterConfig, context: Context): ClusterOptions {
  const { key_prefix: keyPrefix = 'rollcall', replica = context.env.POD_NAME || hostname() } = config
  const options = {
    redis: resolveRedis(config.redis, within(context, 'redis')),
    keyPrefix,
    signingKey: resolveSecretFile(config.signing_key_file, ['signing_key_file'], context, () => {}),
    replica,
  }
  const said = JSON.stringify([config, options])
  return { ...options, fingerprint: createHash('sha256').update(said).digest('hex') }
}

/** The keys of which there is exactly one. */
const PLACES = ['url', 'sentinel', 'cluster'] as const

function resolveRedis(config: RedisConfig, context: Context): RedisOptions {
  const at = resolvePlace(config, context)
  const { username, password_file: file, tls_config: tls } = config
  if (username !== undefined && file === undefined)
    complain(context, ['username'], 'needs its password; add password_file', { atKey: true })
  if (tls !== undefined && serversOf(at).some((server) => server?.isTls === false))
    complain(context, ['tls_config'], 'has no effect with redis://; write rediss://', { atKey: true })
  return {
    at,
    username: username && attempt(context, ['username'], () => expandEnv(username, context.env)),
    password: file === undefined ? undefined : resolveSecretFile(file, ['password_file'], context, () => {}),
    tls: resolveTls(tls, within(context, 'tls_config')),
  }
}

function resolvePlace(config: RedisConfig, context: Context): RedisOptions['at'] {
  const [place, second] = PLACES.filter((one) => config[one] !== undefined)
  if (place === undefined)
    complain(context, [], `does not set where the store is; add one of ${PLACES.join(', ')}`)
  if (second !== undefined) {
    const message = `${place} already sets where the store is; leave one of them out`
    complain(context, [second], message, { atKey: true })
  }
  const { url, sentinel, cluster } = config
  if (url !== undefined) return { kind: 'single', server: resolveUrl(url, ['url'], context) }
  if (sentinel !== undefined) {
    const sentinels = resolveUrls(sentinel.urls, within(context, 'sentinel', 'urls'))
    return { kind: 'sentinel', master: sentinel.master, sentinels }
  }
  return { kind: 'cluster', servers: resolveUrls(cluster ?? [], within(context, 'cluster')) }
}

function serversOf(at: RedisOptions['at']): readonly ServerUrl[] {
  if (at.kind === 'single') return [at.server]
  return at.kind === 'sentinel' ? at.sentinels : at.servers
}

/** Several that speak TLS, or none: the servers that they name are reached in the same way. */
function resolveUrls(texts: readonly string[], context: Context): ServerUrl[] {
  const servers = texts.map((text, index) => resolveUrl(text, [index], context))
  const other = servers.findIndex((server) => server?.isTls !== servers[0]?.isTls)
  if (other !== -1 && servers.every(Boolean))
    complain(
      context,
      [other],
      'differs from the first in its scheme; write all with redis://, or all with rediss://',
    )
  return servers
}

function resolveUrl(text: string, steps: Context['path'], context: Context): ServerUrl {
  return attempt(context, steps, () => readUrl(text, expandEnv(text, context.env)))
}

const DEFAULT_PORT = 6379

/** Throws an Error that says what is expected, and nothing that may be secret. */
function readUrl(written: string, expanded: string): ServerUrl {
  const url = URL.canParse(expanded) ? new URL(expanded) : undefined
  const isTls = url?.protocol === 'rediss:'
  if (url === undefined || (!isTls && url.protocol !== 'redis:') || url.hostname === '')
    throw new Error(`${shownUrl(written)} is not the URL of a server; write one such as redis://valkey:6379`)
  if (url.username !== '' || url.password !== '')
    throw new Error(`${shownUrl(written)} has a user or password in it; write username and password_file`)
  if (/[^/]/.test(url.pathname + url.search + url.hash))
    throw new Error(
      `${shownUrl(written)} has more than a host and a port; leave that out, and use key_prefix`,
    )
  // The brackets of an IPv6 address belong to URLs.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { host, port: url.port === '' ? DEFAULT_PORT : Number(url.port), isTls }
}
