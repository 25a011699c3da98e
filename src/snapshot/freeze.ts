import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { constants, crc32, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from 'node:zlib'
import { sha256 } from '../base/bytes.ts'
import { createYielder, slicesOf } from '../base/yielding.ts'
import * as list from '../model/list.ts'

const EMPTY = Buffer.from(list.EMPTY)
const BEFORE = Buffer.from(list.BEFORE)
const BETWEEN = Buffer.from(list.BETWEEN)
const AFTER = Buffer.from(list.AFTER)

/**
 * One whole generation of a list, frozen as the bytes that are sent. Made once, never changed: a handler
 * only picks a form. Each form is in pieces that are sent one after the other.
 */
export interface Sendable extends Counts {
  readonly plain: readonly Buffer[]
  /** The same list as one gzip member (RFC 1952). */
  readonly gzip: readonly Buffer[]
  /** Tells lists apart: SHA-256 in hex, see {@link freeze} and {@link join}. Quoted, it is the strong ETag of the body. */
  readonly digest: string
  /** Wall-clock time at which this list was first served, in milliseconds. */
  readonly changedAtMs: number
}

/** A list in one piece, that can be joined with others. */
export interface Snapshot extends Sendable {
  readonly body: Buffer
  readonly part: Part
}

/** Counts that go with a body. */
export interface Counts {
  readonly groups: number
  readonly targets: number
}

/** The groups of a list without the brackets around them, plain and compressed; views of a snapshot's own buffers. */
export interface Part {
  readonly bytes: Buffer
  /** Raw deflate (RFC 1951) that ends with a full flush, on a whole byte, and has no last block: another can follow. */
  readonly deflated: Buffer
  readonly checksum: Checksum
}

/** The CRC-32 of some bytes, and what their length does to that of the bytes before them. */
export interface Checksum {
  readonly crc: number
  readonly length: number
  /** x to the power of their number of bits, modulo the polynomial. */
  readonly power: number
}

const deflateInPool = promisify(deflateRaw)
const inflateInPool = promisify(inflateRaw)

/** The least room that the platform takes for a result. */
const MIN_CHUNK_BYTES = 64

/** Up to this, in bytes, compressing takes less than a millisecond, and handing it to the pool half as much again. */
const INLINE_BYTES = 32 * 1024

/**
 * Freezes an encoded list; its digest is that of the body. A large one is compressed on the platform's thread pool, and
 * the checksums share the main thread.
 * @throws TypeError when the body is not an encoded list
 */
export async function freeze(body: Buffer, counts: Counts, changedAtMs: number): Promise<Snapshot> {
  const bytes = groupBytesOf(body)
  const [digest, deflated, crc] = await Promise.all([sha256([body]), deflate(bytes), crcOf(bytes)])
  const checksum = checksumOf(crc, bytes.length)
  return assemble(body, packed({ deflated, checksum }), { deflated, digest, checksum }, counts, changedAtMs)
}

/** What {@link freeze} found out about a list. */
export interface Sums extends Pick<Snapshot, 'digest'> {
  /** The CRC-32 of its groups, and how long they are, in bytes. */
  readonly crc: number
  readonly length: number
}

/**
 * Makes the list again that {@link freeze} made, of its compressed groups.
 * @param sums those of that list, which are not computed anew: the caller knows that it is that list
 * @throws Error when they cannot be read, or are of another length
 */
export async function thaw(
  deflated: Buffer,
  { digest, crc, length }: Sums,
  counts: Counts,
  changedAtMs: number,
): Promise<Snapshot> {
  const checksum = checksumOf(crc, length)
  const gzip = packed({ deflated, checksum })
  const body = await inflate(
    gzip.subarray(GZIP_HEADER.length, -GZIP_TRAILER_BYTES),
    length === 0 ? EMPTY.length : BEFORE.length + length + AFTER.length,
  )
  return assemble(body, gzip, { deflated, digest, checksum }, counts, changedAtMs)
}

/** The list of one part, as one gzip member. */
function packed(part: Pick<Part, 'deflated' | 'checksum'>): Buffer {
  return part.checksum.length === 0 ? EMPTY_GZIP : Buffer.concat(gzipOf([part]))
}

function assemble(
  body: Buffer,
  gzip: Buffer,
  { deflated, digest, checksum }: Pick<Part, 'deflated' | 'checksum'> & Pick<Snapshot, 'digest'>,
  { groups, targets }: Counts,
  changedAtMs: number,
): Snapshot {
  const bytes = groupBytesOf(body)
  // Not a second time in memory.
  const start = GZIP_HEADER.length + BEFORE_BLOCK.length
  const own = bytes.length === 0 ? deflated : gzip.subarray(start, start + deflated.length)
  const part = { bytes, deflated: own, checksum }
  return { body, plain: [body], gzip: [gzip], digest, groups, targets, changedAtMs, part }
}

async function deflate(bytes: Buffer): Promise<Buffer> {
  const options = { finishFlush: constants.Z_FULL_FLUSH }
  return bytes.length <= INLINE_BYTES ? deflateRawSync(bytes, options) : deflateInPool(bytes, options)
}

/** @param length of the result, in bytes: room for all of it at once is a tenth of the work of the platform's pieces */
async function inflate(bytes: Buffer, length: number): Promise<Buffer> {
  const options = { maxOutputLength: length, chunkSize: Math.max(MIN_CHUNK_BYTES, length) }
  const body = await (bytes.length <= INLINE_BYTES
    ? inflateRawSync(bytes, options)
    : inflateInPool(bytes, options))
  if (body.length !== length) throw new Error(`${body.length} bytes where there should be ${length}`)
  return body
}

/**
 * The groups of an encoded list, without the brackets around them; not a copy.
 * @throws TypeError when it is not an encoded list
 */
function groupBytesOf(body: Buffer): Buffer {
  if (body.equals(EMPTY)) return body.subarray(0, 0)
  const end = body.length - AFTER.length
  const isList =
    end > BEFORE.length && body.subarray(0, BEFORE.length).equals(BEFORE) && body.subarray(end).equals(AFTER)
  if (!isList) throw new TypeError('not a list of target groups as Rollcall writes it, one group a line')
  return body.subarray(BEFORE.length, end)
}

async function crcOf(bytes: Buffer): Promise<number> {
  const yieldAfter = createYielder()
  let crc = 0
  for (const slice of slicesOf(bytes)) {
    crc = crc32(slice, crc)
    await yieldAfter(slice.byteLength)
  }
  return crc
}

/**
 * Joins lists into one. Nothing is compressed, decoded or copied: their pieces are sent in a row. Lists without groups
 * add nothing. The digest is the SHA-256 of the digests of the others, in order; a single one keeps its own.
 */
export function join(snapshots: readonly Snapshot[]): Sendable {
  const filled = snapshots.filter(({ part }) => part.bytes.length > 0)
  const changedAtMs = Math.max(0, ...snapshots.map((one) => one.changedAtMs))
  if (filled.length < 2) {
    const only = filled[0] ?? snapshots[0] ?? NOTHING
    return only.changedAtMs === changedAtMs ? only : { ...only, changedAtMs }
  }
  const parts = filled.map(({ part }) => part)
  const bytes = parts.map((part) => part.bytes)
  const plain = [BEFORE, ...separate(bytes, BETWEEN), AFTER]
  const digest = hashOf(filled.map((one) => one.digest).join(''))
  const sum = (field: keyof Counts) => filled.reduce((total, one) => total + one[field], 0)
  return { plain, gzip: gzipOf(parts), digest, groups: sum('groups'), targets: sum('targets'), changedAtMs }
}

function separate(pieces: readonly Buffer[], separator: Buffer): Buffer[] {
  return pieces.flatMap((piece, index) => (index === 0 ? [piece] : [separator, piece]))
}

function hashOf(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex')
}

/** The polynomial of CRC-32 without its highest power, and x to the power of 8; the lowest power is the highest bit. */
const POLYNOMIAL = 0xedb88320
const X_TO_8 = 0x00800000
const ONE = 0x80000000

/** The magic number, deflate, no flags, no time, no hints, an unknown system. */
const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])

