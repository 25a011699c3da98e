import { isIP } from 'node:net'
import type { Agent, Dispatcher } from 'undici'
// Only the parts that are used. The index of undici also loads fetch, WebSocket and cookies, and that
// makes Node.js load its own copy of undici too: 6 MB resident for nothing (npm run bench). Hence the
// exact version in package.json. fetch would not do anyway: it refuses a list of "bad ports".
// @ts-expect-error undici has types for its index only
import requestModule from 'undici/lib/api/api-request.js'
// @ts-expect-error undici has types for its index only
import agentModule from 'undici/lib/dispatcher/agent.js'
import { toRefreshError } from '../failure.ts'
import type { WireHeaders } from '../headers.ts'
import {
  type Connector,
  hostOf,
  type ProxyOptions,
  proxyAuthorization,
  proxyFor,
  proxyRefusal,
  tunnelConnector,
} from './proxy.ts'
import { createTlsReader, type TlsConnection, type TlsOptions, tlsToHost } from './tls.ts'

const AgentClass = agentModule as typeof Agent
const request = requestModule as (this: Dispatcher, options: RequestOptions) => Promise<ClientResponse>

interface RequestOptions {
  readonly origin: string
  readonly path: string
  readonly method: string
  readonly headers: WireHeaders
  readonly body: string | null
  readonly signal: AbortSignal
  /** The server name for TLS, when it is not the host. */
  readonly servername?: string
}

/** A response whose body has not been read yet. */
export type ClientResponse = Dispatcher.ResponseData

/** One request as it goes over the wire. */
export interface ClientRequest {
  readonly method: string
  /** A user and password in it are ignored. */
  readonly url: URL
  readonly headers: WireHeaders
  readonly body?: string | undefined
}

/** How connections are made. */
export interface ClientOptions {
  readonly tls: TlsOptions | undefined
  readonly proxy: ProxyOptions | undefined
}

/** Sends requests over kept-alive connections. */
export interface Client {
  /**
   * Sends one request; it follows no redirect and decompresses nothing. A request that breaks before the response
   * is sent once more: the server may have closed a kept-alive connection just as it was reused, which cannot be told
   * from another break (Go's client retries too). This is safe, because requests only read.
   */
  send(request: ClientRequest, signal: AbortSignal): Promise<ClientResponse>
  /** Drops all connections, also one that is still being established: the next request opens a new one. */
  reset(): void
  close(): Promise<void>
}

/**
 * Creates a client with one connection per origin: a refresh sends one request at a time. Certificates are read for
 * each request; when they have changed, new connections are opened.
 */
export function createClient({ tls, proxy }: ClientOptions): Client {
  const readTls = createTlsReader(tls)
  let agents: Agents | undefined

  async function currentAgents(): Promise<Agents> {
    const wanted = await readTls()
    if (agents?.tls === wanted) return agents
    void agents?.close()
    agents = createAgents(wanted, proxy)
    return agents
  }

  async function sendOnce(wanted: ClientRequest, signal: AbortSignal): Promise<ClientResponse> {
    const through = proxyFor(proxy, wanted.url)
    const current = await currentAgents()
    if (through === undefined) return request.call(current.direct, direct(wanted, signal))
    return sendThrough(through, current, wanted, signal)
  }

  return {
    send: (wanted, signal) =>
      sendOnce(wanted, signal).catch((error) => {
        if (!signal.aborted && toRefreshError(error, '').reason === 'reset') return sendOnce(wanted, signal)
        throw error
      }),
    reset() {
      void agents?.destroy()
      agents = undefined
    },
    async close() {
      await agents?.destroy()
    },
  }
}

/**
 * Runs work with a client, and resets the client when the signal aborts. The abort does not reach a connection that is
 * still being established, and the next request would wait for it.
 */
export async function orReset<Value>(
  client: Client,
  signal: AbortSignal,
  work: () => Promise<Value>,
): Promise<Value> {
  signal.addEventListener('abort', client.reset, { once: true })
  try {
    return await work()
  } finally {
    signal.removeEventListener('abort', client.reset)
  }
}

/** https goes through a tunnel, http as a request for the whole URL, as in Go. */
async function sendThrough(proxy: URL, agents: Agents, wanted: ClientRequest, signal: AbortSignal) {
  try {
    if (wanted.url.protocol === 'https:') return await request.call(agents.tunnel, direct(wanted, signal))
    const response = await request.call(agents.relay, relayed(wanted, proxy, signal))
    if (response.statusCode !== 407) return response
    await response.body.dump()
    throw proxyRefusal(407, proxy)
  } catch (error) {
    throw toRefreshError(error, `through the proxy ${proxy.origin}`)
  }
}

function direct({ method, url, headers, body }: ClientRequest, signal: AbortSignal): RequestOptions {
  return { origin: url.origin, path: url.pathname + url.search, method, headers, body: body ?? null, signal }
}

function relayed(wanted: ClientRequest, proxy: URL, signal: AbortSignal): RequestOptions {
  const { origin, path, ...rest } = direct(wanted, signal)
  const headers = { host: wanted.url.host, ...wanted.headers, ...proxyAuthorization(proxy) }
  const host = hostOf(proxy)
  const servername = isIP(host) === 0 ? host : ''
  return { ...rest, origin: proxy.origin, path: origin + path, headers, servername }
}

/** The connections that are made with the same certificates. */
interface Agents {
  readonly tls: TlsConnection
  readonly direct: Agent
  /** To the proxy, for requests that it forwards. */
  readonly relay: Agent
  /** Through the proxy. */
  readonly tunnel: Agent
  /** Closes each connection once it is idle. */
  close(): Promise<unknown>
  destroy(): Promise<unknown>
}

function createAgents(tls: TlsConnection, proxy: ProxyOptions | undefined): Agents {
  const over = new AbortController()
  const direct = createAgent(tls)
  const relay = proxy?.http === undefined ? direct : createAgent(tlsToHost(tls, hostOf(proxy.http)))
  const tunnel =
    proxy?.https === undefined ? direct : createAgent(tunnelConnector(proxy.https, tls, over.signal))
  const all = [direct, relay, tunnel]
  return {
    tls,
    direct,
    relay,
    tunnel,
    close: () => Promise.all(all.map((agent) => agent.close())),
    destroy() {
      over.abort()
      return Promise.all(all.map((agent) => agent.destroy()))
    },
  }
}

function createAgent(connect: TlsConnection | Connector): Agent {
  // A refresh has one total deadline (its signal), so the client's own for headers and body are switched off.
  return new AgentClass({
    connections: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: connect as NonNullable<Agent.Options['connect']>,
  })
}
