import type { Clock } from '../../base/clock.ts'
import { RefreshError } from '../../base/errors.ts'
import { createRedactor, type Redactor } from '../../base/redactor.ts'
import { parseRetryAfter } from '../../base/retry-after.ts'
import type { Secret } from '../../base/secret.ts'
import { displayUrl } from '../../base/urls.ts'
import type { Headers } from '../../model/document.ts'
import { reasonIn } from '../../model/reason.ts'
import type { Version } from '../source.ts'
import { type AuthorizationOptions, createAuthorizer } from './authorization/styles.ts'
import { ACCEPT_ENCODING, readBody, streamBody } from './body.ts'
import { type ClientOptions, type ClientResponse, createClient, orReset } from './client/client.ts'
import { toRefreshError } from './failure.ts'
import { type HttpHeader, noteWords, revealHeaders, type WireHeaders } from './headers.ts'
import type { Session } from './login/session.ts'
import { isRedirect, redirected } from './redirect.ts'

/** How requests are made, whatever they ask for: the keys of Prometheus's HTTP client, resolved. */
export interface HttpClientOptions extends ClientOptions {
  readonly followRedirects: boolean
  readonly authorization: AuthorizationOptions | undefined
  readonly headers: readonly HttpHeader[]
  /** What else is secret: parts of URLs that came from the environment. No message shows them. */
  readonly concealed: readonly Secret[]
}

/** How requests are made when nothing is said about it. */
export const DEFAULT_HTTP_CLIENT: HttpClientOptions = {
  followRedirects: true,
  authorization: undefined,
  headers: [],
  tls: undefined,
  proxy: undefined,
  concealed: [],
}

/** What the requester needs from outside. */
export interface HttpDeps {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
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
  /** What a login gave; it stays with the origin of the URL. */
  readonly session?: Session | undefined
  /** Whether another status than 200 and 206 is an answer too. */
  readonly accepts?: ((status: number) => boolean) | undefined
  /** Redirects that are not followed. */
  readonly endsWith?: readonly number[] | undefined
  /** Is handed each piece of the body, which is then not kept; what it throws ends the request. */
  readonly onPiece?: ((piece: Buffer) => void) | undefined
}

/**
 * A whole answer of status 200 or 206 (RFC 9110 section 15.3.7), of 304 when the request was conditional, or of one that
 * the request accepts.
 */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Buffer
  /** Where the answer came from, after redirects. */
  readonly url: URL
}

/** Sends requests with the credentials, certificates and connections of one source. */
export interface Requester {
  /**
   * Sends one request and reads the answer whole; redirects are followed, credentials stay with the origin.
   * @throws RefreshError with the reason and no secret in it, or the signal's own reason
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>
  /** Takes every secret that was sent out of a text. */
  redact(text: string): string
  close(): Promise<void>
}

const MAX_REDIRECTS = 10

const NO_BODY = Buffer.alloc(0)

/**
 * Creates a requester. Connections are kept alive between requests; gzip and brotli bodies are unpacked.
 * @param redactor knows the secrets of others too
 */
