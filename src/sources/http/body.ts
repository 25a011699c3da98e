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
  const collector = createByteCollector(expectedSize(response, maxBytes))
  await streamBody(response, maxBytes, collector.add, advice)
  return gunzipped(await collector.join(), 'the answer', maxBytes, advice)
}

/**
 * Reads a body piece by piece and unpacks it.
 * @param maxBytes the most that is read, after unpacking
 * @param onPiece is handed each piece; what it throws ends the reading
 * @throws RefreshError `too_large`, or `parse` for a coding that was not asked for
 */
export async function streamBody(
  response: ClientResponse,
  maxBytes: number,
  onPiece: (piece: Buffer) => void,
  advice = '',
): Promise<void> {
  const stream = await unpacked(response)
  let size = 0
  for await (const piece of stream as AsyncIterable<Buffer>) {
    size += piece.byteLength
    if (size > maxBytes)
      throw new RefreshError('too_large', `the answer is larger than ${formatSize(maxBytes)}${advice}`)
    onPiece(piece)
  }
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
