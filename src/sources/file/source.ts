import { type Clock, momentNow } from '../../base/clock.ts'
import { RefreshError } from '../../base/errors.ts'
import type { Files } from '../../base/files.ts'
import type { Source } from '../source.ts'
import type { FilePattern } from './pattern.ts'
import { type FilesRead, readFiles } from './read.ts'
import { createSeen, noteState, watchFiles } from './watch.ts'

/** Which files are read; every value resolved and checked. */
export interface FileSourceOptions {
  readonly kind: 'file'
  readonly files: readonly FilePattern[]
  /** The most that is read in one refresh, in bytes, of all files together. */
  readonly maxBytes: number
}

/** What a file source needs from outside. */
export interface FileDeps {
  readonly clock: Pick<Clock, 'after' | 'monotonic' | 'now'>
  readonly files: Pick<Files, 'list' | 'look' | 'read'>
}

/** What all files of a source may have together when nothing else is configured, in bytes. */
export const DEFAULT_MAX_FILE_BYTES = 256 * 2 ** 20

/** How long files that changed while they were read are left alone, in milliseconds, before a second attempt. */
const RETRY_MS = 250

/** An inventory in files: one document each, in the order of their paths; watched. */
export function createFileSource(options: FileSourceOptions, { clock, files }: FileDeps): Source {
  const { files: patterns, maxBytes } = options
  const seen = createSeen()
  let stopWatching = () => {}
  let last: Promise<unknown> = Promise.resolve()

  /** Never two at once: what was read first is not to be taken for what was read last. */
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
      'the files changed while they were read, twice; write each to another name and rename it',
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

/** A file system that hangs cannot be interrupted, but need not be waited for. */
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
