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

/** What is kept of the fleet over a restart. */
export interface FleetMemory {
  /** Its times are ages, below 0. */
  readonly history: History
  /** The digests of removed sources that an operator's word in the configuration let leave: it counts once. */
  readonly accepted: readonly string[]
}

/** What all sources together had and lost: rule 4 for everything that is served (rule 5). */
export interface Fleet {
  /** What happened within the last hour. */
  scope(nowMs: number): Scope
  /**
   * So many targets leave without an operator's word, as was decided in a scope.
   * @returns false: others have left since, so that it has to be decided once more
   */
  claim(count: number, scope: Scope, nowMs: number): boolean
  /** What was claimed at a time has not left: it was not published. */
  unclaim(count: number, atMs: number): void
  /** What is decided once more is decided by one after the other. */
  readonly mutex: Mutex
  /** A source was read: so many of its targets answered. */
  note(source: string, present: number, nowMs: number): void
  /** Another replica read a source: so many of its targets answered, and so many left. */
  follow(source: string, present: number, left: number, nowMs: number): void
  /** A source is gone. What it had still counts for an hour. */
  forget(source: string): void
  /** Whether there is more than one source. */
  isShared(): boolean
  /** The shares from which on a drop of all sources together is held. */
  configure(options: Scope['options']): void
  /** Whether an operator's word in the configuration has been used. */
  isUsed(digest: string): boolean
  /** The word has been used. */
  use(digest: string): void
  /** Takes what an earlier process kept, as if no time had passed. */
  restore(memory: FleetMemory, nowMs: number): void
  /** What is to be kept. */
  memory(nowMs: number): FleetMemory
}

/**
 * Creates a fleet without sources.
 * @param keep called whenever its memory changed
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
