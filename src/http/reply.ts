import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { acceptsGzip } from '../base/accepts-gzip.ts'
import { bytesIn } from '../base/bytes.ts'
import { endConnection } from '../base/connections.ts'
import type { Sendable } from '../snapshot/freeze.ts'
import { matchesEtag } from './conditional.ts'

/** One form of a list. */
interface Representation {
  readonly pieces: readonly Buffer[]
  /** The length of all pieces. */
  readonly bytes: number
  readonly etag: string
  /** The headers of a 304, and of a 200, as flat names and values; the age, at {@link AGE}, is set for each answer. */
  readonly head: string[]
  readonly whole: string[]
  /** What the platform made of `whole` within this second. */
  rendered: Rendered | undefined
}

/** The head of a 200 on a connection that stays open, as the platform rendered it. */
interface Rendered {
  /** The second since 1970 of its date. */
  readonly second: number
  /** All that follows the value of the age. */
  readonly rest: string
}

/** A list of several sources that is not larger is sent in one piece. */
const SMALL_BYTES = 65_536

/** The place of the age among the headers. */
const AGE = 1

/** How a head starts that the platform rendered, up to the value of the age. */
const RENDERED_START = 'HTTP/1.1 200 OK\r\nx-rollcall-age-seconds: '

const representations = new WeakMap<Sendable, { plain: Representation; gzip: Representation }>()

/**
 * Answers with a list: plain or gzip bytes that were made once, or 304 when the client has them.
 * It writes to the platform's response itself: the framework would copy and check the same headers anew
 * for each of millions of polls, which costs a tenth of the throughput (npm run bench).
 * @param ageMs time since the sources of this list last succeeded
 * @param isLast ask the client to close the connection
 */
export function sendList(
  request: IncomingMessage,
  response: ServerResponse,
  list: Sendable,
  { ageMs, isLast }: { readonly ageMs: number; readonly isLast: boolean },
): void {
  const forms = representationsOf(list)
  const form = acceptsGzip(request.headers['accept-encoding']) ? forms.gzip : forms.plain
  const known = request.headers['if-none-match']
  // Both forms hold the same list, so a client that has either needs nothing; it is told which one it has.
  const held =
    known === undefined
      ? undefined
      : [form, forms.plain, forms.gzip].find(({ etag }) => matchesEtag(known, etag))
  const lines = held?.head ?? form.whole
  lines[AGE] = (ageMs / 1000).toFixed(3)
  const headers = isLast ? [...lines, ...endConnection(request).flat()] : lines
  if (held !== undefined) {
    writeHead(request, response, 304, headers).end()
    return
  }
  if (!isLast && isPlainKeepAlive(request, response)) writeRendered(request, response, form)
  else writeHead(request, response, 200, headers)
  if (isEncrypted(request) && form.bytes > SLICE_BYTES) Readable.from(slicesOf(form.pieces)).pipe(response)
  else sendPieces(response, form.pieces)
}

/** Whether all that is written is encrypted at once; HTTP/2 encrypts no more than its client is ready to take. */
function isEncrypted({ socket, httpVersionMajor }: IncomingMessage): boolean {
  return httpVersionMajor < 2 && (socket as Partial<TLSSocket>).encrypted === true
}

/** Over TLS so many bytes of a larger list are sent at a time: what is encrypted is a copy for each client. */
const SLICE_BYTES = 2 ** 20

function* slicesOf(pieces: readonly Buffer[]): Iterable<Buffer> {
  for (const piece of pieces)
    for (let start = 0; start < piece.length; start += SLICE_BYTES)
      yield piece.subarray(start, start + SLICE_BYTES)
}

/**
 * Whether the head of a response is the same as that of others: HTTP/1.1, next on a connection that stays open, without
 * headers of its own.
 */
function isPlainKeepAlive({ httpVersion, socket }: IncomingMessage, response: ServerResponse): boolean {
  const isNext = httpVersion === '1.1' && response.socket === socket
  return isNext && response.shouldKeepAlive && response.getHeaderNames().length === 0
}

/**
 * Writes the head of a 200. Within one second only the age differs, so the text that the platform rendered is used
 * again: to check and render the headers anew costs a tenth of a small response (npm run bench). Node.js stores the
 * text in `_header`, which is not documented; `headersSent` is, and shows whether it was taken.
 */
function writeRendered(request: IncomingMessage, response: ServerResponse, form: Representation): void {
  const raw = response as unknown as { _header: string | null }
  const second = Math.floor(Date.now() / 1000)
  if (form.rendered?.second === second) {
    raw._header = RENDERED_START + form.whole[AGE] + form.rendered.rest
    if (response.headersSent) return
  }
  writeHead(request, response, 200, form.whole)
  const { _header: text } = raw
  if (text?.startsWith(RENDERED_START))
    form.rendered = { second, rest: text.slice(text.indexOf('\r\n', RENDERED_START.length)) }
}

function writeHead(
  { httpVersionMajor }: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: string[],
): ServerResponse {
  if (httpVersionMajor < 2) return response.writeHead(status, headers)
  // Before Node.js 20.20 HTTP/2 took no flat list.
  const pairs = headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1]]] : []))
  return response.writeHead(status, pairs as unknown as OutgoingHttpHeader[])
}

/** All pieces in one write to the system. */
function sendPieces(response: ServerResponse, pieces: readonly Buffer[]): void {
  if (pieces.length > 1) {
    response.cork()
    for (let index = 0; index < pieces.length - 1; index++) response.write(pieces[index])
  }
  response.end(pieces.at(-1))
}

function representationsOf(list: Sendable) {
  const made = representations.get(list)
  if (made !== undefined) return made
  // Plain and gzip bodies have entity tags of their own, as strong tags must (RFC 9110 section 8.8.3).
  const forms = {
    plain: represent(list, list.plain, `"${list.digest}"`, []),
    gzip: represent(list, list.gzip, `"${list.digest}-gzip"`, ['content-encoding', 'gzip']),
  }
  representations.set(list, forms)
  return forms
}

function represent(
  { changedAtMs }: Sendable,
  pieces: readonly Buffer[],
  etag: string,
  encoding: readonly string[],
): Representation {
  const head = [
    ...['x-rollcall-age-seconds', ''],
    ...['etag', etag],
    ...['last-modified', new Date(changedAtMs).toUTCString()],
    ...['vary', 'Accept-Encoding'],
    // What an inventory says is in the list, and no browser may take it for a page.
    ...['x-content-type-options', 'nosniff'],
    // Without it a cache may guess from Last-Modified how long an old list is good enough.
    ...['cache-control', 'no-cache'],
  ]
  const bytes = bytesIn(pieces)
  const whole = [
    ...head,
    ...['content-type', 'application/json; charset=utf-8'],
    ...['content-length', String(bytes)],
    ...encoding,
  ]
  return {
    pieces: bytes <= SMALL_BYTES ? [Buffer.concat(pieces)] : pieces,
    bytes,
    etag,
    head,
    whole,
    rendered: undefined,
  }
}
