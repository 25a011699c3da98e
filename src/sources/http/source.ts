import type { Clock } from '../../base/clock.ts'
import { RefreshError } from '../../base/errors.ts'
import { displayUrl } from '../../base/urls.ts'
import type { Source } from '../source.ts'
import { ACCEPT_ENCODING, type Client, type ClientResponse, createClient, readBody } from './client.ts'
import { toRefreshError } from './failure.ts'
import { parseRetryAfter } from './retry-after.ts'

/** Where an HTTP inventory is and how much of it is read; every value resolved and checked. */
export interface HttpSourceOptions {
  readonly url: URL
  readonly maxResponseBytes: number
}

/** What a source may read when nothing else is configured, in bytes. */
export const DEFAULT_MAX_RESPONSE_BYTES = 256 * 2 ** 20

const MAX_REDIRECTS = 10
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]

/** What the source needs from outside. */
export interface HttpSourceDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly userAgent: string
}

/**
 * An inventory behind HTTP: one GET that answers 200 with JSON. Connections are kept alive between
 * refreshes; gzip and brotli bodies are unpacked; redirects are followed, but the user and password of the
 * URL never go to another origin.
 */
export function createHttpSource(options: HttpSourceOptions, deps: HttpSourceDeps): Source {
  const client = createClient()
  return {
    async read(signal) {
      const at = { url: options.url }
      // An abort does not reach a connection that is still being made, and the next request would wait for it.
      signal.addEventListener('abort', client.reset, { once: true })
      try {
        const response = await get(at, signal, deps, client)
        await assertOk(response, deps.clock.now())
        return { kind: 'documents', documents: [await readBody(response, options.maxResponseBytes)] }
      } catch (error) {
        if (!signal.aborted) throw toRefreshError(error, displayUrl(at.url))
        throw signal.reason
      }
    },
    close: () => client.close(),
  }
}

/** Sends the GET and follows redirects; `at` tells where that has led to. */
async function get(at: { url: URL }, signal: AbortSignal, deps: HttpSourceDeps, client: Client) {
  const start = at.url
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const headers = {
      accept: 'application/json',
      'accept-encoding': ACCEPT_ENCODING,
      'user-agent': deps.userAgent,
      ...(at.url.origin === start.origin ? basicAuth(start) : {}),
    }
    const request = () => client.get(at.url, headers, signal)
    const response = await request().catch((error) => retryStale(error, request, signal))
    if (!REDIRECTS.includes(response.statusCode)) return response
    await response.body.dump()
    at.url = redirectTarget(response, at.url)
  }
  throw new RefreshError('redirect', `more than ${MAX_REDIRECTS} redirects`)
}

/**
 * A connection that was kept alive may have been closed by the other side just as it was used again, as Go's
 * client knows too. The two cannot be told from a connection that broke, so any GET that broke before an answer
 * came is sent once more.
 */
function retryStale(
  error: unknown,
  request: () => Promise<ClientResponse>,
  signal: AbortSignal,
): Promise<ClientResponse> {
  if (!signal.aborted && toRefreshError(error, '').reason === 'reset') return request()
  throw error
}

function redirectTarget({ statusCode, headers }: ClientResponse, from: URL): URL {
  const location = String(headers.location ?? '')
  const target = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  if (location !== '' && (target?.protocol === 'http:' || target?.protocol === 'https:')) return target
  throw new RefreshError(
    'redirect',
    `HTTP ${statusCode} with the unusable location ${JSON.stringify(location)}`,
  )
}

function basicAuth(url: URL): { authorization?: string } {
  if (url.username === '' && url.password === '') return {}
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

async function assertOk(response: ClientResponse, nowMs: number): Promise<void> {
  const { statusCode, headers, body } = response
  if (statusCode === 200) return
  await body.dump()
  const told = `HTTP ${statusCode}`
  if (statusCode === 401 || statusCode === 403) {
    throw new RefreshError('auth', `${told}; check the credentials that the inventory expects`)
  }
  const retryAfterMs = parseRetryAfter(headers['retry-after'], nowMs)
  if (statusCode === 429)
    throw new RefreshError('rate_limited', `${told}: too many requests`, { retryAfterMs })
  throw new RefreshError('http_status', `${told}; check the URL, and the inventory's own log`, {
    retryAfterMs,
  })
}
