/** How this replica sees the others, and the store. */
export interface ClusterStatus {
  /** The name of this one. */
  readonly replica: string
  /** All that are there, this one among them. */
  readonly replicas: readonly { readonly name: string; readonly version: string; readonly leases: number }[]
  /** Why the store cannot be used; undefined: it can. */
  readonly failure: string | undefined
}

/** How a source stands among replicas. */
export interface SharedSource {
  /** The replica that reads it, as far as that is known; undefined: none does. */
  readonly reader: string | undefined
  /** Whether this one reads it. */
  readonly isReader: boolean
  /** The generation that is served, and the newest that is known; 0: none. */
  readonly generation: number
  readonly newest: number
  /** Whether targets joined or left here since, which the others were not told. */
  readonly isDetached: boolean
  /** Why the newest generation is not served; undefined: it is, or will be. */
  readonly refused: string | undefined
}

/** What is shown of the cluster. */
export interface ClusterView {
  status(): ClusterStatus
  /** Undefined: there is no such source. */
  statusOf(source: string): SharedSource | undefined
  /** The required sources with an inventory whose lists are older than three intervals. */
  outdated(): readonly string[]
}
