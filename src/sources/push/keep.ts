import type { Clock } from '../../base/clock.ts'
import { type Files, HangingFileError } from '../../base/files.ts'
import { decodeKept, FORMAT, type Kept } from './decode.ts'
import { joinLines } from './encode.ts'
import type { Report } from './report.ts'

/** The time from a change to the write, in milliseconds, so that many changes share one. */
const DELAY_MS = 1_000

/** The time after which a write that failed is tried again, in milliseconds. */
const RETRY_MS = 10_000

/** The instances of a push source on disk. */
export interface Keeper {
  /**
   * Reads what an earlier process kept. Nothing is written before the end of that: it is all that there is. What
   * cannot be used is set aside before, under the same name with `.bad` after it, if the disk lets it.
   * @param use takes it; undefined: nothing was kept
   * @throws Error when what is there cannot be read, is not whole or of another version
   */
  load(use: (kept: Kept | undefined) => void): Promise<void>
  /** Something changed: it is written within a second. */
  changed(): void
  /** Writes what is not written yet. Never fails: the failure is reported. */
  flush(): Promise<void>
  /** Deletes what is kept, and keeps nothing more. */
  remove(): Promise<void>
}

/** What keeping needs from outside. */
export interface KeepDeps {
  readonly clock: Pick<Clock, 'after'>
  readonly report: Report
  readonly files: Pick<Files, 'read' | 'write' | 'rename' | 'remove'>
}

/** Keeps what `list` gives, each as JSON, in a file. */
export function createKeeper(path: string, list: () => readonly string[], deps: KeepDeps): Keeper {
  const { clock, files, report } = deps
  let isDirty = false
  let isGone = false
  let isLoading = false
  let cancel: (() => void) | undefined
  let last: Promise<void> = Promise.resolve()

  async function write(): Promise<void> {
    if (!isDirty || isGone) return
    isDirty = false
    try {
      const body = await joinLines(`{"format":${FORMAT},"instances":[`, list(), ']}\n')
      await files.write(path, body, { makeFolder: true })
      report({ kind: 'written' })
    } catch (error) {
      report({ kind: 'not_written', error })
      isDirty = true
      schedule(RETRY_MS)
    }
  }

  function schedule(delayMs: number): void {
    cancel ??= clock.after(delayMs, () => void flush())
  }

  function stop(): void {
    cancel?.()
    cancel = undefined
  }

  /** One write at a time: the last one has to win. */
  function flush(): Promise<void> {
    stop()
    last = last.then(write)
    return last
  }

  async function read(): Promise<Kept | undefined> {
    try {
      const bytes = await readPatiently()
      if (bytes === undefined) return undefined
      const kept = decodeKept(bytes.toString(), path)
      if (kept.unusable.length > 0) await setAside((to) => files.write(to, bytes))
      return kept
    } catch (error) {
      await setAside((to) => files.rename(path, to))
      throw error
    }
  }

  /** A file system that hangs may come back, with all that there is. */
  async function readPatiently(): Promise<Buffer | undefined> {
    for (;;) {
      try {
        return await files.read(path)
      } catch (error) {
        if (!(error instanceof HangingFileError) || isGone) throw error
        await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve))
      }
    }
  }

  /** What cannot be used now may be the only copy of what another version, or a disk that works again, can. */
  async function setAside(how: (to: string) => Promise<unknown>): Promise<void> {
    const to = `${path}.bad`
    try {
      await how(to)
      report({ kind: 'set_aside', path: to })
    } catch (error) {
      report({ kind: 'not_set_aside', error })
    }
  }

  return {
    load(use) {
      isLoading = true
      const loading = read()
        .then(use)
        .finally(() => {
          isLoading = false
          if (isDirty) schedule(DELAY_MS)
        })
      last = loading.catch(() => {})
      return loading
    },
    changed() {
      isDirty = true
      schedule(DELAY_MS)
    },
    async flush() {
      // Before all is known nothing may be written, and a disk that hangs is not waited for.
      if (!isLoading) await flush()
      stop()
    },
    async remove() {
      isGone = true
      await flush()
      stop()
      await files.remove(path)
    },
  }
}

/** Keeps nothing. */
export const NO_KEEPER: Keeper = {
  async load(use) {
    use(undefined)
  },
  changed() {},
  async flush() {},
  async remove() {},
}
