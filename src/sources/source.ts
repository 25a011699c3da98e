import type { Document } from '../model/document.ts'
import type { Instances } from '../model/registration.ts'
import type { Register } from './push/register.ts'

/** What an inventory said of the version that it sent; given back to it, it may answer "unchanged". */
export interface Version {
  readonly etag?: string | undefined
  readonly lastModified?: string | undefined
}

/** What an inventory said: one document per page or file, in order, all of them or none. */
export interface Documents {
  readonly kind: 'documents'
  readonly documents: readonly Document[]
  readonly version?: Version | undefined
}

/** The inventory said, in its own protocol, that nothing changed since the version that it was asked about. */
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
   * @param since the version of the documents that the caller still has; only with it may nothing be changed
   * @throws RefreshError when it cannot be read whole; a part is never returned
   */
  read(signal: AbortSignal, since?: Version): Promise<Reading>
  /** Calls back whenever the inventory has changed; sources that cannot know have no such method. */
  watch?(changed: () => void): void
  /** Gets ready, before anything else is asked of it, with what an earlier process kept; never fails. */
  open?(): Promise<void>
  /** Devices may not reach it from now on: nobody but who leaves is forgotten any more. */
  deafen?(): void
  /** Lets go of connections, watches and timers. */
  close(): Promise<void>
  /** Deletes what it keeps: after its end, when it is no longer configured; never fails, what stays is reported. */
  remove?(): Promise<void>
  /** Where devices register themselves; other sources have none. */
  readonly instances?: Instances
  /** What they registered, for the source that takes the place of this one. */
  readonly register?: Register
}
