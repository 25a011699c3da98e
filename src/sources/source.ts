import type { Clock } from '../base/clock.ts'
import { RefreshError, type RefreshFailureReason } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import type { Document, Streamed } from '../model/document.ts'
import { formatDuration } from '../model/duration.ts'
import type { Instances } from '../model/registration.ts'
import type { PushDeps, Registry } from './push/registry.ts'
import type { Context, SourceKeys } from './resolving.ts'

/** The version of an inventory's response; sent back, it lets the inventory answer "unchanged". */
export interface Version {
  readonly etag?: string | undefined
  readonly lastModified?: string | undefined
  /** The number of the way that it came from, from 0; it is not valid for other ways. */
  readonly way?: number
  /** The versions of a list and of those that its records are joined with. */
  readonly parts?: readonly (Version | undefined)[]
}

/** One of several URLs of the same inventory. */
export interface Way {
  /** Its URL without secrets. */
  readonly url: string
  /** Whether it was used because the first URL failed: its list may be older. */
  readonly isStandby: boolean
}

/** The documents of an inventory: one for each page or file, in order, and always all of them. */
export interface Documents {
  readonly kind: 'documents'
  readonly documents: readonly Document[]
  readonly version?: Version | undefined
  /** Whether the files may still be written: then a missing record proves nothing. */
  readonly isUnsettled?: boolean
  /** The way that they came from; undefined: there is only one. */
  readonly way?: Way
  /**
   * Reads again from another way, or in a new session, when these documents cannot be used; undefined: there is none.
   * @param error why they cannot be used
   * @throws RefreshError when the others cannot be used either
   */
  otherwise?(error: RefreshError, signal: AbortSignal, leftMs?: number): Promise<Reading>
}

/** The inventory answered, in its own protocol, that nothing has changed since the requested version. */
export interface Unchanged {
  readonly kind: 'unchanged'
}

/**
 * The result of reading an inventory. A failure is a thrown RefreshError. An empty inventory is documents without
 * records, a result like any other.
 */
export type Reading = Documents | Unchanged

/** Maps documents while they arrive that are too large to be in memory. */
export interface Intake<Of = Omit<Document, 'bytes'>> {
  /** Smaller documents are read into memory, in bytes. */
  readonly maxInMemoryBytes: number
  /**
   * Begins a document; the one before is closed.
   * @param of what its bytes belong to
   * @param first its first bytes, which also come as pieces
   * @param signal aborting it closes the document
   * @returns undefined when it cannot be mapped while it arrives
   */
  begin(of: Of, first: Uint8Array, signal: AbortSignal): DocumentStream | undefined
}

/** A document that is mapped while it arrives. */
export interface DocumentStream {
  /**
   * Takes the next piece, whose memory can be used again afterwards; resolves when there is memory for another one.
   * @throws RefreshError when an earlier piece shows a fault, or the document is closed
   */
  add(piece: Uint8Array): Promise<void>
  /**
   * Ends the document. What is wrong with the document as a whole is reported when its records are used.
   * @returns `elsewhere` when its records are not in the list that was mapped: it has to be read again, into memory
   */
  end(): Promise<Streamed | 'elsewhere'>
}

/** An inventory that records are read from. */
export interface Source {
  /**
   * Reads the whole inventory once.
   * @param signal aborted when the deadline has passed or the server stops
   * @param since the version of the documents that the caller still has; only with it can the result be "unchanged"
   * @param leftMs the time until the signal aborts, in milliseconds; undefined: unknown
   * @param intake maps a large document while it arrives; undefined: all are read into memory
   * @throws RefreshError when it cannot be read completely; a part is never returned
   */
  read(signal: AbortSignal, since?: Version, leftMs?: number, intake?: Intake): Promise<Reading>
  /** Calls `changed` whenever the inventory has changed; sources that cannot detect it do not have this method. */
  watch?(changed: () => void): void
  /** Loads the state that an earlier process stored. It is called first, and never fails. */
  open?(): Promise<void>
  /** Stops expiry: from now on devices may not reach it. */
  pauseExpiry?(): void
  /** Masks the secrets of its requests in a text; sources without secrets do not have this method. */
  redact?(text: string): string
  /** Releases connections, watches and timers. */
  close(): Promise<void>
  /** Deletes its stored state, after `close`, when it is no longer configured. Never fails; an error is reported. */
  remove?(): Promise<void>
  /** The registration of devices; only push sources have it. */
  readonly instances?: Instances
  /** The registrations, for the source that replaces this one. */
  readonly registry?: Registry
}

/** Masks the secrets of a source in a failure, because the inventory may quote them. */
export function withoutSecrets(error: RefreshError, source: Source): RefreshError {
  const { reason, message, retryAfterMs } = error
  const safe = source.redact?.(message) ?? message
  return safe === message ? error : new RefreshError(reason, safe, { retryAfterMs })
}

