import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { sha256 } from '../base/bytes.ts'

const compress = promisify(gzip)

/**
 * One whole generation of a list, frozen as the bytes that are sent. Made once, never changed: a handler
 * only picks a buffer.
 */
export interface Snapshot {
  readonly body: Buffer
  readonly gzip: Buffer
  /** SHA-256 of the body in hex; quoted, it is the strong ETag of the plain body. */
  readonly digest: string
  readonly groups: number
  readonly targets: number
  /** Wall-clock time at which this list was first served, in milliseconds. */
  readonly changedAtMs: number
}

/** Counts that go with a body. */
export interface Counts {
  readonly groups: number
  readonly targets: number
}

/** Freezes an encoded list. Compression runs on the platform's thread pool, off the main thread. */
export async function freeze(body: Buffer, counts: Counts, changedAtMs: number): Promise<Snapshot> {
  const [digest, zipped] = await Promise.all([sha256([body]), compress(body)])
  return { body, gzip: zipped, digest, ...counts, changedAtMs }
}
