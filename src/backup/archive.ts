import { createHmac, timingSafeEqual } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { constants, createGunzip, createGzip } from 'node:zlib'
import { createByteCollector, sha256 } from '../base/bytes.ts'
import { messageOf } from '../base/errors.ts'
import { slicesOf } from '../base/yielding.ts'
import { isObject, type Json } from '../model/record.ts'
import { isKeptPath } from './paths.ts'

// The format, compressed with gzip as a whole: a line with the manifest, as JSON; a line with the signature of the
// manifest, empty without one; then the bytes of each file that the manifest lists, one after the other.

/** The version of the format; a backup of another version is not read. */
const FORMAT = 1

/** The longest manifest that is read, in bytes: some hundred thousand files. */
const MAX_LINE_BYTES = 16 * 2 ** 20

/** How much is decompressed at a time, in bytes. */
const PIECE_BYTES = 2 ** 18

/** A file to back up, piece by piece. */
export interface Part {
  /** Its path in the storage folder. */
  readonly path: string
  readonly pieces: readonly Uint8Array[]
}

/** A checked backup. */
export interface Archive {
  /** The version of the Rollcall that made it. */
  readonly rollcall: string
  /** When it was made, on the wall clock, in milliseconds. */
  readonly atMs: number
  readonly isSigned: boolean
  /** The bytes of each file, by its path. */
  readonly parts: ReadonlyMap<string, Buffer>
}

interface Listed {
  readonly path: string
  readonly size: number
  readonly sha256: string
}

/**
 * Packs files into a backup. The pieces are not copied, so they must not change until the stream has been read.
 * @param made the version of Rollcall, and the time on the wall clock, in milliseconds
 * @param key signs it; undefined: it has digests only
 * @returns the bytes; destroying them ends the work
 */
export async function packArchive(
  parts: readonly Part[],
  made: { readonly rollcall: string; readonly atMs: number },
  key: string | undefined,
): Promise<Readable> {
  const listed: Listed[] = []
  for (const { path, pieces } of parts) {
    const size = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)
    listed.push({ path, size, sha256: await sha256(pieces) })
  }
  const { rollcall, atMs } = made
  const at = new Date(atMs).toISOString()
  const manifest = JSON.stringify({ format: FORMAT, rollcall, at, parts: listed })
  const head = Buffer.from(`${manifest}\n${key === undefined ? '' : signatureOf(manifest, key)}\n`)
  const gzip = createGzip({ level: constants.Z_BEST_SPEED })
  // The reader of the stream gets its errors.
  pipeline(Readable.from(bytesOf(head, parts)), gzip, () => {})
  return gzip
}

function* bytesOf(head: Uint8Array, parts: readonly Part[]): Iterable<Uint8Array> {
  yield head
  for (const { pieces } of parts) for (const piece of pieces) yield* slicesOf(piece)
}

/**
 * Reads a backup, and checks all of it. It decompresses no more than the manifest lists, and no file if the signature is
 * wrong.
 * @param key that it must be signed with; undefined: it need not be signed
 * @throws Error that says what is wrong
 */
export async function readArchive(packed: Uint8Array, key?: string): Promise<Archive> {
  const gunzip = createGunzip({ chunkSize: PIECE_BYTES })
  pipeline(Readable.from([packed]), gunzip, () => {})
  const reader = createReader(gunzip)
  try {
    const line = await reader.line()
    const { rollcall, at, parts: listed } = readManifest(line)
    const signature = await reader.line()
    if (key !== undefined) assertSigned(line, signature, key)
    const parts = new Map<string, Buffer>()
    for (const { path, size, sha256: digest } of listed) {
      const bytes = await reader.take(size)
      if ((await sha256([bytes])) !== digest)
        throw new Error(`${path} in the backup was changed: its digest differs`)
      parts.set(path, bytes)
    }
    await reader.assertEnd()
    return { rollcall, atMs: Date.parse(at), isSigned: signature !== '', parts }
  } finally {
    gunzip.destroy()
  }
}

