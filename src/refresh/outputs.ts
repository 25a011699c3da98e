import type { Clock } from '../base/clock.ts'
import { within } from '../base/deadline.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'
import { checkTargetFile, type FileMark, writeMarkedFile } from '../snapshot/target-file.ts'
import { removeLeftovers } from './remove-leftovers.ts'

/** Where else the served list of a source is written. */
export interface Output {
  /** What it is, for metrics and the log. */
  readonly kind: OutputKind
  /** The file, or the folder that it is in, for messages. */
  readonly path: string
  /**
   * Replaces what was written before, atomically.
   * @param rightAtMs when the list was last right, on the wall clock: it may be written long after
   */
  write(snapshot: Snapshot, rightAtMs: number): Promise<void>
  /**
   * Notes that what was written last is still right.
   * @returns false when it is not there any more
   */
  confirm(snapshot: Snapshot, rightAtMs: number): Promise<boolean>
}

/** The served list as a `file_sd` file. */
export function fileSdOutput(path: string): Output {
  let mark: FileMark | undefined
  let isFirst = true
  return {
    kind: 'file_sd',
    path,
    async write({ body }) {
      // Before, since they may be what fills the disk.
      if (isFirst) await removeLeftovers(path)
      isFirst = false
      mark = await writeMarkedFile(path, body)
    },
    async confirm({ body }) {
      mark = await checkTargetFile(path, body, mark)
      return mark !== undefined
    },
  }
}

/** The values of the `file` label of `rollcall_source_write_failures_total`. */
export type OutputKind = 'file_sd' | 'storage'

/** Whom a keeper tells. */
export interface OutputReporter {
  /**
   * An output holds the served list.
   * @param wasReplaced what had been written was gone or another, so that it was written once more
   */
  written(kind: OutputKind, wasReplaced: boolean): void
  /** An output could not be written; it is tried again at the next refresh. */
  writeFailed(kind: OutputKind, error: unknown): void
  /** What an earlier process kept cannot be used. */
  notRestored(error: unknown): void
}

/** How long a write is waited for, in milliseconds. */
const WRITE_TIMEOUT_MS = 10_000

/**
 * Keeps one output at the served list. A write that fails, or hangs, never disturbs serving or refreshing: it is
 * reported, and made up for at the next refresh; while one hangs no other is begun. What others removed or
 * replaced is written again.
 */
export function createOutputKeeper(output: Output, reporter: OutputReporter, clock: Pick<Clock, 'after'>) {
  let written: Snapshot | undefined
  let isBusy = false

  /** @returns whether what had been written was not there any more */
  async function update(snapshot: Snapshot, rightAtMs: number, isConfirmed: boolean): Promise<boolean> {
    try {
      const isWritten = written === snapshot
      if (isWritten && (!isConfirmed || (await output.confirm(snapshot, rightAtMs)))) return false
      await output.write(snapshot, rightAtMs)
      return isWritten
    } finally {
      isBusy = false
    }
  }

  return {
    /**
     * Writes the list unless it is written already.
     * @param rightAtMs when the list was last right, on the wall clock
     * @param isConfirmed whether a refresh has just shown that it still is
     */
    async keep(snapshot: Snapshot, rightAtMs: number, isConfirmed: boolean): Promise<void> {
      if (isBusy) return
      isBusy = true
      try {
        const work = update(snapshot, rightAtMs, isConfirmed)
        const wasReplaced = await within(WRITE_TIMEOUT_MS, 'the write', clock, work)
        written = snapshot
        reporter.written(output.kind, wasReplaced)
      } catch (error) {
        written = undefined
        reporter.writeFailed(output.kind, error)
      }
    },
  }
}
