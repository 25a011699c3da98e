import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import { createByteCollector } from '../../base/bytes.ts'
import { RefreshError } from '../../base/errors.ts'
import { formatSize } from '../../model/size.ts'
import { gunzipped } from '../gunzip.ts'
import type { ClientResponse } from './client/client.ts'

/** What is asked for in `Accept-Encoding`. */
export const ACCEPT_ENCODING = 'gzip, br'

/**
 * Reads a body whole and unpacks it, also where it is a packed file by itself.
 * @param maxBytes the most that is read, after unpacking: a small body that unpacks without end stops too
 * @param advice ends the message when there is more
 * @throws RefreshError `too_large`, or `parse` for a coding that was not asked for
 */
export async function readBody(
  response: ClientResponse,
  maxBytes: number,
  advice = '; raise max_response_size if it should be',
): Promise<Buffer> {
  const stream = await unpacked(response)
  const collector = createByteCollector(expectedSize(response, maxBytes))
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (collector.size() + chunk.byteLength > maxBytes) {
      throw new RefreshError('too_large', `the answer is larger than ${formatSize(maxBytes)}${advice}`)
    }
    collector.add(chunk)
  }
  return gunzipped(await collector.join(), 'the answer', maxBytes, advice)
}

/** What the answer says of its own size, when that is what will be read: a body ends there, or fails. */
function expectedSize({ headers }: ClientResponse, maxBytes: number): number | undefined {
  const { 'content-length': length, 'content-encoding': coding } = headers
  if (length === undefined || coding !== undefined || Number(length) > maxBytes) return undefined
  return Number(length)
}

async function unpacked({ headers, body }: ClientResponse): Promise<Readable> {
  const codings = String(headers['content-encoding'] ?? '')
    .toLowerCase()
    .split(/[\s,]+/)
  const coding = codings.filter((one) => one !== '' && one !== 'identity').join(', ')
  if (coding === '') return body
  if (coding === 'br') return joined(body, createBrotliDecompress())
  if (coding === 'gzip' || coding === 'x-gzip') return joined(body, createGunzip())
  await body.dump()
  // Anything could stand there.
  const named = ['zstd', 'deflate', 'compress'].includes(coding)
    ? `the content coding ${coding}`
    : 'a content coding'
  throw new RefreshError('parse', `the answer has ${named}, which was not asked for`)
}

/** Pipes, and passes the end and every failure on in both directions. */
function joined(from: Readable, to: ReturnType<typeof createGunzip>): Readable {
  from.once('error', (error) => to.destroy(error))
  to.once('close', () => from.destroy())
  return from.pipe(to)
}
