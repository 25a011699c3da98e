import { join } from 'node:path'
import { fileReason, messageOf, RefreshError } from '../../base/errors.ts'
import type { Files } from '../../base/files.ts'
import type { Format } from '../../model/document.ts'
import { compareText } from '../../model/labels.ts'
import { type FilePattern, matchNames, shownPath } from './pattern.ts'

/** A file to read, and its state. */
export interface FoundFile {
  readonly path: string
  /** Its name in messages. */
  readonly name: string
  readonly format: Format
  readonly size: number
  /** Changes whenever the file is written or replaced. */
  readonly state: string
}

/**
 * Finds the files of a source, sorted by path, each once. Every pattern must match: an emptied or unmounted folder must
 * not be read as an empty inventory.
 * @throws RefreshError `file`
 */
export async function findFiles(patterns: readonly FilePattern[], files: FinderFiles): Promise<FoundFile[]> {
  const found = await Promise.all(patterns.map((pattern) => findMatches(pattern, files)))
  // If two patterns match the same file, the first one sets its format.
  const byPath = new Map(
    found
      .flat()
      .map((file) => [file.path, file] as const)
      .reverse(),
  )
  const looks: FoundFile[] = []
  for (const match of [...byPath.values()].sort((a, b) => compareText(a.path, b.path))) {
    looks.push(await look(match, files))
  }
  return looks
}

/**
 * Checks that a pattern matches files, and that all of them could be read now; reads none of them.
 * @throws RefreshError `file`
 */
export async function assertReadable(pattern: FilePattern, files: Files): Promise<void> {
  const found = await findFiles([pattern], files)
  for (const { path } of found) await orFail(path, files.access(path, 'read'))
}

/** A digest of the files: it changes when a file is added, removed, written or replaced. */
export function fingerprintOf(files: readonly FoundFile[]): string {
  return files.map(({ state }) => state).join('\n')
}

/** The name in the state of a file; a text that is not a state is returned unchanged. */
export function nameIn(state: string): string {
  return state.replace(STATE, '$<name>')
}

/** The device and inode in the state of a file: they identify it, whatever its content. */
export function inodeIn(state: string): string {
  return state.replace(STATE, '$<inode>')
}

/** The time of the last write in the state of a file, on the wall clock in milliseconds. */
export function writtenIn(state: string): number {
  return Number(STATE.exec(state)?.groups?.writtenNs) / 1e6
}

const STATE = /^(?<name>.*) (?<inode>\d+ \d+) \d+ (?<writtenNs>\d+) \d+$/

type FinderFiles = Pick<Files, 'list' | 'look'>

type Match = Pick<FoundFile, 'path' | 'name' | 'format'>

async function findMatches(pattern: FilePattern, files: FinderFiles): Promise<Match[]> {
  const { folder, format, text } = pattern
  const names = pattern.isGlob
    ? matchNames(pattern.name, await orFail(`the folder ${folder} of ${text}`, files.list(folder)))
    : [pattern.name]
  if (names.length === 0) {
    throw new RefreshError(
      'file',
      `no file matches ${join(folder, pattern.name)}; if there is none, remove it from files`,
    )
  }
  return names.map((name) => ({ path: join(folder, name), name: shownPath(pattern, name), format }))
}

/** Looks up the state of a file. It follows symbolic links, so that a swap of the link (as in Kubernetes) is a change. */
async function look(file: Match, files: FinderFiles): Promise<FoundFile> {
  const found = await orFail(file.path, files.look(file.path))
  if (found === undefined) throw missing(file.path)
  const { dev, ino, size, mtimeNs, ctimeNs, kind } = found
  // Reading a named pipe would block, and reading a device would never end.
  if (kind !== 'file') throw new RefreshError('file', `${file.path} is a ${kind}, not a file`)
  return { ...file, size: Number(size), state: [file.path, dev, ino, size, mtimeNs, ctimeNs].join(' ') }
}

/** The error for a file that no longer exists, or that the configuration names but does not exist. */
export function missing(path: string): RefreshError {
  return new RefreshError('file', `${path} cannot be read: ENOENT: no such file or directory`)
}

/** Turns an error of the file system into a RefreshError. */
export async function orFail<Value>(what: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work
  } catch (cause) {
    throw new RefreshError(fileReason(cause), `${what} cannot be read: ${messageOf(cause)}`, { cause })
  }
}
