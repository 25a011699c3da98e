import { randomUUID } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** What tells a file from any other that takes its place, at the cost of one look. */
export type FileMark = Pick<BigIntStats, 'ino' | 'mtimeNs' | 'size'>

/**
 * Replaces a file atomically: temporary file beside it, fsync, rename, fsync of the folder. A reader, and
 * a machine that loses power, sees the old bytes or the new ones, never a mixture. The temporary name
 * ends in `.tmp`, so that no `*.json` pattern of a `file_sd_configs` block ever matches it.
 * @param modifiedMs when it is to say that it was modified, on the wall clock; undefined: now
 * @returns what tells this file from any other
 * @throws the platform's error when the folder is missing, full or read-only; the old file is untouched
 */
export async function writeMarkedFile(path: string, body: Buffer, modifiedMs?: number): Promise<FileMark> {
  const temporary = `${path}.${randomUUID()}.tmp`
  let mark: FileMark
  try {
    const file = await open(temporary, 'wx', 0o644)
    try {
      await file.writeFile(body)
      if (modifiedMs !== undefined) await file.utimes(modifiedMs / 1000, modifiedMs / 1000)
      await file.sync()
      mark = await file.stat({ bigint: true })
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
  return mark
}

/** Replaces a file as {@link writeMarkedFile} does, for those who do not look at it again. */
export async function writeTargetFile(path: string, body: Buffer): Promise<void> {
  await writeMarkedFile(path, body)
}

/**
 * Whether a file is still what was written. One look tells as a rule; what looks like another file of the same size
 * is read: somebody may have touched it, or the file system numbers its files anew.
 * @param mark of the file when it was last known to be right; undefined: not known
 * @returns the mark of the file as it is now; undefined when it is gone or another
 * @throws the platform's error when that cannot be told
 */
export async function checkTargetFile(
  path: string,
  body: Buffer,
  mark: FileMark | undefined,
): Promise<FileMark | undefined> {
  const now = await stat(path, { bigint: true }).catch(ignoreMissing)
  if (now === undefined || now.size !== BigInt(body.length)) return undefined
  if (mark !== undefined && now.ino === mark.ino && now.mtimeNs === mark.mtimeNs) return now
  const found = await readFile(path).catch(ignoreMissing)
  return found?.equals(body) === true ? now : undefined
}

/** For `catch`: a file that is missing is undefined, every other error is thrown. */
export function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
