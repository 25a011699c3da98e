import { type Clock, type Moment, momentNow } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Files } from '../../base/files.ts'
import { findFiles, fingerprintOf, inodeIn, nameIn, writtenIn } from './find.ts'
import type { FilePattern } from './pattern.ts'

/** The state of the files that was last read or told of; shared by reading and watching. */
export interface Seen {
  fingerprint: string | undefined
  /** The state that any look found last, and since when, on the monotonic clock. */
  state: string | undefined
  sinceMs: number
  /** For how long it has to stay as it is, in milliseconds. */
  restMs: number
  /** What was read last was not at rest. */
  isUnsettled: boolean
}

/** Files that have not changed for so long, in milliseconds, are not being written any more. */
const REST_MS = 5_000

/** Files that others were renamed to, as whole files are put in place, come to rest sooner. */
const RENAMED_REST_MS = 1_000

/** Nothing has been looked at. */
export function createSeen(): Seen {
  return { fingerprint: undefined, state: undefined, sinceMs: 0, restMs: REST_MS, isUnsettled: false }
}

/** Notes the state of the files; returns whether it is at rest. The first one may be older than this process. */
export function noteState(seen: Seen, state: string, { monotonicMs, wallMs }: Moment): boolean {
  if (state !== seen.state) {
    const ageMs = seen.state === undefined ? Math.max(0, wallMs - lastWritten(state)) : 0
    seen.restMs = wereRenamed(seen.state, state) ? RENAMED_REST_MS : REST_MS
    seen.state = state
    seen.sinceMs = monotonicMs - ageMs
  }
  return monotonicMs - seen.sinceMs >= seen.restMs
}

/** When the newest of the files was written; when it is not known, just now. */
function lastWritten(state: string): number {
  const times = state.split('\n').map(writtenIn)
  return times.some(Number.isNaN) ? Number.POSITIVE_INFINITY : Math.max(...times)
}

/** Whether all that differs between two states is that other files have the same names, or that some were added. */
function wereRenamed(before: string | undefined, now: string): boolean {
  if (before === undefined) return false
  const states = new Map(now.split('\n').map((state) => [nameIn(state), state]))
  return before.split('\n').every((state) => {
    const next = states.get(nameIn(state))
    return next !== undefined && (next === state || inodeIn(next) !== inodeIn(state))
  })
}

/** What watching needs from outside. */
interface WatchDeps {
  readonly clock: Pick<Clock, 'after' | 'monotonic' | 'now'>
  readonly files: Pick<Files, 'list' | 'look'>
}

/** The time between two looks, in milliseconds. */
const POLL_MS = 250

/** The longest time between two looks at very many files, in milliseconds. */
const MAX_POLL_MS = 2_000

/** Looks that may find each another state before a change is told although somebody is still writing. */
const MAX_UNSETTLED = 2

/**
 * Calls back when the files have changed, within a second: once two looks in a row found the same new state, so
 * that a file is rarely read half-written, and after three at the latest; and once more when they are at rest, if what
 * was read was not. Looks never overlap, and take a tenth
 * of the time at most.
 *
 * It polls, because the notifications of the platform (inotify and its kin) see no change that another machine
 * makes on a network file system, miss writes through bind mounts and through the links that Kubernetes swaps,
 * and stay with a folder that was deleted when a new one has taken its place. A look at a file costs some
 * microseconds.
 * @returns a function that stops it
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

/** The state of the files; that they cannot be read is a state like any other. */
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
