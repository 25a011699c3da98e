/** Some of the targets that joined and left, for people: each with its address, and its place if it has one. */
export interface ChangeSamples {
  readonly added: readonly string[]
  readonly removed: readonly string[]
}

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
      changes = [change, ...changes].slice(0, MAX_CHANGES)
    },
    list: () => changes,
    forget(source) {
      changes = changes.filter((change) => change.source !== source)
    },
  }
}
