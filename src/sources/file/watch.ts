import { type Clock, type Moment, momentNow } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Files } from '../../base/files.ts'
import { findFiles, fingerprintOf, inodeIn, nameIn, writtenIn } from './find.ts'
import type { FilePattern } from './pattern.ts'

/** The state of the files that was last read or reported; shared by reading and watching. */
export interface Seen {
  fingerprint: string | undefined
  /** The last state that was found, and since when, on the monotonic clock. */
  state: string | undefined
  sinceMs: number
  /** How long the state must stay the same to be settled, in milliseconds. */
  restMs: number
  /** Whether the files were not settled when they were last read. */
  isUnsettled: boolean
}

/** Files that have not changed for this time, in milliseconds, are settled: nothing writes to them any more. */
const REST_MS = 5_000

/** Files that were replaced by a rename, and so are complete, are settled sooner. */
const RENAMED_REST_MS = 1_000

/** The initial state. */
export function createSeen(): Seen {
  return { fingerprint: undefined, state: undefined, sinceMs: 0, restMs: REST_MS, isUnsettled: false }
}

/** Notes the state of the files. @returns whether it is settled; the first state may be older than this process */
export function noteState(seen: Seen, state: string, { monotonicMs, wallMs }: Moment): boolean {
  if (state !== seen.state) {
    const ageMs = seen.state === undefined ? Math.max(0, wallMs - lastWritten(state)) : 0
    seen.restMs = wereRenamed(seen.state, state) ? RENAMED_REST_MS : REST_MS
    seen.state = state
    seen.sinceMs = monotonicMs - ageMs
  }
  return monotonicMs - seen.sinceMs >= seen.restMs
}

/** The time when the newest file was written; infinite (so, just now) when it is unknown. */
function lastWritten(state: string): number {
  const times = state.split('\n').map(writtenIn)
  return times.some(Number.isNaN) ? Number.POSITIVE_INFINITY : Math.max(...times)
}

/** Whether two states differ only by files that were replaced by a rename, or added. */
function wereRenamed(before: string | undefined, now: string): boolean {
  if (before === undefined) return false
  const states = new Map(now.split('\n').map((state) => [nameIn(state), state]))
  return before.split('\n').every((state) => {
    const next = states.get(nameIn(state))
    return next !== undefined && (next === state || inodeIn(next) !== inodeIn(state))
  })
}

/** The dependencies of a watch. */
interface WatchDeps {
  readonly clock: Pick<Clock, 'after' | 'monotonic' | 'now'>
  readonly files: Pick<Files, 'list' | 'look'>
}

/** The time between two polls, in milliseconds. */
const POLL_MS = 250

/** The longest time between two polls, for very many files, in milliseconds. */
const MAX_POLL_MS = 2_000

/** The number of polls in a row that may each find another state before a change is reported anyway. */
const MAX_UNSETTLED = 2

/**
 * Calls `changed` when the files have changed, within a second: when two polls in a row find the same new state, so that
 * a file is rarely read half-written, and after three polls at the latest. It calls it again when the files are settled,
 * if they were read before. Polls never overlap, and take at most a tenth of the time.
 *
 * It polls, because the notifications of the platform (such as inotify) do not see changes by another machine on a
 * network file system, miss writes through bind mounts and through the links that Kubernetes swaps, and stay with a
 * deleted folder when a new one has replaced it. A check of a file costs some microseconds.
 * @returns stops the watch
 */
export function watchFiles(
  patterns: readonly FilePattern[],
  seen: Seen,
  { clock, files }: WatchDeps,
  changed: () => void,
): () => void {
  let isStopped = false
  let cancelTimer = () => {}
  let last: string | undefined
  let unsettled = 0

  function judge(now: string): void {
    seen.fingerprint ??= now
    const isAtRest = noteState(seen, now, momentNow(clock))
    if (now === seen.fingerprint) {
      unsettled = 0
      if (seen.isUnsettled && isAtRest) {
        seen.isUnsettled = false
        changed()
      }
    } else if (now === last || unsettled === MAX_UNSETTLED) {
      unsettled = 0
      seen.fingerprint = now
      changed()
    } else {
      unsettled++
    }
    last = now
  }

  async function poll(): Promise<void> {
    const startMs = clock.monotonic()
    const now = await currentFingerprint(patterns, files)
    if (isStopped) return
    judge(now)
    const tookMs = clock.monotonic() - startMs
    const delayMs = Math.min(Math.max(POLL_MS, 10 * tookMs), MAX_POLL_MS)
    cancelTimer = clock.after(delayMs, () => void poll())
  }

  void poll()
  return () => {
    isStopped = true
    cancelTimer()
  }
}

/** The state of the files. If they cannot be read, the error is their state. */
async function currentFingerprint(
  patterns: readonly FilePattern[],
  files: WatchDeps['files'],
): Promise<string> {
  try {
    return fingerprintOf(await findFiles(patterns, files))
  } catch (error) {
    return messageOf(error)
  }
}
