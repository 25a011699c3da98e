import type { FastifyReply, FastifyRequest } from 'fastify'
import { acceptsGzip } from '../base/accepts-gzip.ts'
import type { Snapshot } from '../snapshot/freeze.ts'
import { matchesEtag } from './conditional.ts'

/** One form of a snapshot with the headers that never change, as flat names and values. */
interface Representation {
  readonly body: Buffer
  readonly etag: string
  readonly headers: readonly string[]
  readonly bodyHeaders: readonly string[]
}

const representations = new WeakMap<Snapshot, { plain: Representation; gzip: Representation }>()

/**
 * Answers with a snapshot: plain or gzip bytes that were made once, or 304 when the client has them.
 * It writes to the platform's response itself: the framework would copy and check the same headers anew
 * for each of millions of polls, which costs a tenth of the throughput (npm run bench).
 * @param ageMs time since the sources of this list last succeeded
 * @param isLast ask the client to close the connection
 */
export function sendSnapshot(
  request: FastifyRequest,
  reply: FastifyReply,
  snapshot: Snapshot,
  { ageMs, isLast }: { readonly ageMs: number; readonly isLast: boolean },
): void {
  const forms = representationsOf(snapshot)
  const form = acceptsGzip(request.headers['accept-encoding']) ? forms.gzip : forms.plain
  const known = request.headers['if-none-match']
  // Both forms hold the same list, so a client that has either needs nothing; it is told which one it has.
  const held =
    known === undefined
      ? undefined
      : [form, forms.plain, forms.gzip].find(({ etag }) => matchesEtag(known, etag))
  const headers = ['x-rollcall-age-seconds', (ageMs / 1000).toFixed(3), ...(held ?? form).headers]
  if (isLast) headers.push('connection', 'close')
  reply.hijack()
  if (held !== undefined) reply.raw.writeHead(304, headers).end()
  else reply.raw.writeHead(200, headers.concat(form.bodyHeaders)).end(form.body)
}

function representationsOf(snapshot: Snapshot) {
  const made = representations.get(snapshot)
  if (made !== undefined) return made
  // Plain and gzip bodies have entity tags of their own, as strong tags must (RFC 9110 section 8.8.3).
  const forms = {
    plain: represent(snapshot, snapshot.body, `"${snapshot.digest}"`, []),
    gzip: represent(snapshot, snapshot.gzip, `"${snapshot.digest}-gzip"`, ['content-encoding', 'gzip']),
  }
  representations.set(snapshot, forms)
  return forms
}

function represent(
  snapshot: Snapshot,
  body: Buffer,
  etag: string,
  encoding: readonly string[],
): Representation {
  const headers = [
    ...['etag', etag],
    ...['last-modified', new Date(snapshot.changedAtMs).toUTCString()],
    ...['vary', 'Accept-Encoding'],
    // What an inventory says is in the list, and no browser may take it for a page.
    ...['x-content-type-options', 'nosniff'],
    // Without it a cache may guess from Last-Modified how long an old list is good enough.
    ...['cache-control', 'no-cache'],
  ]
  const length = String(body.byteLength)
  const bodyHeaders = [
    'content-type',
    'application/json; charset=utf-8',
    'content-length',
    length,
    ...encoding,
  ]
  return { body, etag, headers, bodyHeaders }
}
