import type { Clock } from '../base/clock.ts'
import { within } from '../base/deadline.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'

/** Where else the served list of a source is written. */
export interface Output {
  /** What it is, for metrics and the log. */
  readonly kind: OutputKind
  /** Replaces what was written before, atomically. */
  write(snapshot: Snapshot): Promise<void>
  /** Notes that what was written is still right. */
  confirm?(wallMs: number): Promise<void>
}

/** The values of the `file` label of `rollcall_source_write_failures_total`. */
export type OutputKind = 'file_sd' | 'storage'

/** Whom a keeper tells. */
export interface OutputReporter {
  written(kind: OutputKind): void
  writeFailed(kind: OutputKind, error: unknown): void
}

/** How long a write is waited for, in milliseconds. */
const WRITE_TIMEOUT_MS = 10_000

/**
 * Keeps one output at the served list. A write that fails, or hangs, never disturbs serving or refreshing: it is
 * reported, and made up for at the next refresh; while one hangs no other is begun.
 */
export function createOutputKeeper(output: Output, reporter: OutputReporter, clock: Pick<Clock, 'after'>) {
  let written: Snapshot | undefined
  let isBusy = false

  async function update(snapshot: Snapshot, confirmMs: number | undefined): Promise<void> {
    try {
      if (written !== snapshot) await output.write(snapshot)
      else if (confirmMs !== undefined) await output.confirm?.(confirmMs)
    } finally {
      isBusy = false
    }
  }

  return {
    /**
     * Writes the list unless it is written already.
     * @param confirmMs now on the wall clock, when a refresh has just shown that the list is still right
     */
    async keep(snapshot: Snapshot, confirmMs: number | undefined): Promise<void> {
      if (isBusy) return
      isBusy = true
      try {
        await within(WRITE_TIMEOUT_MS, 'the write', clock, update(snapshot, confirmMs))
        written = snapshot
        reporter.written(output.kind)
      } catch (error) {
        written = undefined
        reporter.writeFailed(output.kind, error)
      }
    },
  }
}
