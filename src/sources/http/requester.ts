import type { Clock } from '../../base/clock.ts'
import { RefreshError } from '../../base/errors.ts'
import { createRedactor, type Redactor } from '../../base/redactor.ts'
import { parseRetryAfter } from '../../base/retry-after.ts'
import type { Secret } from '../../base/secret.ts'
import { displayUrl } from '../../base/urls.ts'
import type { Headers } from '../../model/document.ts'
import { reasonIn } from '../../model/reason.ts'
import type { Intake, Version } from '../source.ts'
import { type AuthorizationOptions, createAuthorizer } from './authorization/styles.ts'
import { ACCEPT_ENCODING, type Body, NO_BODY, piecesOf, readBody, readOrStream } from './body.ts'
import { type ClientOptions, type ClientResponse, createClient, orReset } from './client/client.ts'
import { toRefreshError } from './failure.ts'
import { type HttpHeader, noteWords, revealHeaders, type WireHeaders } from './headers.ts'
import type { Session } from './login/session.ts'
import { isRedirect, redirected } from './redirect.ts'

/** The settings of all requests of a source: the keys of Prometheus's HTTP client, resolved. */
export interface HttpClientOptions extends ClientOptions {
  readonly followRedirects: boolean
  readonly authorization: AuthorizationOptions | undefined
  readonly headers: readonly HttpHeader[]
  /** Further secrets: parts of URLs that came from the environment. No message shows them. */
  readonly concealed: readonly Secret[]
}

/** The default settings of requests. */
export const DEFAULT_HTTP_CLIENT: HttpClientOptions = {
  followRedirects: true,
  authorization: undefined,
  headers: [],
  tls: undefined,
  proxy: undefined,
  concealed: [],
}

/** The dependencies of a requester. */
export interface HttpDeps {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly userAgent: string
}

/** The body of a POST. */
export interface RequestBody {
  readonly text: string
  readonly contentType: string
}

/** One request. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  /** Headers of this request only; by default `accept` is JSON. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Makes the request conditional: has this version changed? */
  readonly since?: Version | undefined
  readonly body?: RequestBody | undefined
  /** Limit for the body after decompression, in bytes. */
  readonly maxBytes: number
  /** The session of a login; it is sent only to the origin of the URL. */
  readonly session?: Session | undefined
  /** Whether to accept a status other than 200 and 206. */
  readonly accepts?: ((status: number) => boolean) | undefined
  /** Statuses of redirects that are not followed. */
  readonly endsWith?: readonly number[] | undefined
  /** Maps a large body while it arrives; undefined: all are read into memory. */
  readonly intake?: Intake<AnswerHead> | undefined
  /** Is called with each piece of the body, which is then not kept; an error that it throws ends the request. */
  readonly onPiece?: ((piece: Buffer) => void) | undefined
}

/**
 * A complete response: of status 200 or 206 (RFC 9110 section 15.3.7), of 304 to a conditional request, or of a status
 * that the request accepts.
 */
export interface HttpAnswer extends AnswerHead, Body {}

/** A response without its body. */
export interface AnswerHead {
  readonly status: number
  readonly headers: Headers
  /** The URL of the response, after redirects. */
  readonly url: URL
}

/** Sends requests with the credentials, certificates and connections of one source. */
export interface Requester {
  /**
   * Sends one request and reads the whole response. Redirects are followed; credentials go only to the first origin.
   * @throws RefreshError without secrets, or the reason of the signal
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>
  /** Masks in a text every secret that was sent. */
  redact(text: string): string
  close(): Promise<void>
}

const MAX_REDIRECTS = 10

/** The request of the last redirect. */
interface At {
  request: HttpRequest
  /** Whether credentials are sent: not after a redirect to another origin. */
  isTrusted: boolean
}