/** The CRC-32 and the length. */
const GZIP_TRAILER_BYTES = 8

const BEFORE_BLOCK = storedBlock(BEFORE, false)
const BETWEEN_BLOCK = storedBlock(BETWEEN, false)
const LAST_BLOCK = storedBlock(AFTER, true)

/** The CRC-32 of what is sent beside parts. */
const [BEFORE_SUM, BETWEEN_SUM, AFTER_SUM] = [BEFORE, BETWEEN, AFTER].map((bytes) => {
  return checksumOf(crc32(bytes), bytes.length)
}) as [Checksum, Checksum, Checksum]

const EMPTY_GZIP = Buffer.concat([
  GZIP_HEADER,
  storedBlock(EMPTY, true),
  gzipTrailer(checksumOf(crc32(EMPTY), EMPTY.length)),
])

/** The list of no lists. */
const NOTHING: Sendable = {
  plain: [EMPTY],
  gzip: [EMPTY_GZIP],
  digest: hashOf(EMPTY),
  groups: 0,
  targets: 0,
  changedAtMs: 0,
}

/**
 * The list of parts that are compressed already, as one gzip member: the blocks of all of them, with stored blocks
 * between them. A member each is standard too, but curl and browsers show the first one only.
 */
function gzipOf(parts: readonly Pick<Part, 'deflated' | 'checksum'>[]): Buffer[] {
  const blocks = separate(
    parts.map(({ deflated }) => deflated),
    BETWEEN_BLOCK,
  )
  const sum = parts.reduce((before, { checksum }, index) => {
    return combine(index === 0 ? before : combine(before, BETWEEN_SUM), checksum)
  }, BEFORE_SUM)
  return [GZIP_HEADER, BEFORE_BLOCK, ...blocks, LAST_BLOCK, gzipTrailer(combine(sum, AFTER_SUM))]
}

