import { basename, dirname, join } from 'node:path'
import type { Moment } from '../base/clock.ts'
import type { FileMark, Files } from '../base/files.ts'
import type { Keepable } from '../roll/kept.ts'

/** Where else the list of a source is written. */
export interface Output {
  /** The `file` label of `rollcall_source_write_failures_total`. */
  readonly kind: 'file_sd' | 'storage'
  /** The file, or the folder that it is in, for messages. */
  readonly path: string
  /**
   * Replaces what was written before, atomically, unless it is still there and right.
   * @returns whether somebody had removed or replaced it
   */
  keep(list: Keepable, now: Moment): Promise<boolean>
  /** Removes what was written, if it is still ours. */
  remove(): Promise<void>
}

/** What follows the name of a file, and a dot, in that of the temporary one which is to take its place. */
const TEMPORARY = /^[0-9a-f-]{36}\.tmp$/

/** The list as a `file_sd` file. */
export function fileSdOutput(files: Files, path: string): Output {
  let written: { readonly body: Uint8Array; mark: FileMark } | undefined
  let isFirst = true

  /** Whether the file is what was written. One look tells as a rule; what looks like another file is read. */
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

  /** Removes what a process left that ended while it wrote; what cannot be removed does no harm. */
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
      // Before, since they may be what fills the disk.
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