/**
 * Creates a requester. Connections are kept alive between requests; gzip and brotli bodies are decompressed.
 * @param redactor may be shared; it then masks the secrets of other requesters too
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

  /** Sends a request with credentials and configured headers. After a 401 it renews the credentials once, if possible. */
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

  /** The settings of the credentials that go to the origin of a request. */
  function settingsOf({ session }: HttpRequest, url: URL): string[] {
    const all = [
      authorizer.setting(url),
      options.headers.length > 0 ? 'http_headers' : undefined,
      session === undefined ? undefined : 'login',
    ]
    return all.filter((one) => one !== undefined)
  }

  /** Follows redirects; `at` has the request of the last one. */
  async function follow(at: At, signal: AbortSignal): Promise<ClientResponse> {
    const start = at.request.url
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const { request } = at
      const response = await (at.isTrusted
        ? sendTrusted(request, start, signal)
        : sendWith({}, request, signal))
      if (!options.followRedirects || !isRedirect(response) || isEnd(request, response)) return response
      await response.body.dump()
      at.request = redirected(request, response)
      // Another origin chose the next URL, even if it leads back: send no credentials any more.
      at.isTrusted &&= at.request.url.origin === start.origin
    }
    throw new RefreshError('redirect', `more than ${MAX_REDIRECTS} redirects`)
  }

  /** Follows redirects and reads the response; `at` has the request of the last redirect. */
  async function answer(at: At, signal: AbortSignal): Promise<HttpAnswer> {
    const { request } = at
    redactor.noteQuery(request.url)
    if (request.body !== undefined) redactor.noteBody(request.body.text)
    for (const secret of options.concealed) await redactor.reveal(secret)
    const response = await follow(at, signal)
    const sent = at.isTrusted ? settingsOf(request, request.url) : []
    const status = await assertStatus(response, { ...request, sent }, deps.clock.now())
    const answer = { status, headers: joined(response), url: at.request.url }
    return { ...answer, ...(await bodyOf(response, answer, request, signal)) }
  }

  return {
    async send(request, signal) {
      const at = { request, isTrusted: true }
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

/** Reads the body of a response as its request wants it. */
async function bodyOf(
  response: ClientResponse,
  answer: AnswerHead,
  { maxBytes, onPiece, intake }: HttpRequest,
  signal: AbortSignal,
): Promise<Body> {
  if (answer.status === 304) {
    // It may have the length of the 200 that it stands for (RFC 9110 section 8.6), which the client takes for a fault.
    await response.body.dump()
    return { body: NO_BODY }
  }
  if (onPiece !== undefined) {
    for await (const piece of piecesOf(response, maxBytes)) onPiece(piece)
    return { body: NO_BODY }
  }
  if (intake === undefined) return { body: await readBody(response, maxBytes) }
  const begin = (first: Uint8Array) => intake.begin(answer, first, signal)
  return readOrStream(response, { maxBytes, intake: { ...intake, begin } })
}

/** Whether a redirect is not followed, because it means that the session has ended. */
function isEnd({ endsWith = [] }: HttpRequest, { statusCode }: ClientResponse): boolean {
  return endsWith.includes(statusCode)
}

/** Limit for the body of an error response, in bytes. */
const MAX_REASON_BYTES = 65_536

/** The reason in the JSON body of an error response; undefined when it cannot be read, whatever the cause. */
async function readReason(response: ClientResponse): Promise<string | undefined> {
  if (response.statusCode < 400) return undefined
  try {
    return reasonIn(JSON.parse((await readBody(response, MAX_REASON_BYTES)).toString()))
  } catch {
    return undefined
  }
}

/** The headers of a response, without the cookies, which are credentials. */
function joined({ headers }: ClientResponse): Headers {
  const told = Object.entries(headers).filter(([name]) => name !== 'set-cookie')
  return Object.fromEntries(told.map(([name, value]) => [name, [value].flat().join(', ')]))
}

/** The headers of a conditional request (RFC 9110 section 13.1); an ETag is more precise than a date. */
function conditions({ etag, lastModified }: Version = {}): Record<string, string> {
  if (etag !== undefined) return { 'if-none-match': etag }
  return lastModified === undefined ? {} : { 'if-modified-since': lastModified }
}

async function assertStatus(
  response: ClientResponse,
  { since, accepts, body: asked, sent }: HttpRequest & { readonly sent: readonly string[] },
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
    // A body may hold credentials too, as that of a login does.
    const none = asked === undefined ? '; none were sent' : ''
    const which = sent.length === 0 ? none : `; those of ${sent.join(' and ')} were sent`
    const message = `${told}; check the credentials that the inventory expects${which}`
    throw new RefreshError('auth', message, { status: statusCode })
  }
  const retryAfterMs = parseRetryAfter(headers['retry-after'], nowMs)
  if (statusCode === 429)
    throw new RefreshError('rate_limited', `${told}: too many requests`, { retryAfterMs })
  throw new RefreshError('http_status', `${told}; check the URL, and the inventory's own log`, {
    retryAfterMs,
    status: statusCode,
  })
}
