import { join } from 'node:path'
import type { Files } from '../base/files.ts'
import { LOCK } from '../base/folder-lock.ts'
import { type Archive, readArchive } from './archive.ts'
import { isKeptPath, PENDING } from './paths.ts'

/** The suffix of the temporary file that is to replace a file. */
const TEMPORARY = /\.[0-9a-f]{8}-[0-9a-f-]{27}\.tmp$/

/** The folders in the storage folder. */
const FOLDERS = ['push', 'history']

/** The names that an empty folder can contain. */
const NOTHING: ReadonlySet<string> = new Set(['lost+found', LOCK])

type FolderFiles = Pick<Files, 'read' | 'write' | 'remove' | 'list'>

/** Whether a folder is empty or missing. A lock, and unfinished files of a killed restore, do not count. */
export async function isEmptyFolder(files: Pick<Files, 'list'>, folder: string): Promise<boolean> {
  const names = await namesIn(files, folder)
  return names.every((name) => NOTHING.has(name) || name.replace(TEMPORARY, '') === PENDING)
}

/**
 * Replaces the stored files of Rollcall in a folder by those of a backup; other files stay. If the process dies, the
 * folder has the old files, or the whole backup, which the next start installs.
 * @param packed the bytes of the archive
 */
export async function install(
  files: FolderFiles,
  folder: string,
  packed: Uint8Array,
  archive: Archive,
): Promise<void> {
  await files.write(join(folder, PENDING), packed, { makeFolder: true })
  await unpack(files, folder, archive)
}

/**
 * Finishes a restore that died.
 * @throws Error when its backup cannot be read, or the folder cannot be written
 */
export async function unpackPending(files: FolderFiles, folder: string): Promise<void> {
  const packed = await files.read(join(folder, PENDING))
  if (packed !== undefined) await unpack(files, folder, await readArchive(packed))
}

async function unpack(files: FolderFiles, folder: string, { parts }: Archive): Promise<void> {
  for (const path of await keptIn(files, folder)) {
    if (!parts.has(path)) await files.remove(join(folder, path))
  }
  for (const [path, bytes] of parts) await files.write(join(folder, path), bytes, { makeFolder: true })
  await files.remove(join(folder, PENDING))
}

/** The paths of the stored files of Rollcall, and of its unfinished ones. */
async function keptIn(files: Pick<Files, 'list'>, folder: string): Promise<string[]> {
  const paths = await namesIn(files, folder)
  for (const below of FOLDERS) {
    const names = await namesIn(files, join(folder, below))
    paths.push(...names.map((name) => join(below, name)))
  }
  return paths.filter((path) => {
    const whole = path.replace(TEMPORARY, '')
    return isKeptPath(whole) || (whole === PENDING && path !== PENDING)
  })
}

async function namesIn(files: Pick<Files, 'list'>, folder: string): Promise<string[]> {
  return files.list(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}
