import { RefreshError } from '../../base/errors.ts'
import type { Files } from '../../base/files.ts'
import type { Document } from '../../model/document.ts'
import { formatSize } from '../../model/size.ts'
import { gunzipped } from '../gunzip.ts'
import { findFiles, fingerprintOf, missing, orFail } from './find.ts'
import type { FilePattern } from './pattern.ts'

/** Ends what is said of files that are too large. */
const ADVICE = '; raise max_size if they should'

/** All files of a source as they stood together at one moment. */
export interface FilesRead {
  readonly documents: readonly Document[]
  readonly fingerprint: string
}

/**
 * Reads all files whole.
 * @param maxBytes the most that is read, in bytes, of all files together
 * @returns undefined when one of them changed meanwhile, so that what was read may be half of something
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
    // Should a pipe have taken the file's place, this does not wait for who writes into it.
    const packed = await orFail(name, files.read(path, { maxBytes, isPlain: true }))
    if (packed === undefined) throw missing(name)
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
