import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { RefreshError } from '../../base/errors.ts'
import type { Document } from '../../model/document.ts'
import { formatSize } from '../../model/size.ts'
import { type FoundFile, findFiles, fingerprintOf, orFail } from './find.ts'
import type { FilePattern } from './pattern.ts'

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
  signal: AbortSignal,
): Promise<FilesRead | undefined> {
  const files = await findFiles(patterns)
  const total = files.reduce((sum, { size }) => sum + size, 0)
  if (total > maxBytes) {
    const what = `the files have ${formatSize(total)}, more than ${formatSize(maxBytes)}`
    throw new RefreshError('too_large', `${what}; raise max_size if they should`)
  }
  const documents: Document[] = []
  for (const file of files) {
    signal.throwIfAborted()
    documents.push(await orFail(file.name, readWhole(file)))
  }
  const fingerprint = fingerprintOf(files)
  const isWhole = files.every(({ size }, index) => documents[index]?.bytes.byteLength === size)
  return isWhole && fingerprintOf(await findFiles(patterns)) === fingerprint
    ? { documents, fingerprint }
    : undefined
}

async function readWhole({ path, name, format, size }: FoundFile): Promise<Document> {
  // Should a pipe have taken the file's place, this does not wait for who writes into it.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    return { bytes: await readUpTo(handle, size + 1), format, name }
  } finally {
    await handle.close()
  }
}

/** Reads until the end, or until so many bytes are there: one more than expected tells that the file grew. */
async function readUpTo(handle: FileHandle, maxBytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(maxBytes)
  let length = 0
  for (let more = 1; more > 0 && length < maxBytes; length += more) {
    more = (await handle.read(buffer, length, maxBytes - length)).bytesRead
  }
  return buffer.subarray(0, length)
}
