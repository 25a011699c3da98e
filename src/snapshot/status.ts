/** A moment on both clocks: the wall clock to show, the monotonic one to measure ages with. */
export interface Moment {
  readonly wallMs: number
  readonly monotonicMs: number
}

/** Why a record was quarantined, as it is shown. */
export interface Quarantined {
  readonly index: number
  readonly reason: string
  readonly detail: string
}

/** What a source last did. Replaced as a whole after every refresh, never changed in place. */
export interface SourceStatus {
  /** When the inventory last gave a whole list that is served. */
  readonly lastSuccess: Moment | undefined
  /** The failure of the last refresh; undefined when it succeeded. */
  readonly failure: { readonly reason: string; readonly message: string; readonly at: Moment } | undefined
  /** Whether the served list was read from disk and no refresh has succeeded since. */
  readonly restored: boolean
  /** Failed refreshes in a row. */
  readonly failures: number
  readonly records: number
  /** Targets that a relabel rule dropped. */
  readonly dropped: number
  readonly rejected: Readonly<Record<string, number>>
  readonly samples: readonly Quarantined[]
  /** The list that the guard holds back, if any. */
  readonly held: HeldList | undefined
}

/** A list that the guard holds back. */
export interface HeldList {
  /** SHA-256 in hex: once it is served, its ETag. */
  readonly digest: string
  readonly targets: number
  /** In how many refreshes in a row the drop was seen, and in how many it has to be. */
  readonly seen: number
  readonly needed: number
}

/** A file of a source that cannot be written or read; what is served does not depend on it. */
export interface FileError {
  /** Of the file, or of the folder that keeps the lists. */
  readonly path: string | undefined
  readonly error: string
}

/** A source that has not been asked yet. */
export const INITIAL_STATUS: SourceStatus = {
  lastSuccess: undefined,
  failure: undefined,
  restored: false,
  failures: 0,
  records: 0,
  dropped: 0,
  rejected: {},
  samples: [],
  held: undefined,
}
