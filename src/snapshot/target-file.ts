import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Replaces a file atomically: temporary file beside it, fsync, rename, fsync of the folder. A reader, and
 * a machine that loses power, sees the old bytes or the new ones, never a mixture. The temporary name
 * ends in `.tmp`, so that no `*.json` pattern of a `file_sd_configs` block ever matches it.
 * @throws the platform's error when the folder is missing, full or read-only; the old file is untouched
 */
export async function writeTargetFile(path: string, body: Buffer): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o644)
    try {
      await file.writeFile(body)
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

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
