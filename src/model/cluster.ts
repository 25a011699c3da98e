/** The state of the cluster, as this replica sees it. */
export interface ClusterStatus {
  /** The name of this replica. */
  readonly replica: string
  /** All known replicas, including this one. */
  readonly replicas: readonly { readonly name: string; readonly version: string; readonly leases: number }[]
  /** Why the store is not available; undefined: it is. */
  readonly failure: string | undefined
}

/** The state of a source in the cluster. */
export interface SharedSource {
  /** The replica that reads it, if known; undefined: none does. */
  readonly reader: string | undefined
  /** Whether this replica reads it. */
  readonly isReader: boolean
  /** The generation that is served, and the newest that is known; 0: none. */
  readonly generation: number
  readonly newest: number
  /** Whether targets joined or left here since the last generation that the others have. */
  readonly isDetached: boolean
  /** Why the newest generation is not served; undefined: it is, or will be. */
  readonly refused: string | undefined
}

/** The state of the cluster, for display. */
export interface ClusterView {
  status(): ClusterStatus
  /** Undefined: there is no such source. */
  statusOf(source: string): SharedSource | undefined
  /** The required sources with an inventory whose lists are older than three intervals. */
  outdated(): readonly string[]
}