/** A block of bytes as they are (RFC 1951 section 3.2.4); it starts on a whole byte. */
function storedBlock(bytes: Buffer, isLast: boolean): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(isLast ? 1 : 0, 0)
  head.writeUInt16LE(bytes.length, 1)
  head.writeUInt16LE(bytes.length ^ 0xffff, 3)
  return Buffer.concat([head, bytes])
}

function gzipTrailer({ crc, length }: Checksum): Buffer {
  const trailer = Buffer.alloc(GZIP_TRAILER_BYTES)
  trailer.writeUInt32LE(crc, 0)
  trailer.writeUInt32LE(length % 2 ** 32, 4)
  return trailer
}

/** What is to be known of some bytes to combine their CRC-32 with that of others. */
export function checksumOf(crc: number, length: number): Checksum {
  let power = ONE
  let square = X_TO_8
  for (let bytes = length; bytes > 0; bytes = Math.floor(bytes / 2)) {
    if (bytes % 2 === 1) power = multiply(power, square)
    square = multiply(square, square)
  }
  return { crc, length, power }
}

/** The CRC-32 of two texts in a row: every bit of the second multiplies the checksum of the first by x. */
export function combine(first: Checksum, second: Checksum): Checksum {
  return {
    crc: (multiply(first.crc, second.power) ^ second.crc) >>> 0,
    length: first.length + second.length,
    power: multiply(first.power, second.power),
  }
}

/** The product of two polynomials over GF(2), modulo that of CRC-32. */
function multiply(one: number, other: number): number {
  let product = 0
  let shifted = other
  for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
    if ((one & bit) !== 0) product ^= shifted
    shifted = (shifted & 1) === 0 ? shifted >>> 1 : (shifted >>> 1) ^ POLYNOMIAL
  }
  return product >>> 0
}
