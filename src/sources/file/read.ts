import { RefreshError } from '../../base/errors.ts'
import type { Files } from '../../base/files.ts'
import type { Document } from '../../model/document.ts'
import { formatSize } from '../../model/size.ts'
import { gunzipped } from '../gunzip.ts'
import { findFiles, fingerprintOf, missing, orFail } from './find.ts'
import type { FilePattern } from './pattern.ts'

/** Appended to the message about files that are too large. */
const ADVICE = '; raise max_size if this is expected'

/** A consistent snapshot of all files of a source. */
export interface FilesRead {
  readonly documents: readonly Document[]
  readonly fingerprint: string
}

/**
 * Reads all files.
 * @param maxBytes limit for all files together, in bytes
 * @returns undefined when a file changed meanwhile, so that it may have been read half-written
 * @throws RefreshError `file` or `too_large`, or the signal's reason between two files
 */
export async function readFiles(
  patterns: readonly FilePattern[],
  maxBytes: number,
  files: Pick<Files, 'list' | 'look' | 'read'>,
  signal: AbortSignal,
): Promise<FilesRead | undefined> {
  const found = await findFiles(patterns, files)
  const total = found.reduce((sum, { size }) => sum + size, 0)
  if (total > maxBytes) {
    const what = `the files have ${formatSize(total)}, more than ${formatSize(maxBytes)}`
    throw new RefreshError('too_large', `${what}${ADVICE}`)
  }
  const documents: Document[] = []
  let isWhole = true
  let unpacked = 0
  for (const { path, name, format, size } of found) {
    signal.throwIfAborted()
    // If a pipe has replaced the file, isPlain prevents waiting for its writer.
    const packed = await orFail(path, files.read(path, { maxBytes, isPlain: true }))
    if (packed === undefined) throw missing(path)
    isWhole &&= packed.byteLength === size
    const bytes = await gunzipped(packed, name, maxBytes - unpacked, ADVICE)
    unpacked += bytes.byteLength
    documents.push({ bytes, format, name })
  }
  const fingerprint = fingerprintOf(found)
  return isWhole && fingerprintOf(await findFiles(patterns, files)) === fingerprint
    ? { documents, fingerprint }
    : undefined
}
