import { basename, dirname, join } from 'node:path'
import type { Moment } from '../base/clock.ts'
import type { FileMark, Files } from '../base/files.ts'
import type { Keepable } from '../roll/kept.ts'

/** A file to which the list of a source is also written. */
export interface Output {
  /** The `file` label of `rollcall_source_write_failures_total`. */
  readonly kind: 'file_sd' | 'storage'
  /** The file or its folder, for messages. */
  readonly path: string
  /**
   * Writes the list atomically, unless the file already has it.
   * @returns whether somebody had removed or replaced the file
   */
  keep(list: Keepable, now: Moment): Promise<boolean>
  /** Removes the file, unless somebody replaced it. */
  remove(): Promise<void>
}

/** The end of the name of a temporary file, after the name of the file that it is to replace and a dot. */
const TEMPORARY = /^[0-9a-f-]{36}\.tmp$/

/** The list as a `file_sd` file. */
export function fileSdOutput(files: Files, path: string): Output {
  let written: { readonly body: Uint8Array; mark: FileMark } | undefined
  let isFirst = true

  /** Whether the file is as it was written. It is read only if inode or time differ. */
  async function isOurs(): Promise<boolean> {
    const now = await files.look(path)
    if (written === undefined || now === undefined || now.size !== BigInt(written.body.byteLength))
      return false
    const { mark } = written
    if (now.ino === mark.ino && now.mtimeNs === mark.mtimeNs) return true
    const isSame = (await files.read(path))?.equals(written.body) === true
    if (isSame) written.mark = now
    return isSame
  }

  /** Removes temporary files of a process that ended while it wrote. Failures do no harm. */
  async function removeLeftovers(): Promise<void> {
    const [folder, start] = [dirname(path), `${basename(path)}.`]
    const names = await files.list(folder).catch((): string[] => [])
    const left = names.filter((name) => name.startsWith(start) && TEMPORARY.test(name.slice(start.length)))
    await Promise.allSettled(left.map((name) => files.remove(join(folder, name))))
  }

  return {
    kind: 'file_sd',
    path,
    async keep({ roll: { body } }) {
      const isWritten = written?.body === body
      if (isWritten && (await isOurs())) return false
      // Before writing, since they may fill the disk.
      if (isFirst) await removeLeftovers()
      isFirst = false
      written = { body, mark: await files.write(path, body) }
      return isWritten
    },
    async remove() {
      if (await isOurs()) await files.remove(path)
    },
  }
}
