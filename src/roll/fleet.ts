import { type GuardOptions, type History, NO_HISTORY, remember, type Scope, sumOf } from './rules.ts'

/** What all sources together had and lost: rule 4 for everything that is served (rule 5). */
export interface Fleet {
  /** What happened within the last hour. */
  scope(nowMs: number): Scope
  /** A source was read: so many of its targets answered, and so many left without an operator's word. */
  note(source: string, change: { readonly present: number; readonly left: number }, nowMs: number): void
  /** So many targets left without an operator's word, with a source that is gone. */
  lose(count: number, nowMs: number): void
  /** A source is gone. What it had still counts for an hour. */
  forget(source: string): void
  /** The shares from which on a drop of all sources together is held. */
  configure(options: Scope['options']): void
}

/** Creates a fleet without sources. */
export function createFleet(initial: Pick<GuardOptions, 'maxDrop' | 'minTargets'>): Fleet {
  const present = new Map<string, number>()
  let options = initial
  let total = 0
  let history: History = NO_HISTORY

  function set(source: string, count: number): void {
    total += count - (present.get(source) ?? 0)
    present.set(source, count)
  }

  return {
    scope(nowMs) {
      history = remember(history, nowMs, { left: 0, returned: 0, sizes: total })
      const roll = history.sizes.reduce((most, { count }) => Math.max(most, count), 0)
      return { left: sumOf(history.left), roll, options }
    },
    note(source, { present: count, left }, nowMs) {
      set(source, count)
      history = remember(history, nowMs, { left, returned: 0, sizes: total })
    },
    lose(left, nowMs) {
      history = remember(history, nowMs, { left, returned: 0, sizes: total })
    },
    forget(source) {
      set(source, 0)
      present.delete(source)
    },
    configure(now) {
      options = now
    },
  }
}
