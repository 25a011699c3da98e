import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Snapshot } from '../snapshot/snapshot.ts'
import { acceptsGzip, matchesEtag } from './conditional.ts'

/**
 * Answers with a snapshot: plain or gzip bytes that were made once, or 304 when the client has them.
 * Plain and gzip bodies have entity tags of their own, as strong tags must (RFC 9110 section 8.8.3).
 * @param ageMs time since the sources of this list last succeeded
 */
export function sendSnapshot(
  request: FastifyRequest,
  reply: FastifyReply,
  snapshot: Snapshot,
  ageMs: number,
): FastifyReply {
  const zip = acceptsGzip(request.headers['accept-encoding'])
  const plainTag = `"${snapshot.digest}"`
  const gzipTag = `"${snapshot.digest}-gzip"`
  const headers: Record<string, string> = {
    'content-type': 'application/json; charset=utf-8',
    etag: zip ? gzipTag : plainTag,
    'last-modified': new Date(snapshot.changedAtMs).toUTCString(),
    vary: 'Accept-Encoding',
    // Without it a cache may guess from Last-Modified how long an old list is good enough.
    'cache-control': 'no-cache',
    'x-rollcall-age-seconds': (ageMs / 1000).toFixed(3),
  }
  const known = request.headers['if-none-match']
  if (known !== undefined && matchesEtag(known, [plainTag, gzipTag])) {
    delete headers['content-type']
    return reply.code(304).headers(headers).send()
  }
  if (zip) headers['content-encoding'] = 'gzip'
  return reply.headers(headers).send(zip ? snapshot.gzip : snapshot.body)
}
