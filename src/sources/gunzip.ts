import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { RefreshError } from '../base/errors.ts'
import { formatSize } from '../model/size.ts'

/** Larger than the platform's default, which takes five times as long. */
const CHUNK_BYTES = 256 * 1024

/** The result of the platform with the option `info`, which shows how much was read. */
interface Unpacked {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

const unpack = promisify(gunzip) as unknown as (bytes: Buffer, options: object) => Promise<Unpacked>

/**
 * Decompresses a document if its first bytes are those of gzip (RFC 1952); any other is returned unchanged.
 * @param name the name of the document in messages
 * @param maxBytes limit for the decompressed document, in bytes
 * @param advice is appended to the message when it is larger
 * @throws RefreshError `too_large`, or `parse` when it is truncated or damaged
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
    // The platform stops without an error at zeros after a member, even if another member was lost.
    if (engine.bytesWritten === bytes.length) return buffer
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new RefreshError(
        'too_large',
        `${name} has more than ${formatSize(maxBytes)} decompressed${advice}`,
      )
    }
    throw broken(name, cause)
  }
  throw broken(name)
}

function broken(name: string, cause?: unknown): RefreshError {
  const message = `${name} is compressed with gzip, and cannot be decompressed: it is truncated or damaged`
  return new RefreshError('parse', message, { cause })
}
