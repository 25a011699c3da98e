import { access, constants, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, RefreshError } from '../../base/errors.ts'
import type { Format } from '../../model/document.ts'
import { compareText } from '../../model/labels.ts'
import { type FilePattern, matchNames, shownPath } from './pattern.ts'

/** One file that is to be read, as it stood when it was looked at. */
export interface FoundFile {
  readonly path: string
  /** What messages call it. */
  readonly name: string
  readonly format: Format
  readonly size: number
  /** Differs whenever the file has been written or replaced since. */
  readonly state: string
}

/**
 * Finds the files of a source, sorted by path, each once. Every pattern has to match: a folder that was emptied
 * or not mounted is no empty inventory.
 * @throws RefreshError `file`
 */
export async function findFiles(patterns: readonly FilePattern[]): Promise<FoundFile[]> {
  const found = await Promise.all(patterns.map(findMatches))
  // Of two patterns that match the same file the first one says how it is written.
  const byPath = new Map(
    found
      .flat()
      .map((file) => [file.path, file] as const)
      .reverse(),
  )
  return Promise.all([...byPath.values()].sort((a, b) => compareText(a.path, b.path)).map(look))
}

/**
 * Looks whether a pattern matches files that could all be read now; reads none of them.
 * @throws RefreshError `file`
 */
export async function assertReadable(pattern: FilePattern): Promise<void> {
  const files = await findFiles([pattern])
  await Promise.all(files.map(({ name, path }) => orFail(name, access(path, constants.R_OK))))
}

/** A digest of what was found: it differs when a file was added, removed, written or replaced. */
export function fingerprintOf(files: readonly FoundFile[]): string {
  return files.map(({ state }) => state).join('\n')
}

type Match = Pick<FoundFile, 'path' | 'name' | 'format'>

async function findMatches(pattern: FilePattern): Promise<Match[]> {
  const { folder, format, text } = pattern
  const names = pattern.isGlob
    ? matchNames(pattern.name, await orFail(`the folder of ${text}`, readdir(folder)))
    : [pattern.name]
  if (names.length === 0) {
    throw new RefreshError('file', `no file matches ${text}; without any, leave it out of files`)
  }
  return names.map((name) => ({ path: join(folder, name), name: shownPath(pattern, name), format }))
}

/** Follows symbolic links, so that a swap of the link (as Kubernetes does it) is another state. */
async function look(file: Match): Promise<FoundFile> {
  const stats = await orFail(file.name, stat(file.path, { bigint: true }))
  // A named pipe would be waited for, a device read without end.
  if (!stats.isFile()) {
    throw new RefreshError(
      'file',
      `${file.name} is a ${stats.isDirectory() ? 'folder' : 'pipe or device'}, not a file`,
    )
  }
  const { dev, ino, size, mtimeNs, ctimeNs } = stats
  return { ...file, size: Number(size), state: [file.path, dev, ino, size, mtimeNs, ctimeNs].join(' ') }
}

/** Makes a refresh failure of what a file system says. */
export async function orFail<Value>(what: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work
  } catch (cause) {
    throw new RefreshError('file', `${what} cannot be read: ${messageOf(cause)}`, { cause })
  }
}
