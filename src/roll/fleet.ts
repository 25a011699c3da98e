import { createMutex, type Mutex } from '../base/mutex.ts'
import {
  accepting,
  type GuardOptions,
  type History,
  NO_HISTORY,
  remember,
  type Scope,
  shifted,
  sumOf,
} from './rules.ts'

/** The part of the fleet's state that survives a restart. */
export interface FleetMemory {
  /** Its times are ages: negative, relative to the moment of saving. */
  readonly history: History
  /** The digests of removed sources that `guard.accept` has already released. Each digest works once. */
  readonly accepted: readonly string[]
}

/** The number of targets that all sources together had and lost: rule 4 applied to everything that is served (rule 5). */
export interface Fleet {
  /** The numbers of the last hour. */
  scope(nowMs: number): Scope
  /**
   * Books the departure of targets that no operator accepted.
   * @param scope the numbers on which the decision is based
   * @returns false when other targets left in the meantime: then decide again
   */
  claim(count: number, scope: Scope, nowMs: number): boolean
  /** Takes a booking back, because the list was not published. */
  unclaim(count: number, atMs: number): void
  /** Held while a decision is repeated, so that sources do this one at a time. */
  readonly mutex: Mutex
  /** Records a reading of a source. @param present the number of its targets in the reading */
  note(source: string, present: number, nowMs: number): void
  /** Records a reading that another replica made. @param left the number of targets that left by it */
  follow(source: string, present: number, left: number, nowMs: number): void
  /** Forgets a source. Its targets still count for an hour. */
  forget(source: string): void
  /** Whether there is more than one source. */
  isShared(): boolean
  /** Sets the limits of rule 4 for all sources together. */
  configure(options: Scope['options']): void
  /** Whether a digest in `guard.accept` has been used. */
  isUsed(digest: string): boolean
  /** Marks a digest as used. */
  use(digest: string): void
  /** Restores the state of an earlier process, as if no time had passed. */
  restore(memory: FleetMemory, nowMs: number): void
  /** The state to save. */
  memory(nowMs: number): FleetMemory
}

/**
 * Creates a fleet without sources.
 * @param keep called after each change of the state to save
 */
export function createFleet(
  initial: Pick<GuardOptions, 'maxDrop' | 'minTargets'>,
  keep: () => void = () => {},
): Fleet {
  const present = new Map<string, number>()
  let options = initial
  let total = 0
  let history: History = NO_HISTORY
  let accepted: readonly string[] = []

  function set(source: string, count: number): void {
    total += count - (present.get(source) ?? 0)
    present.set(source, count)
  }

  function scope(nowMs: number): Scope {
    history = remember(history, nowMs, { left: 0, returned: 0, sizes: total })
    const roll = history.sizes.reduce((most, { count }) => Math.max(most, count), 0)
    return { left: sumOf(history.left), roll, options }
  }

  return {
    scope,
    claim(left, { left: leftThen }, nowMs) {
      if (left === 0) return true
      if (scope(nowMs).left !== leftThen) return false
      history = remember(history, nowMs, { left, returned: 0, sizes: total })
      keep()
      return true
    },
    unclaim(left, atMs) {
      const claimed = history.left.findIndex((tally) => tally.atMs === atMs && tally.count === left)
      if (claimed === -1) return
      history = { ...history, left: history.left.toSpliced(claimed, 1) }
      keep()
    },
    mutex: createMutex(),
    note(source, count, nowMs) {
      set(source, count)
      history = remember(history, nowMs, { left: 0, returned: 0, sizes: total })
    },
    follow(source, count, left, nowMs) {
      set(source, count)
      history = remember(history, nowMs, { left, returned: 0, sizes: total })
      if (left > 0) keep()
    },
    forget(source) {
      set(source, 0)
      present.delete(source)
    },
    isShared: () => present.size > 1,
    configure(now) {
      options = now
    },
    isUsed: (digest) => accepted.includes(digest),
    use(digest) {
      accepted = accepting(accepted, digest)
      keep()
    },
    restore(memory, nowMs) {
      history = shifted(memory.history, nowMs)
      accepted = memory.accepted
    },
    memory: (nowMs) => ({ history: shifted(history, -nowMs), accepted }),
  }
}
