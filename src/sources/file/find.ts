import { join } from 'node:path'
import { fileReason, messageOf, RefreshError } from '../../base/errors.ts'
import type { Files } from '../../base/files.ts'
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
export async function findFiles(patterns: readonly FilePattern[], files: FinderFiles): Promise<FoundFile[]> {
  const found = await Promise.all(patterns.map((pattern) => findMatches(pattern, files)))
  // Of two patterns that match the same file the first one says how it is written.
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
 * Looks whether a pattern matches files that could all be read now; reads none of them.
 * @throws RefreshError `file`
 */
export async function assertReadable(pattern: FilePattern, files: Files): Promise<void> {
  const found = await findFiles([pattern], files)
  for (const { name, path } of found) await orFail(name, files.access(path, 'read'))
}

/** A digest of what was found: it differs when a file was added, removed, written or replaced. */
export function fingerprintOf(files: readonly FoundFile[]): string {
  return files.map(({ state }) => state).join('\n')
}

/** Of the state of a file its name; of what is no state, all of it. */
export function nameIn(state: string): string {
  return state.replace(STATE, '$<name>')
}

/** Of the state of a file which one it is, whatever is in it. */
export function inodeIn(state: string): string {
  return state.replace(STATE, '$<inode>')
}

/** When a file was last written, by its state, on the wall clock in milliseconds. */
export function writtenIn(state: string): number {
  return Number(STATE.exec(state)?.groups?.writtenNs) / 1e6
}

const STATE = /^(?<name>.*) (?<inode>\d+ \d+) \d+ (?<writtenNs>\d+) \d+$/

type FinderFiles = Pick<Files, 'list' | 'look'>

type Match = Pick<FoundFile, 'path' | 'name' | 'format'>

async function findMatches(pattern: FilePattern, files: FinderFiles): Promise<Match[]> {
  const { folder, format, text } = pattern
  const names = pattern.isGlob
    ? matchNames(pattern.name, await orFail(`the folder of ${text}`, files.list(folder)))
    : [pattern.name]
  if (names.length === 0) {
    throw new RefreshError('file', `no file matches ${text}; without any, leave it out of files`)
  }
  return names.map((name) => ({ path: join(folder, name), name: shownPath(pattern, name), format }))
}

/** Follows symbolic links, so that a swap of the link (as Kubernetes does it) is another state. */
async function look(file: Match, files: FinderFiles): Promise<FoundFile> {
  const found = await orFail(file.name, files.look(file.path))
  if (found === undefined) throw missing(file.name)
  const { dev, ino, size, mtimeNs, ctimeNs, kind } = found
  // A named pipe would be waited for, a device read without end.
  if (kind !== 'file') throw new RefreshError('file', `${file.name} is a ${kind}, not a file`)
  return { ...file, size: Number(size), state: [file.path, dev, ino, size, mtimeNs, ctimeNs].join(' ') }
}

/** A file that was there a moment ago, or that the configuration names. */
export function missing(what: string): RefreshError {
  return new RefreshError('file', `${what} cannot be read: ENOENT: no such file or directory`)
}

/** Makes a refresh failure of what a file system says. */
export async function orFail<Value>(what: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work
  } catch (cause) {
    throw new RefreshError(fileReason(cause), `${what} cannot be read: ${messageOf(cause)}`, { cause })
  }
}
