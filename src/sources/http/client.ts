import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import type { Agent, Dispatcher } from 'undici'
// Only the parts that are used. The index of undici also loads fetch, WebSocket and cookies, and that
// makes Node.js load its own copy of undici too: 6 MB resident for nothing (npm run bench). Hence the
// exact version in package.json. fetch would not do anyway: it refuses a list of "bad ports".
// @ts-expect-error undici has types for its index only
import requestModule from 'undici/lib/api/api-request.js'
// @ts-expect-error undici has types for its index only
import agentModule from 'undici/lib/dispatcher/agent.js'
import { RefreshError } from '../../base/errors.ts'
import { formatSize } from '../../model/size.ts'

const AgentClass = agentModule as typeof Agent
const request = requestModule as (this: Dispatcher, options: RequestOptions) => Promise<ClientResponse>

interface RequestOptions {
  readonly origin: string
  readonly path: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  readonly signal: AbortSignal
}

/** An answer whose body has not been read yet. */
export type ClientResponse = Dispatcher.ResponseData

/** One request as it goes over the wire. */
export interface ClientRequest {
  readonly method: string
  /** A user and password in it are ignored. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

/** Sends requests over kept-alive connections. */
export interface Client {
  /** Sends one request; no redirect is followed, nothing is unpacked. */
  send(request: ClientRequest, signal: AbortSignal): Promise<ClientResponse>
  /** Drops all connections, also one that is still being made: the next request starts afresh. */
  reset(): void
  close(): Promise<void>
}

/** Creates a client with one connection per origin; a refresh asks for one thing at a time. */
export function createClient(): Client {
  let agent = createAgent()
  return {
    send: ({ method, url, headers, body = null }, signal) =>
      request.call(agent, {
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers,
        body,
        signal,
      }),
    reset() {
      void agent.destroy()
      agent = createAgent()
    },
    close: () => agent.destroy(),
  }
}

function createAgent(): Agent {
  // A refresh has one total deadline (its signal), so the client's own for headers and body are switched off.
  return new AgentClass({ connections: 1, headersTimeout: 0, bodyTimeout: 0 })
}

/** What is asked for in `Accept-Encoding`. */
export const ACCEPT_ENCODING = 'gzip, br'

/**
 * Reads a body whole and unpacks it.
 * @param maxBytes the most that is read, after unpacking: a small body that unpacks without end stops too
 * @throws RefreshError `too_large`, or `parse` for a coding that was not asked for
 */
export async function readBody(response: ClientResponse, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of (await unpacked(response)) as AsyncIterable<Buffer>) {
    size += chunk.byteLength
    if (size > maxBytes) {
      throw new RefreshError(
        'too_large',
        `the answer is larger than ${formatSize(maxBytes)}; raise max_response_size if it should be`,
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

async function unpacked({ headers, body }: ClientResponse): Promise<Readable> {
  const coding = String(headers['content-encoding'] ?? 'identity').toLowerCase()
  if (coding === 'identity') return body
  if (coding === 'br') return joined(body, createBrotliDecompress())
  if (coding === 'gzip' || coding === 'x-gzip') return joined(body, createGunzip())
  await body.dump()
  throw new RefreshError('parse', `the answer has the content coding ${coding}, which was not asked for`)
}

/** Pipes, and passes the end and every failure on in both directions. */
function joined(from: Readable, to: ReturnType<typeof createGunzip>): Readable {
  from.once('error', (error) => to.destroy(error))
  to.once('close', () => from.destroy())
  return from.pipe(to)
}
