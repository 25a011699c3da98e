import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import { createByteCollector } from '../../base/bytes.ts'
import { RefreshError } from '../../base/errors.ts'
import { formatSize } from '../../model/size.ts'
import { gunzipped } from '../gunzip.ts'
import type { ClientResponse } from './client/client.ts'

/** The value of `Accept-Encoding`. */
export const ACCEPT_ENCODING = 'gzip, br'

/**
 * Reads and decompresses a whole body, also a body that is a gzip file.
 * @param maxBytes limit after decompression, which also stops a decompression bomb
 * @param advice is appended to the message when the body is larger
 * @throws RefreshError `too_large`, or `parse` for a content coding that was not requested
 */
export async function readBody(
  response: ClientResponse,
  maxBytes: number,
  advice = '; raise max_response_size if this is expected',
): Promise<Buffer> {
  const collector = createByteCollector(expectedSize(response, maxBytes))
  await streamBody(response, maxBytes, collector.add, advice)
  return gunzipped(await collector.join(), 'the answer', maxBytes, advice)
}

/**
 * Reads and decompresses a body piece by piece.
 * @param maxBytes limit after decompression
 * @param onPiece is called with each piece; an error that it throws ends the read
 * @throws RefreshError `too_large`, or `parse` for a content coding that was not requested
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

/** The Content-Length, if exactly that many bytes will be read; undefined otherwise. */
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
  // An unknown coding is not shown: it could be any text.
  const named = ['zstd', 'deflate', 'compress'].includes(coding)
    ? `the content coding ${coding}`
    : 'a content coding'
  throw new RefreshError('parse', `the answer has ${named}, which was not requested`)
}

/** Pipes a stream, and passes its end and its errors on in both directions. */
function joined(from: Readable, to: ReturnType<typeof createGunzip>): Readable {
  from.once('error', (error) => to.destroy(error))
  to.once('close', () => from.destroy())
  return from.pipe(to)
}
