import { type Clock, momentNow } from '../../base/clock.ts'
import { RefreshError } from '../../base/errors.ts'
import type { Files } from '../../base/files.ts'
import type { Source } from '../source.ts'
import type { FilePattern } from './pattern.ts'
import { type FilesRead, readFiles } from './read.ts'
import { createSeen, noteState, watchFiles } from './watch.ts'

/** The settings of a file source, resolved and checked. */
export interface FileSourceOptions {
  readonly kind: 'file'
  readonly files: readonly FilePattern[]
  /** Limit for all files together, in bytes. */
  readonly maxBytes: number
}

/** The dependencies of a file source. */
export interface FileDeps {
  readonly clock: Pick<Clock, 'after' | 'monotonic' | 'now'>
  readonly files: Pick<Files, 'list' | 'look' | 'read'>
}

/** The default limit for all files of a source together, in bytes. */
export const DEFAULT_MAX_FILE_BYTES = 256 * 2 ** 20

/** The delay before a second attempt when files changed while they were read, in milliseconds. */
const RETRY_MS = 250

/** Creates a file source: one document for each file, in the order of their paths. The files are watched. */
export function createFileSource(options: FileSourceOptions, { clock, files }: FileDeps): Source {
  const { files: patterns, maxBytes } = options
  const seen = createSeen()
  let stopWatching = () => {}
  let last: Promise<unknown> = Promise.resolve()

  /** Reads one after the other, so that an older state is never taken for the newest. */
  function readAlone(signal: AbortSignal): Promise<FilesRead> {
    const reading = last.then(() => {
      signal.throwIfAborted()
      return readSettled(signal)
    })
    last = reading.catch(() => {})
    return reading
  }

  async function readSettled(signal: AbortSignal): Promise<FilesRead> {
    const first = await readFiles(patterns, maxBytes, files, signal)
    if (first !== undefined) return first
    await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve))
    const second = await readFiles(patterns, maxBytes, files, signal)
    if (second !== undefined) return second
    throw new RefreshError(
      'file',
      'the files changed while they were read, twice; write each under another name, then rename it',
    )
  }

  return {
    async read(signal) {
      const { documents, fingerprint } = await untilAborted(signal, readAlone)
      seen.fingerprint = fingerprint
      seen.isUnsettled = !noteState(seen, fingerprint, momentNow(clock))
      return { kind: 'documents', documents, isUnsettled: seen.isUnsettled }
    },
    watch(changed) {
      stopWatching = watchFiles(patterns, seen, { clock, files }, changed)
    },
    async close() {
      stopWatching()
    },
  }
}

/** Stops waiting when the signal aborts: reads of a file system that hangs cannot be interrupted. */
async function untilAborted<Value>(
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  signal.throwIfAborted()
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  return Promise.race([work(signal), aborted])
}
