import { randomUUID } from 'node:crypto'
import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Replaces a file atomically: temporary file beside it, fsync, rename, fsync of the folder. A reader, and
 * a machine that loses power, sees the old bytes or the new ones, never a mixture. The temporary name
 * ends in `.tmp`, so that no `*.json` pattern of a `file_sd_configs` block ever matches it.
 * @param modifiedMs when it is to say that it was modified, on the wall clock; undefined: now
 * @throws the platform's error when the folder is missing, full or read-only; the old file is untouched
 */
export async function writeTargetFile(path: string, body: Buffer, modifiedMs?: number): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o644)
    try {
      await file.writeFile(body)
      if (modifiedMs !== undefined) await file.utimes(modifiedMs / 1000, modifiedMs / 1000)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

/**
 * Whether a file is there with so many bytes.
 * @throws the platform's error when that cannot be told
 */
export async function isThere(path: string, bytes: number): Promise<boolean> {
  const found = await stat(path).catch(ignoreMissing)
  return found?.size === bytes
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
