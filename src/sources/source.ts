/** What an inventory said, as bytes: one document per page, in order, all of them or none. */
export interface Documents {
  readonly kind: 'documents'
  readonly documents: readonly Uint8Array[]
}

/** The inventory said, in its own protocol, that nothing changed since the last read. */
export interface Unchanged {
  readonly kind: 'unchanged'
}

/**
 * The result of asking an inventory. "Could not ask" is neither: it is a thrown RefreshError.
 * "It is empty" is documents whose list of records has no entry: an answer like any other.
 */
export type Reading = Documents | Unchanged

/** Where records come from. */
export interface Source {
  /**
   * Reads the whole inventory once.
   * @param signal aborted when the deadline has passed or the server stops
   * @throws RefreshError when it cannot be read whole; a part is never returned
   */
  read(signal: AbortSignal): Promise<Reading>
  /** Lets go of connections, watches and timers. */
  close(): Promise<void>
}
