import { join } from 'node:path'
import type { Files } from '../base/files.ts'
import { LOCK } from '../base/folder-lock.ts'
import { type Archive, readArchive } from './archive.ts'
import { isKeptPath, PENDING } from './paths.ts'

/** What follows the name of a file in that of the temporary one which is to take its place. */
const TEMPORARY = /\.[0-9a-f]{8}-[0-9a-f-]{27}\.tmp$/

/** Below the folder of what is kept. */
const FOLDERS = ['push', 'history']

/** What may be in a folder in which nothing is kept. */
const NOTHING: ReadonlySet<string> = new Set(['lost+found', LOCK])

type FolderFiles = Pick<Files, 'read' | 'write' | 'remove' | 'list'>

/** Whether nothing is in a folder, or it is missing; a lock, and what a killed restore left unfinished, are nothing. */
export async function isEmptyFolder(files: Pick<Files, 'list'>, folder: string): Promise<boolean> {
  const names = await namesIn(files, folder)
  return names.every((name) => NOTHING.has(name) || name.replace(TEMPORARY, '') === PENDING)
}

/**
 * Makes a folder have what a backup has, in place of what Rollcall kept there; other files stay. A process that dies
 * leaves what was there, or the whole backup, which the next start puts in place.
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
 * Puts in place what a restore left that died.
 * @throws Error when what it left cannot be read, or the folder not be written to
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

/** The paths of what is Rollcall's, and of what it left unfinished. */
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
