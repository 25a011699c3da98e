import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { RefreshError } from '../base/errors.ts'
import { formatSize } from '../model/size.ts'

/** Larger pieces than the platform's take a fifth of its time. */
const CHUNK_BYTES = 256 * 1024

/** What it gives when it is asked how much was read. */
interface Unpacked {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

const unpack = promisify(gunzip) as unknown as (bytes: Buffer, options: object) => Promise<Unpacked>

/**
 * Unpacks a document that is packed with gzip (RFC 1952), by its first bytes; any other is returned as it is.
 * @param name what messages call it
 * @param maxBytes the most that it may have, in bytes, when it is unpacked
 * @param advice ends the message when it has more
 * @throws RefreshError `too_large`, or `parse` when it was cut or is broken
 */
export async function gunzipped(
  bytes: Buffer,
  name: string,
  maxBytes: number,
  advice: string,
): Promise<Buffer> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    const options = { maxOutputLength: Math.max(1, maxBytes), chunkSize: CHUNK_BYTES, info: true }
    const { buffer, engine } = await unpack(bytes, options)
    // Zeros behind a member end it without an error, also where another member was lost.
    if (engine.bytesWritten === bytes.length) return buffer
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new RefreshError('too_large', `${name} has more than ${formatSize(maxBytes)} unpacked${advice}`)
    }
    throw broken(name, cause)
  }
  throw broken(name)
}

function broken(name: string, cause?: unknown): RefreshError {
  const message = `${name} is packed with gzip, and cannot be unpacked: it was cut or broken`
  return new RefreshError('parse', message, { cause })
}
