import type { Clock } from '../base/clock.ts'
import { RefreshError } from '../base/errors.ts'
import { formatDuration } from '../model/duration.ts'
import type { Documents, Reading, Source, Version } from '../sources/source.ts'

/** A source and how long one whole read of it may take. */
export interface Readable {
  readonly source: Source
  readonly timeoutMs: number
}

/**
 * Reads a source under one total deadline, whatever the source makes of it: a read that never settles must not
 * end the refreshing.
 * @param stop aborted when the server stops
 * @throws RefreshError
 */
export async function readBefore(
  { source, timeoutMs }: Readable,
  clock: Pick<Clock, 'after'>,
  stop: AbortSignal,
  since?: Version,
): Promise<Reading> {
  const controller = new AbortController()
  const { signal } = controller
  const deadline = new RefreshError(
    'timeout',
    `no whole answer within ${formatDuration(timeoutMs)}; if the inventory needs longer, raise timeout in a configuration file`,
  )
  const aborted = new Promise<never>((_, reject) => {
    // The source goes first, since it may know more: which page it waited for.
    signal.addEventListener('abort', () => setImmediate(reject, signal.reason), { once: true })
  })
  const cancelTimer = clock.after(timeoutMs, () => controller.abort(deadline))
  const onStop = () => controller.abort(new RefreshError('timeout', 'the server is stopping'))
  stop.addEventListener('abort', onStop, { once: true })
  if (stop.aborted) onStop()
  try {
    return await Promise.race([source.read(signal, since), aborted])
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
