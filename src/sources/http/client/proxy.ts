import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type Socket } from 'node:net'
import type { buildConnector } from 'undici'
// @ts-expect-error undici has types for its index only
import connectModule from 'undici/lib/core/connect.js'
import { RefreshError } from '../../../base/errors.ts'
import type { NoProxy } from './no-proxy.ts'
import { type TlsConnection, tlsToHost } from './tls.ts'

/** Which proxy requests go through. */
export interface ProxyOptions {
  /** For http targets; a user and password in it are for the proxy. */
  readonly http: URL | undefined
  /** For https targets. */
  readonly https: URL | undefined
  /** URLs that are requested without the proxy. */
  readonly bypass: NoProxy | undefined
}

/** Makes connections for an agent of undici. */
export type Connector = buildConnector.connector

const makeConnector = connectModule as typeof buildConnector

/** The proxy that a request to this URL goes through; undefined: none. */
export function proxyFor(proxy: ProxyOptions | undefined, url: URL): URL | undefined {
  if (proxy === undefined || proxy.bypass?.(url)) return undefined
  return url.protocol === 'https:' ? proxy.https : proxy.http
}

/** The host of a URL, an IPv6 address without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

/** The Proxy-Authorization header for the user and password in a proxy's URL. */
export function proxyAuthorization({ username, password }: URL): { 'proxy-authorization'?: string } {
  if (username === '' && password === '') return {}
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` }
}

/** The error for a proxy that refuses a request. */
export function proxyRefusal(status: number, { origin }: URL): RefreshError {
  if (status === 407) {
    return new RefreshError(
      'auth',
      `the proxy ${origin} answered 407; check the user and password in the proxy's URL`,
    )
  }
  return new RefreshError('connect', `the proxy ${origin} answered CONNECT with HTTP ${status}`)
}

/**
 * Makes connections through a tunnel that the proxy opens (CONNECT), with TLS inside it. undici's ProxyAgent is not
 * used: it retries without end when the proxy closes the connection instead of responding.
 * @param signal aborted when no connection is needed any more
 */
export function tunnelConnector(proxy: URL, tls: TlsConnection, signal: AbortSignal): Connector {
  const secure = makeConnector(tls as buildConnector.BuildOptions)
  return (target, callback) => {
    const authority = target.port ? (target.host as string) : `${target.host}:443`
    openTunnel(proxy, authority, tls, signal).then(
      (httpSocket) => void secure({ ...target, httpSocket }, callback),
      (error) => callback(error, null),
    )
  }
}

function openTunnel(proxy: URL, authority: string, tls: TlsConnection, signal: AbortSignal): Promise<Socket> {
  const host = hostOf(proxy)
  const isTls = proxy.protocol === 'https:'
  const options = {
    host,
    port: proxy.port,
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...proxyAuthorization(proxy) },
    agent: false,
    signal,
  }
  return new Promise((resolve, reject) => {
    const request = isTls
      ? httpsRequest({ ...options, servername: isIP(host) === 0 ? host : '', ...tlsToHost(tls, host) })
      : httpRequest(options)
    request.once('error', reject)
    request.once('connect', ({ statusCode }, socket) => {
      if (statusCode === 200) return resolve(socket)
      socket.destroy()
      reject(proxyRefusal(Number(statusCode), proxy))
    })
    request.end()
  })
}
