import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import { bytesIn, createByteCollector } from '../../base/bytes.ts'
import { RefreshError } from '../../base/errors.ts'
import type { Streamed } from '../../model/document.ts'
import { formatSize } from '../../model/size.ts'
import { HEAD_BYTES } from '../../pipeline/json-parts.ts'
import { gunzipped } from '../gunzip.ts'
import type { DocumentStream, Intake } from '../source.ts'
import type { ClientResponse } from './client/client.ts'

const NAME = 'the answer'
const ADVICE = '; raise max_response_size if this is expected'

/** The value of `Accept-Encoding`. */
export const ACCEPT_ENCODING = 'gzip, br'

/**
 * Reads and decompresses a whole body, also a body that is a gzip file.
 * @param maxBytes limit after decompression, which also stops a decompression bomb
 * @param advice is appended to the message when the body is larger
 * @throws RefreshError `too_large`, or `parse` for a content coding that was not requested
 */
export async function readBody(response: ClientResponse, maxBytes: number, advice = ADVICE): Promise<Buffer> {
  const collector = createByteCollector(expectedSize(response, maxBytes))
  for await (const piece of piecesOf(response, maxBytes, advice)) collector.add(piece)
  return gunzipped(await collector.join(), NAME, maxBytes, advice)
}

/** A body that was read. */
export interface Body {
  /** Empty when it was streamed. */
  readonly body: Buffer
  /** Set when it was mapped while it arrived; `elsewhere`: it has to be read again, into memory. */
  readonly streamed?: Streamed | 'elsewhere'
}

/** The body of a response that is not kept. */
export const NO_BODY = Buffer.alloc(0)

/** How a body is streamed. */
interface Streaming {
  /** Limit after decompression, in bytes. */
  readonly maxBytes: number
  /** Begins to map it. */
  readonly intake: Pick<Intake, 'maxInMemoryBytes'> & {
    begin(first: Uint8Array): DocumentStream | undefined
  }
}

/**
 * Reads and decompresses a whole body; a large one is mapped while it arrives, if it can be.
 * @throws RefreshError as {@link readBody} does
 */
export async function readOrStream(response: ClientResponse, { maxBytes, intake }: Streaming): Promise<Body> {
  const size = expectedSize(response, maxBytes)
  const { maxInMemoryBytes } = intake
  if (size !== undefined && size <= maxInMemoryBytes) return { body: await readBody(response, maxBytes) }
  const pieces = piecesOf(response, maxBytes, ADVICE)
  try {
    // If its size is unknown, it is kept as long as it may turn out to be small.
    const early = await firstOf(pieces, size === undefined ? maxInMemoryBytes : HEAD_BYTES)
    const stream = early.isAll ? undefined : intake.begin(headOf(early.pieces))
    if (stream === undefined) {
      const collector = createByteCollector(size)
      await addAll(early.pieces, pieces, collector.add)
      return { body: await gunzipped(await collector.join(), NAME, maxBytes, ADVICE) }
    }
    await addAll(early.pieces, pieces, stream.add)
    return { body: NO_BODY, streamed: await stream.end() }
  } finally {
    await pieces.return(undefined)
  }
}

/** The first pieces. */
interface First {
  readonly pieces: Buffer[]
  /** Whether there are no others. */
  readonly isAll: boolean
}

/** Reads pieces until they have more than so many bytes. */
async function firstOf(pieces: AsyncIterator<Buffer>, enough: number): Promise<First> {
  const first: Buffer[] = []
  let bytes = 0
  while (bytes <= enough) {
    const { done, value } = await pieces.next()
    if (done === true) return { pieces: first, isAll: true }
    first.push(value)
    bytes += value.byteLength
  }
  return { pieces: first, isAll: false }
}

/** Adds the first pieces, each of which is released then, and all that follow. */
async function addAll(
  first: Buffer[],
  others: AsyncIterable<Buffer>,
  add: (piece: Buffer) => void | Promise<void>,
): Promise<void> {
  for (let piece = first.shift(); piece !== undefined; piece = first.shift()) await add(piece)
  for await (const piece of others) await add(piece)
}

/** The first bytes of some pieces. */
function headOf(pieces: readonly Buffer[]): Buffer {
  return Buffer.concat(pieces, Math.min(HEAD_BYTES, bytesIn(pieces)))
}

/**
 * Reads and decompresses a body piece by piece.
 * @param maxBytes limit after decompression
 * @param advice is appended to the message when the body is larger
 * @throws RefreshError `too_large`, or `parse` for a content coding that was not requested
 */
export async function* piecesOf(
  response: ClientResponse,
  maxBytes: number,
  advice = '',
): AsyncGenerator<Buffer> {
  let size = 0
  for await (const piece of (await unpacked(response)) as AsyncIterable<Buffer>) {
    size += piece.byteLength
    if (size > maxBytes)
      throw new RefreshError('too_large', `the answer is larger than ${formatSize(maxBytes)}${advice}`)
    yield piece
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
