import { type ChangeSamples, shownSamples } from './samples.ts'

/** One change of a served list. */
export interface Change {
  readonly source: string
  /** On the wall clock, in milliseconds. */
  readonly atMs: number
  /** How many targets are served since. */
  readonly targets: number
  readonly added: number
  readonly removed: number
  readonly samples: ChangeSamples
}

/** The last changes of all sources, the newest first. */
export interface Changes {
  /** Remembers a change, without the secrets that its samples may hold. */
  note(change: Change): void
  list(): readonly Change[]
  /** Forgets those of a source that is gone. */
  forget(source: string): void
}

/** How many changes are remembered. */
const MAX_CHANGES = 200

/** Remembers no change yet. */
export function createChanges(): Changes {
  let changes: readonly Change[] = []
  return {
    note(change) {
      changes = [{ ...change, samples: shownSamples(change.samples) }, ...changes].slice(0, MAX_CHANGES)
    },
    list: () => changes,
    forget(source) {
      changes = changes.filter((change) => change.source !== source)
    },
  }
}