function signatureOf(manifest: string, key: string): string {
  return createHmac('sha256', key).update(manifest).digest('hex')
}

function assertSigned(manifest: string, signature: string, key: string): void {
  if (signature === '')
    throw new Error('it is not signed; leave --storage.signing-key-file out if you trust its origin')
  const expected = Buffer.from(signatureOf(manifest, key))
  const given = Buffer.from(signature)
  if (given.length === expected.length && timingSafeEqual(given, expected)) return
  throw new Error('its signature is wrong: it was changed, or signed with another key')
}

interface Manifest {
  readonly rollcall: string
  readonly at: string
  readonly parts: readonly Listed[]
}

function readManifest(line: string): Manifest {
  const manifest = parse(line)
  if (!isObject(manifest) || typeof manifest.format !== 'number')
    throw new Error('it is not a backup of Rollcall: its first line is not a manifest')
  const { format, rollcall, at, parts } = manifest
  if (format !== FORMAT) {
    const by = JSON.stringify(rollcall ?? 'unknown').slice(0, 60)
    throw new Error(
      `it has the format ${format}, not ${FORMAT}; restore it with the version that made it, ${by}`,
    )
  }
  if (typeof rollcall !== 'string' || typeof at !== 'string' || Number.isNaN(Date.parse(at)))
    throw new Error('its manifest has no valid time or version')
  if (!Array.isArray(parts)) throw new Error('its manifest lists no files')
  const listed = parts.map(readListed)
  if (new Set(listed.map(({ path }) => path)).size < listed.length)
    throw new Error('its manifest lists a file twice')
  return { rollcall, at, parts: listed }
}

function readListed(part: Json): Listed {
  const { path, size, sha256: digest } = isObject(part) ? part : {}
  const isRight =
    typeof path === 'string' && isKeptPath(path) && isSize(size) && /^[0-9a-f]{64}$/.test(String(digest))
  if (isRight) return { path, size, sha256: String(digest) }
  throw new Error(
    `its manifest lists a file that is not part of a backup: ${JSON.stringify(part).slice(0, 200)}`,
  )
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function parse(line: string): Json {
  try {
    return JSON.parse(line) as Json
  } catch {
    return null
  }
}

/** Reads decompressed bytes in order. It allocates memory only for bytes that have arrived. */
function createReader(stream: Readable) {
  const chunks: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)

  /** @returns false at the end */
  async function more(): Promise<boolean> {
    const { value, done } = await chunks.next().catch((cause) => {
      throw new Error(`it cannot be decompressed: ${messageOf(cause)}; check that the file is complete`, {
        cause,
      })
    })
    if (done !== true) rest = value
    return done !== true
  }

  /** @param end the end of the wanted bytes in the bytes that have arrived; -1: it has not arrived yet */
  async function collect(end: (bytes: Buffer, before: number) => number): Promise<Buffer> {
    const collector = createByteCollector()
    for (;;) {
      const at = end(rest, collector.size())
      collector.add(rest.subarray(0, at === -1 ? rest.length : at))
      if (at !== -1) {
        rest = rest.subarray(at)
        return collector.join()
      }
      if (!(await more())) throw new Error('it is truncated; copy it again')
    }
  }

  return {
    /** The next line, without its end. */
    async line(): Promise<string> {
      const bytes = await collect((now, before) => {
        if (before > MAX_LINE_BYTES)
          throw new Error('it is not a backup of Rollcall: a line at its beginning has no end')
        return now.indexOf('\n') + 1 || -1
      })
      return bytes.toString('utf8', 0, bytes.length - 1)
    },
    take: (size: number): Promise<Buffer> =>
      collect((now, before) => (before + now.length < size ? -1 : size - before)),
    async assertEnd(): Promise<void> {
      if (rest.length > 0 || (await more())) throw new Error('it has more bytes than its manifest lists')
    },
  }
}
