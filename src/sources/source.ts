import type { Clock } from '../base/clock.ts'
import { RefreshError, type RefreshFailureReason } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import type { Document } from '../model/document.ts'
import { formatDuration } from '../model/duration.ts'
import type { Instances } from '../model/registration.ts'
import type { PushDeps, Registry } from './push/registry.ts'
import type { Context, SourceKeys } from './resolving.ts'

/** What an inventory said of the version that it sent; given back to it, it may answer "unchanged". */
export interface Version {
  readonly etag?: string | undefined
  readonly lastModified?: string | undefined
  /** Which of several ways it came by, from 0; it says nothing of the others. */
  readonly way?: number
  /** Of a list and those that its records are joined with: of each of them. */
  readonly parts?: readonly (Version | undefined)[]
}

/** One of several ways to the same inventory. */
export interface Way {
  /** Its URL as it may be shown. */
  readonly url: string
  /** Whether it was asked because others failed: its list may be older than theirs. */
  readonly isStandby: boolean
}

/** What an inventory said: one document per page or file, in order, all of them or none. */
export interface Documents {
  readonly kind: 'documents'
  readonly documents: readonly Document[]
  readonly version?: Version | undefined
  /** Somebody may still be writing them: what they lack proves nothing. */
  readonly isUnsettled?: boolean
  /** The way that they came by; undefined: there is only one. */
  readonly way?: Way
  /**
   * Reads once more, in another way, for when these turn out to be no inventory; undefined: there is no other way.
   * @param error what is wrong with them
   * @throws RefreshError when nothing better is to be had
   */
  otherwise?(error: RefreshError, signal: AbortSignal, leftMs?: number): Promise<Reading>
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
   * @param leftMs after so long the signal is aborted, in milliseconds; undefined: it is not known
   * @throws RefreshError when it cannot be read whole; a part is never returned
   */
  read(signal: AbortSignal, since?: Version, leftMs?: number): Promise<Reading>
  /** Calls back whenever the inventory has changed; sources that cannot know have no such method. */
  watch?(changed: () => void): void
  /** Gets ready, before anything else is asked of it, with what an earlier process kept; never fails. */
  open?(): Promise<void>
  /** Devices may not reach it from now on: no lease expires any more. */
  pauseExpiry?(): void
  /** Takes the secrets that it was asked with out of a text; sources without secrets have no such method. */
  redact?(text: string): string
  /** Lets go of connections, watches and timers. */
  close(): Promise<void>
  /** Deletes what it keeps: after its end, when it is no longer configured; never fails, what stays is reported. */
  remove?(): Promise<void>
  /** Where devices register themselves; other sources have none. */
  readonly instances?: Instances
  /** What they registered, for the source that takes the place of this one. */
  readonly registry?: Registry
}

/** A failure whose message shows no secret of its source, whatever the inventory quotes. */
export function withoutSecrets(error: RefreshError, source: Source): RefreshError {
  const { reason, message, retryAfterMs } = error
  const safe = source.redact?.(message) ?? message
  return safe === message ? error : new RefreshError(reason, safe, { retryAfterMs })
}

/** A source and how long one whole read of it may take. */
export interface Readable {
  readonly source: Pick<Source, 'read'>
  readonly timeoutMs: number
}

/** What reading a source needs from outside. */
export interface ReadDeps {
  readonly clock: Pick<Clock, 'after' | 'monotonic'>
  /** Aborted when the server stops. */
  readonly stop: AbortSignal
}

/** What shows only after the reading that documents are no inventory, so that another way may be better. */
const UNUSABLE: ReadonlySet<RefreshFailureReason> = new Set([
  'parse',
  'shape',
  'refused',
  'pagination',
  'all_rejected',
  'too_few',
])

/**
 * Reads a source and uses what it gives. What turns out to be no inventory is read in another way, if there is one,
 * within the same deadline, for which only the time of the reading counts.
 * @param use throws a RefreshError when a reading is no inventory
 * @throws RefreshError
 */
export async function readUsable<Result>(
  { source, timeoutMs }: Readable,
  { clock, stop }: ReadDeps,
  use: (reading: Reading) => Promise<Result>,
  since?: Version,
): Promise<Result> {
  let leftMs = timeoutMs
  const readFrom = async (read: Source['read']): Promise<Reading> => {
    const startMs = clock.monotonic()
    try {
      return await readBefore(read, { timeoutMs, leftMs }, { clock, stop }, since)
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
      return useOr(await readFrom((signal, _since, restMs) => otherwise(error, signal, restMs)))
    }
  }
  return useOr(await readFrom((...how) => source.read(...how)))
}

/**
 * Reads under one total deadline, whatever the source makes of it: a read that never settles must not end the
 * refreshing.
 */
async function readBefore(
  read: Source['read'],
  { timeoutMs, leftMs }: { readonly timeoutMs: number; readonly leftMs: number },
  { clock, stop }: ReadDeps,
  since: Version | undefined,
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
    return await Promise.race([read(signal, since, leftMs), aborted])
  } finally {
    cancelTimer()
    stop.removeEventListener('abort', onStop)
  }
}

/**
 * The documents of a reading that cannot be "unchanged", since no version was asked about.
 * @throws RefreshError `internal` when the source says so all the same
 */
export function documentsOf(reading: Reading): Documents {
  if (reading.kind === 'documents') return reading
  throw new RefreshError('internal', 'the source says "unchanged" before it ever gave a list')
}

/** What sources need from outside. */
export interface SourceDeps {
  readonly clock: Clock
  readonly files: Files
  readonly userAgent: string
  /** What a push source that serves needs beside the clock. */
  readonly push?: Omit<PushDeps, 'clock' | 'files'>
}

/** A kind of source; its keys in the configuration file stand below its name. */
export interface Kind<Config, Options> {
  /**
   * Resolves these keys: what the schema cannot check. Problems are collected in the context.
   * @param source the keys beside them
   * @param context at the source
   */
  resolve(config: Config, source: SourceKeys, context: Context): Options
  /** @param before the source whose place it takes; what its devices registered goes over to it */
  create(options: Options, deps: SourceDeps, before?: Source): Source
  /**
   * Where the inventory is, whole, but without the user and password that it is asked with: the list of another place
   * is that of another inventory. There are several when several ways lead to it. They may hold secrets, in a query or
   * a body.
   */
  placesOf(options: Options): readonly (readonly unknown[])[]
}
