import type { Clock } from '../../base/clock.ts'
import { RefreshError } from '../../base/errors.ts'
import { displayUrl } from '../../base/urls.ts'
import type { Version } from '../source.ts'
import { ACCEPT_ENCODING, type ClientResponse, createClient, readBody } from './client.ts'
import { toRefreshError } from './failure.ts'
import { parseRetryAfter } from './retry-after.ts'

/** How requests are made, whatever they ask for: the keys of Prometheus's HTTP client, resolved. */
export interface HttpClientOptions {
  readonly followRedirects: boolean
}

/** What the requester needs from outside. */
export interface HttpDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly userAgent: string
}

/** What is sent with a POST. */
export interface RequestBody {
  readonly text: string
  readonly contentType: string
}

/** One thing to ask for. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  /** Headers for this request only; `accept` is JSON without them. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Ask only whether this has changed. */
  readonly since?: Version | undefined
  readonly body?: RequestBody | undefined
  /** The most that is read, in bytes, after unpacking. */
  readonly maxBytes: number
}

/** A whole answer of status 200, or of 304 when the request was conditional. */
export interface HttpAnswer {
  readonly status: 200 | 304
  readonly headers: ClientResponse['headers']
  readonly body: Buffer
  /** Where the answer came from, after redirects. */
  readonly url: URL
}

/** Sends requests with the credentials, certificates and connections of one source. */
export interface Requester {
  /**
   * Sends one request and reads the answer whole; redirects are followed, credentials stay with the origin.
   * @throws RefreshError with the reason, or the signal's own reason
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>
  close(): Promise<void>
}

const MAX_REDIRECTS = 10
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]

/** Creates a requester. Connections are kept alive between requests; gzip and brotli bodies are unpacked. */
export function createRequester(options: HttpClientOptions, deps: HttpDeps): Requester {
  const client = createClient()

  /** One request without its redirects. */
  async function sendOnce(
    request: HttpRequest,
    credentials: Record<string, string>,
    signal: AbortSignal,
  ): Promise<ClientResponse> {
    const headers = {
      accept: 'application/json',
      'accept-encoding': ACCEPT_ENCODING,
      'user-agent': deps.userAgent,
      ...request.headers,
      ...(request.body && { 'content-type': request.body.contentType }),
      ...conditions(request.since),
      ...credentials,
    }
    const attempt = () => client.send({ ...request, body: request.body?.text, headers }, signal)
    return attempt().catch((error) => retryStale(error, attempt, signal))
  }

  /** Follows redirects; `at` tells where that has led to. */
  async function follow(at: { request: HttpRequest }, signal: AbortSignal): Promise<ClientResponse> {
    const start = at.request.url
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const credentials = at.request.url.origin === start.origin ? basicAuth(start) : {}
      const response = await sendOnce(at.request, credentials, signal)
      if (!options.followRedirects || !REDIRECTS.includes(response.statusCode)) return response
      await response.body.dump()
      at.request = redirected(at.request, response)
    }
    throw new RefreshError('redirect', `more than ${MAX_REDIRECTS} redirects`)
  }

  return {
    async send(request, signal) {
      const at = { request }
      // An abort does not reach a connection that is still being made, and the next request would wait for it.
      signal.addEventListener('abort', client.reset, { once: true })
      try {
        const response = await follow(at, signal)
        const status = await assertUsable(response, request, deps.clock.now())
        const body = await readBody(response, request.maxBytes)
        return { status, headers: response.headers, body, url: at.request.url }
      } catch (error) {
        if (signal.aborted) throw signal.reason
        throw toRefreshError(error, `${at.request.method} ${displayUrl(at.request.url)}`)
      } finally {
        signal.removeEventListener('abort', client.reset)
      }
    },
    close: () => client.close(),
  }
}

/**
 * A connection that was kept alive may have been closed by the other side just as it was used again, as Go's
 * client knows too. The two cannot be told from a connection that broke, so any request that broke before an
 * answer came is sent once more: all that we ask for is to read.
 */
function retryStale(
  error: unknown,
  attempt: () => Promise<ClientResponse>,
  signal: AbortSignal,
): Promise<ClientResponse> {
  if (!signal.aborted && toRefreshError(error, '').reason === 'reset') return attempt()
  throw error
}

/** The request that a redirect asks for; as in browsers, 301 to 303 turn a POST into a GET. */
function redirected(request: HttpRequest, { statusCode, headers }: ClientResponse): HttpRequest {
  const location = String(headers.location ?? '')
  const url = URL.canParse(location, request.url.href) ? new URL(location, request.url) : undefined
  if (location === '' || (url?.protocol !== 'http:' && url?.protocol !== 'https:')) {
    throw new RefreshError(
      'redirect',
      `HTTP ${statusCode} with the unusable location ${JSON.stringify(location)}`,
    )
  }
  return statusCode < 307 ? { ...request, url, method: 'GET', body: undefined } : { ...request, url }
}

function basicAuth(url: URL): { authorization?: string } {
  if (url.username === '' && url.password === '') return {}
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

/** The headers of a conditional request (RFC 9110 section 13.1); an ETag says more than a date. */
function conditions({ etag, lastModified }: Version = {}): Record<string, string> {
  if (etag !== undefined) return { 'if-none-match': etag }
  return lastModified === undefined ? {} : { 'if-modified-since': lastModified }
}

async function assertUsable(
  response: ClientResponse,
  { since }: HttpRequest,
  nowMs: number,
): Promise<200 | 304> {
  const { statusCode, headers, body } = response
  if (statusCode === 200 || (statusCode === 304 && since !== undefined)) return statusCode
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
