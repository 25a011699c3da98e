import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { freeze, type Snapshot } from './snapshot.ts'
import { checkTargetFile, type FileMark, ignoreMissing, writeMarkedFile } from './target-file.ts'

/** The version of the format; a file of another version is not read. */
const FORMAT = 1

/** What the pointer of a source says. */
interface Pointer {
  readonly format: number
  /** The name of the group file, beside the pointer. */
  readonly file: string
  /** Which inventory it was read from. */
  readonly origin?: string
  /** SHA-256 of the group file in hex. */
  readonly sha256: string
  readonly groups: number
  readonly targets: number
  /** Wall-clock time in milliseconds. */
  readonly changedAtMs: number
}

/** A list as it was kept, and when its source last succeeded, in wall-clock milliseconds. */
export interface Kept {
  readonly snapshot: Snapshot
  readonly lastSuccessMs: number
}

/** The last good list of one source on disk. */
export interface DiskCopy {
  readonly folder: string
  /**
   * Replaces the kept list. A process that dies meanwhile leaves the old list or the new one.
   * @param wallMs when the list was last right
   */
  save(snapshot: Snapshot, wallMs: number): Promise<void>
  /**
   * Notes that the list that was saved last was right at this time.
   * @returns false when it is not what is kept any more: somebody removed it, or wrote another in its place
   */
  confirm(snapshot: Snapshot, wallMs: number): Promise<boolean>
  /**
   * Reads the kept list.
   * @returns undefined when nothing was kept
   * @throws Error when what is there is not whole, was changed, is of another version or from another inventory
   */
  load(): Promise<Kept | undefined>
}

/**
 * Keeps the list of a source in a folder: the groups in a file of their own, which is a valid `file_sd` file,
 * named by its digest, and a pointer to it that is replaced atomically. The time of the pointer file is when
 * the source last succeeded.
 * @param origin tells inventories apart: the list of another one is not read
 */
export function createDiskCopy(folder: string, source: string, origin: string): DiskCopy {
  const pointerPath = join(folder, `${source}.snapshot`)
  const nameOf = (digest: string) => `${source}.${digest.slice(0, 16)}.json`
  let saved: string | undefined
  let mark: FileMark | undefined
  return {
    folder,
    async save({ body, digest, groups, targets, changedAtMs }, wallMs) {
      await mkdir(folder, { recursive: true })
      const file = nameOf(digest)
      mark = await writeMarkedFile(join(folder, file), body)
      const pointer: Pointer = { format: FORMAT, file, origin, sha256: digest, groups, targets, changedAtMs }
      const text = `${JSON.stringify(pointer)}\n`
      await writeMarkedFile(pointerPath, Buffer.from(text), wallMs)
      saved = text
      await removeOthers(folder, source, file)
    },
    async confirm({ body, digest }, wallMs) {
      // Not by its presence alone: the pointer may be that of an older list, or of another process.
      const text = await readFile(pointerPath, 'utf8').catch(ignoreMissing)
      if (text === undefined || text !== saved) return false
      mark = await checkTargetFile(join(folder, nameOf(digest)), body, mark)
      if (mark === undefined) return false
      await utimes(pointerPath, wallMs / 1000, wallMs / 1000)
      return true
    },
    async load() {
      const text = await readFile(pointerPath, 'utf8').catch(ignoreMissing)
      if (text === undefined) return undefined
      const pointer = parsePointer(text, pointerPath)
      if (pointer.origin !== undefined && pointer.origin !== origin) {
        throw new Error(
          `${pointerPath} holds the list of another inventory; it is replaced once this one is read`,
        )
      }
      const path = join(folder, pointer.file)
      const body = await readFile(path)
      const { groups, targets, changedAtMs } = pointer
      const snapshot = await freeze(body, { groups, targets }, changedAtMs)
      if (snapshot.digest !== pointer.sha256)
        throw new Error(`${path} is not the file that was written: its digest differs`)
      const { mtimeMs } = await stat(pointerPath)
      return { snapshot, lastSuccessMs: mtimeMs }
    },
  }
}

function parsePointer(text: string, path: string): Pointer {
  const pointer = JSON.parse(text) as Partial<Pointer> | null
  if (pointer?.format !== FORMAT) {
    throw new Error(
      `${path} has the format ${JSON.stringify(pointer?.format)}, not ${FORMAT}: another version wrote it`,
    )
  }
  return pointer as Pointer
}

/**
 * Removes the group files that the pointer no longer names, and what a killed writer left behind; of the names that
 * are given here only, since others may keep files of theirs in the folder, such as the `file_sd` file of the source.
 * What cannot be removed stays: the list itself has been kept.
 */
async function removeOthers(folder: string, source: string, current: string): Promise<void> {
  const isOurs = new RegExp(`^${source}\\.(?:[0-9a-f]{16}\\.json|snapshot)(\\.[0-9a-f-]{36}\\.tmp)?$`)
  const names = await readdir(folder)
  const old = names.filter((name) => {
    const found = isOurs.exec(name)
    return found !== null && name !== current && name !== `${source}.snapshot`
  })
  await Promise.allSettled(old.map((name) => rm(join(folder, name), { force: true })))
}
