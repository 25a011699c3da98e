import type { Clock } from '../../base/clock.ts'
import { RefreshError } from '../../base/errors.ts'
import { displayUrl } from '../../base/urls.ts'
import { formatDuration } from '../../model/duration.ts'
import type { Intake, Reading, Source, Version } from '../source.ts'

/** One URL of an inventory, and its source. */
export interface OneWay {
  readonly url: URL
  readonly source: Source & Required<Pick<Source, 'redact'>>
}

/** Why one URL gave no complete list; `url` is without secrets. */
interface Failure {
  readonly url: string
  readonly error: RefreshError
}

/** What a reading passes from URL to URL: its limits, and the failures so far. */
interface Asked {
  readonly signal: AbortSignal
  readonly since: Version | undefined
  readonly leftMs: number | undefined
  readonly intake: Intake | undefined
  readonly failures: readonly Failure[]
}

/**
 * Creates a source of an inventory with several URLs. Each reading tries them in order, beginning with the first, and
 * uses the first complete list. Each URL gets an equal share of the remaining time, the last one all of it. Only the
 * first is watched.
 */
export function createWays(ways: readonly OneWay[], clock: Pick<Clock, 'after' | 'monotonic'>): Source {
  const urlOf = ({ url, source }: OneWay) => source.redact(displayUrl(url))

  async function readFrom(index: number, asked: Asked): Promise<Reading> {
    const { signal, since, leftMs, intake, failures } = asked
    const way = ways[index]
    if (way === undefined || signal.aborted) throw noneOf(failures, signal)
    // A version is valid only for the URL that it came from.
    const own = since?.way === index ? since : undefined
    const read: Read = (signal, share) => way.source.read(signal, own, share, intake)
    const limit = { signal, share: shareOf(index, leftMs) }
    return tryNext(index, asked, async () => told(await withinShare(read, limit, clock), index, asked))
  }

  /** An equal share of the remaining time, in milliseconds. */
  function shareOf(index: number, leftMs: number | undefined): number | undefined {
    return leftMs === undefined ? undefined : leftMs / (ways.length - index)
  }

  /** Reads one URL, and the ones after it when that fails. */
  async function tryNext(index: number, asked: Asked, read: () => Promise<Reading>): Promise<Reading> {
    const startMs = clock.monotonic()
    try {
      return await read()
    } catch (error) {
      const { leftMs, failures } = asked
      return readFrom(index + 1, {
        ...asked,
        leftMs: leftMs && Math.max(1, leftMs - (clock.monotonic() - startMs)),
        failures: [...failures, failureOf(ways[index] as OneWay, error)],
      })
    }
  }

  /** Adds to a reading its URL, and the fallback to the next URLs for when it turns out to be unusable. */
  function told(reading: Reading, index: number, { since, intake, failures }: Asked): Reading {
    if (reading.kind === 'unchanged') return reading
    const way = ways[index] as OneWay
    const { version, otherwise } = reading
    return {
      ...reading,
      way: { url: urlOf(way), isStandby: index > 0 },
      version: version && { ...version, way: index },
      async otherwise(error, signal, leftMs) {
        const asked = { signal, since, leftMs, intake, failures }
        const limit = { signal, share: shareOf(index, leftMs) }
        const read: Read = async (signal, share) => {
          if (otherwise === undefined) throw error
          return otherwise(error, signal, share)
        }
        return tryNext(index, asked, async () => told(await withinShare(read, limit, clock), index, asked))
      },
    }
  }

  /** @throws any error that is not a RefreshError */
  function failureOf(way: OneWay, error: unknown): Failure {
    if (error instanceof RefreshError) return { url: urlOf(way), error }
    throw error
  }

  const [first] = ways
  const watch = first?.source.watch
  return {
    read: (signal, since, leftMs, intake) => readFrom(0, { signal, since, leftMs, intake, failures: [] }),
    ...(watch && { watch }),
    redact: (text) => ways.reduce((safe, { source }) => source.redact(safe), text),
    async close() {
      await Promise.all(ways.map(({ source }) => source.close()))
    },
  }
}

type Read = (signal: AbortSignal, share: number | undefined) => Promise<Reading>

interface Share {
  readonly signal: AbortSignal
  /** In milliseconds; undefined: until the signal aborts. */
  readonly share: number | undefined
}

async function withinShare(
  read: Read,
  { signal, share }: Share,
  clock: Pick<Clock, 'after'>,
): Promise<Reading> {
  if (share === undefined) return read(signal, undefined)
  const own = new AbortController()
  const told = `no whole answer within ${formatDuration(Math.ceil(share))}, its share of timeout`
  const cancel = clock.after(share, () => own.abort(new RefreshError('timeout', told)))
  try {
    return await read(AbortSignal.any([signal, own.signal]), share)
  } finally {
    cancel()
  }
}

/** The error when no URL gave a complete list; it has the failures of all of them. */
function noneOf(failures: readonly Failure[], signal: AbortSignal): unknown {
  const [first] = failures
  if (first === undefined) return signal.reason
  const told = failures.map(({ url, error: { message } }) =>
    message.includes(url) ? message : `${url}: ${message}`,
  )
  // Retry as soon as the first of them allows it.
  const waitMs = Math.min(...failures.map(({ error }) => error.retryAfterMs ?? 0))
  return new RefreshError(first.error.reason, `no URL returned a complete list: ${told.join('; ')}`, {
    retryAfterMs: waitMs === 0 ? undefined : waitMs,
  })
}