export function createRequester(
  options: HttpClientOptions,
  deps: HttpDeps,
  redactor: Redactor = createRedactor(),
): Requester {
  const client = createClient(options)
  const authorizer = createAuthorizer(options.authorization, { ...deps, redactor })

  function sendWith(own: WireHeaders, request: HttpRequest, signal: AbortSignal): Promise<ClientResponse> {
    const headers = {
      accept: 'application/json',
      'accept-encoding': ACCEPT_ENCODING,
      'user-agent': deps.userAgent,
      ...request.headers,
      ...(request.body && { 'content-type': request.body.contentType }),
      ...own,
      ...conditions(request.since),
    }
    return client.send({ ...request, body: request.body?.text, headers }, signal)
  }

  /** Sends a request with all that is configured; what the inventory refuses is renewed once, if it can be. */
  async function sendTrusted(request: HttpRequest, trusted: URL, signal: AbortSignal) {
    const attempt = async () => {
      const headers = await revealHeaders(options.headers, redactor)
      const authorization = await authorizer.value(trusted, signal)
      const session = request.session?.headersFor(request.url)
      for (const value of Object.values(session ?? {}).flat()) noteWords(value, redactor)
      const own = { ...headers, ...(authorization !== undefined && { authorization }), ...session }
      const response = await sendWith(own, request, signal)
      request.session?.take(request.url, response.headers['set-cookie'])
      return { authorization, response }
    }
    const { authorization, response } = await attempt()
    if (response.statusCode !== 401 || !authorizer.refused(authorization)) return response
    await response.body.dump()
    return (await attempt()).response
  }

  /** Follows redirects; `at` tells where that has led to. */
  async function follow(at: { request: HttpRequest }, signal: AbortSignal): Promise<ClientResponse> {
    const start = at.request.url
    let isTrusted = true
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const { request } = at
      const response = await (isTrusted ? sendTrusted(request, start, signal) : sendWith({}, request, signal))
      if (!options.followRedirects || !isRedirect(response) || isEnd(request, response)) return response
      await response.body.dump()
      at.request = redirected(request, response)
      // Where another origin sends us is its choice, even when it is back: no credentials any more.
      isTrusted &&= at.request.url.origin === start.origin
    }
    throw new RefreshError('redirect', `more than ${MAX_REDIRECTS} redirects`)
  }

  /** Follows redirects and reads what is at their end; `at` tells where that is. */
  async function answer(at: { request: HttpRequest }, signal: AbortSignal): Promise<HttpAnswer> {
    const { request } = at
    redactor.noteQuery(request.url)
    if (request.body !== undefined) redactor.noteBody(request.body.text)
    for (const secret of options.concealed) await redactor.reveal(secret)
    const response = await follow(at, signal)
    const status = await assertStatus(response, request, deps.clock.now())
    const { maxBytes, onPiece } = request
    const body = onPiece === undefined ? await readBody(response, maxBytes) : NO_BODY
    if (onPiece !== undefined) await streamBody(response, maxBytes, onPiece)
    return { status, headers: joined(response), body, url: at.request.url }
  }

  return {
    async send(request, signal) {
      const at = { request }
      try {
        return await orReset(client, signal, () => answer(at, signal))
      } catch (error) {
        if (signal.aborted) throw signal.reason
        const { method, url } = at.request
        throw toRefreshError(error, `${method} ${displayUrl(url)}`, redactor.redact)
      }
    },
    redact: redactor.redact,
    async close() {
      await Promise.all([client.close(), authorizer.close()])
    },
  }
}

/** Whether a redirect says something else than where to look. */
function isEnd({ endsWith = [] }: HttpRequest, { statusCode }: ClientResponse): boolean {
  return endsWith.includes(statusCode)
}

/** The most that is read of an answer to see why it failed, in bytes. */
const MAX_REASON_BYTES = 65_536

/** What an answer that failed says of it, in JSON; whatever is wrong with that, it failed for another reason. */
async function readReason(response: ClientResponse): Promise<string | undefined> {
  if (response.statusCode < 400) return undefined
  try {
    return reasonIn(JSON.parse((await readBody(response, MAX_REASON_BYTES)).toString()))
  } catch {
    return undefined
  }
}

/** The headers of an answer, without the cookies, which are credentials. */
function joined({ headers }: ClientResponse): Headers {
  const told = Object.entries(headers).filter(([name]) => name !== 'set-cookie')
  return Object.fromEntries(told.map(([name, value]) => [name, [value].flat().join(', ')]))
}

/** The headers of a conditional request (RFC 9110 section 13.1); an ETag says more than a date. */
function conditions({ etag, lastModified }: Version = {}): Record<string, string> {
  if (etag !== undefined) return { 'if-none-match': etag }
  return lastModified === undefined ? {} : { 'if-modified-since': lastModified }
}

async function assertStatus(
  response: ClientResponse,
  { since, accepts }: HttpRequest,
  nowMs: number,
): Promise<HttpAnswer['status']> {
  const { statusCode, headers, body } = response
  if (statusCode === 200 || statusCode === 206 || (statusCode === 304 && since !== undefined))
    return statusCode
  if (accepts?.(statusCode) === true) return statusCode
  const reason = await readReason(response)
  await body.dump()
  const told = `HTTP ${statusCode}${reason === undefined ? '' : ` (${reason})`}`
  if (statusCode === 401 || statusCode === 403) {
    throw new RefreshError('auth', `${told}; check the credentials that the inventory expects`, {
      status: statusCode,
    })
  }
  const retryAfterMs = parseRetryAfter(headers['retry-after'], nowMs)
  if (statusCode === 429)
    throw new RefreshError('rate_limited', `${told}: too many requests`, { retryAfterMs })
  throw new RefreshError('http_status', `${told}; check the URL, and the inventory's own log`, {
    retryAfterMs,
    status: statusCode,
  })
}