/** A source, and the timeout of one complete read. */
export interface Readable {
  readonly source: Pick<Source, 'read'>
  readonly timeoutMs: number
}

/** The dependencies of reading a source. */
export interface ReadDeps {
  readonly clock: Pick<Clock, 'after' | 'monotonic'>
  /** Aborted when the server stops. */
  readonly stop: AbortSignal
  /** Undefined: all documents are read into memory. */
  readonly intake?: Intake
}

/** Failures that show only after the reading that its documents cannot be used, so that another way may succeed. */
const UNUSABLE: ReadonlySet<RefreshFailureReason> = new Set([
  'parse',
  'shape',
  'refused',
  'pagination',
  'all_rejected',
  'too_few',
])

/**
 * Reads a source and uses the reading. If it cannot be used, reads from another way, if there is one, within the same
 * timeout. Only the time of the reads counts.
 * @param use throws a RefreshError when a reading cannot be used
 * @throws RefreshError
 */
export async function readUsable<Result>(
  { source, timeoutMs }: Readable,
  { clock, stop, intake }: ReadDeps,
  use: (reading: Reading) => Promise<Result>,
  since?: Version,
): Promise<Result> {
  let leftMs = timeoutMs
  const readFrom = async (read: Read): Promise<Reading> => {
    const startMs = clock.monotonic()
    try {
      return await readBefore(read, { timeoutMs, leftMs }, { clock, stop })
    } finally {
      leftMs = Math.max(0, leftMs - (clock.monotonic() - startMs))
    }
  }
  const useOr = async (reading: Reading): Promise<Result> => {
    try {
      return await use(reading)
    } catch (error) {
      const { otherwise } = reading as Partial<Documents>
      const isUnusable = error instanceof RefreshError && UNUSABLE.has(error.reason)
      if (otherwise === undefined || !isUnusable) throw error
      return useOr(await readFrom((signal, restMs) => otherwise(error, signal, restMs)))
    }
  }
  return useOr(await readFrom((signal, restMs) => source.read(signal, since, restMs, intake)))
}

type Read = (signal: AbortSignal, leftMs: number) => Promise<Reading>

/**
 * Reads within one total timeout, even if the source ignores it: a read that never settles must not stop the refreshes.
 */
async function readBefore(
  read: Read,
  { timeoutMs, leftMs }: { readonly timeoutMs: number; readonly leftMs: number },
  { clock, stop }: ReadDeps,
): Promise<Reading> {
  const controller = new AbortController()
  const { signal } = controller
  const deadline = () =>
    new RefreshError(
      'timeout',
      `no whole answer within ${formatDuration(timeoutMs)}; if the inventory needs longer, raise timeout in a configuration file`,
    )
  const aborted = new Promise<never>((_, reject) => {
    // The source goes first, since it may know more: which page it waited for.
    signal.addEventListener('abort', () => setImmediate(reject, signal.reason), { once: true })
  })
  const cancelTimer = clock.after(leftMs, () => controller.abort(deadline()))
  const onStop = () => controller.abort(new RefreshError('timeout', 'the server is stopping'))
  stop.addEventListener('abort', onStop, { once: true })
  if (stop.aborted) onStop()
  try {
    return await Promise.race([read(signal, leftMs), aborted])
  } finally {
    cancelTimer()
    stop.removeEventListener('abort', onStop)
  }
}

/**
 * The documents of a reading that cannot be "unchanged", because the read had no version.
 * @throws RefreshError `internal` when it is "unchanged" all the same
 */
export function documentsOf(reading: Reading): Documents {
  if (reading.kind === 'documents') return reading
  throw new RefreshError('internal', 'the source answered "unchanged" before it ever returned a list')
}

/** The dependencies of sources. */
export interface SourceDeps {
  readonly clock: Clock
  readonly files: Files
  readonly userAgent: string
  /** Further dependencies of a push source in a server. */
  readonly push?: Omit<PushDeps, 'clock' | 'files'>
}

/** A kind of source; its keys in the configuration file are below its name. */
export interface Kind<Config, Options> {
  /**
   * Resolves these keys, and checks what the schema cannot. Problems are collected in the context.
   * @param source the other keys of the source
   * @param context at the source
   */
  resolve(config: Config, source: SourceKeys, context: Context): Options
  /** @param before the source that it replaces; it takes over the registrations of its devices */
  create(options: Options, deps: SourceDeps, before?: Source): Source
  /**
   * What identifies the inventory, without user and password: if it differs, the list is that of another inventory. There
   * is one for each URL of the inventory. They can contain secrets, in a query or a body.
   */
  placesOf(options: Options): readonly (readonly unknown[])[]
}
