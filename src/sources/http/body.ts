import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import { type ByteCollector, bytesIn, createByteCollector } from '../../base/bytes.ts'
import { RefreshError } from '../../base/errors.ts'
import type { Taken } from '../../model/document.ts'
import { formatSize } from '../../model/size.ts'
import { HEAD_BYTES } from '../../pipeline/json-parts.ts'
import { gunzipped } from '../gunzip.ts'
import type { Intake, Taker } from '../source.ts'
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
  await streamBody(response, maxBytes, collector.add, advice)
  return gunzipped(await collector.join(), NAME, maxBytes, advice)
}

/** Takes a body that is too large to be held. */
export interface BodyIntake extends Pick<Intake, 'maxHeld'> {
  /** Begins to take it. @param head its first bytes @returns undefined when it has to be held */
  begin(head: Uint8Array): Taker | undefined
}

/** A body that was read. */
export interface Body {
  /** Empty when it was taken. */
  readonly body: Buffer
  /** Undefined: it is held. */
  readonly begun?: Begun
}

/** A body that was taken while it arrived. */
export interface Begun {
  /** Undefined: it has to be read again and held. */
  readonly taken: Taken | undefined
}

const NO_BODY = Buffer.alloc(0)

/**
 * Reads and decompresses a whole body; a large one is taken while it arrives, if it can be.
 * @param maxBytes limit after decompression
 * @throws RefreshError as {@link readBody} does
 */
export async function readOrTake(
  response: ClientResponse,
  maxBytes: number,
  intake: BodyIntake,
): Promise<Body> {
  const size = expectedSize(response, maxBytes)
  if (size !== undefined && size <= intake.maxHeld) return { body: await readBody(response, maxBytes) }
  // If its size is unknown, it is held as long as it may turn out to be small.
  const enough = size === undefined ? intake.maxHeld : HEAD_BYTES
  const early: Buffer[] = []
  let collector: ByteCollector | undefined
  let taker: Taker | undefined
  const add = (piece: Buffer) => (taker === undefined ? collector?.add(piece) : taker.add(piece))

  async function decide(isLarge: boolean): Promise<void> {
    taker = isLarge ? intake.begin(headOf(early)) : undefined
    if (taker === undefined) collector = createByteCollector(size)
    // Each piece is released as soon as it is taken.
    for (let piece = early.shift(); piece !== undefined; piece = early.shift()) await add(piece)
  }

  let earlyBytes = 0
  await streamBody(
    response,
    maxBytes,
    async (piece) => {
      if (taker !== undefined || collector !== undefined) return add(piece)
      early.push(piece)
      earlyBytes += piece.byteLength
      if (earlyBytes > enough) await decide(true)
    },
    ADVICE,
  )
  if (taker !== undefined) return { body: NO_BODY, begun: { taken: await (taker as Taker).end() } }
  if (collector === undefined) await decide(false)
  return {
    body: await gunzipped(await (collector as unknown as ByteCollector).join(), NAME, maxBytes, ADVICE),
  }
}

/** The first bytes of some pieces. */
function headOf(pieces: readonly Buffer[]): Buffer {
  const first: Buffer[] = []
  for (const piece of pieces) {
    first.push(piece)
    if (bytesIn(first) >= HEAD_BYTES) break
  }
  return Buffer.concat(first).subarray(0, HEAD_BYTES)
}

/**
 * Reads and decompresses a body piece by piece.
 * @param maxBytes limit after decompression
 * @param onPiece is called with each piece, once it is done with the one before; an error that it throws ends the read
 * @throws RefreshError `too_large`, or `parse` for a content coding that was not requested
 */
export async function streamBody(
  response: ClientResponse,
  maxBytes: number,
  onPiece: (piece: Buffer) => void | Promise<void>,
  advice = '',
): Promise<void> {
  const stream = await unpacked(response)
  let size = 0
  for await (const piece of stream as AsyncIterable<Buffer>) {
    size += piece.byteLength
    if (size > maxBytes)
      throw new RefreshError('too_large', `the answer is larger than ${formatSize(maxBytes)}${advice}`)
    await onPiece(piece)
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
