import type { Clock } from '../base/clock.ts'
import { RefreshError } from '../base/errors.ts'
import { type Documents, documentsOf, type Reading, type Source, type Version } from './source.ts'

/** A list that records are joined with. */
export interface JoinedList {
  readonly name: string
  readonly source: Source
}

/** The deadline for all parts. */
interface Limit {
  readonly signal: AbortSignal
  /** Milliseconds; undefined: until the signal aborts. */
  left(): number | undefined
}

/**
 * A source that reads a list and the lists that its records are joined with. They are read one after the other, the main list
 * first, so that the others have what its records refer to. It fails if one of them fails, and is unchanged if all are.
 */
export function createJoined(
  main: Source,
  joins: readonly JoinedList[],
  clock: Pick<Clock, 'monotonic'>,
): Source {
  const sources = [main, ...joins.map(({ source }) => source)]
  const nameOf = (index: number) => joins[index - 1]?.name

  function readPart(index: number, since: Version | undefined, { signal, left }: Limit): Promise<Reading> {
    return inJoin(nameOf(index), (sources[index] as Source).read(signal, since, left()))
  }

  /** Reads the parts that are missing or unchanged, because all documents are needed. */
  async function complete(readings: readonly (Reading | undefined)[], limit: Limit): Promise<Documents> {
    const parts: Documents[] = []
    for (const index of sources.keys()) {
      const reading = readings[index]
      parts.push(
        reading?.kind === 'documents' ? reading : documentsOf(await readPart(index, undefined, limit)),
      )
    }
    return composed(parts)
  }

  function composed(parts: readonly Documents[]): Documents {
    const [first] = parts
    const versions = parts.map(({ version }) => version)
    const way = parts.find((part) => part.way?.isStandby)?.way ?? first?.way
    const hasOther = parts.some(({ otherwise }) => otherwise !== undefined)
    return {
      kind: 'documents',
      documents: parts.flatMap(({ documents }, index) => {
        const join = nameOf(index)
        if (join === undefined) return documents
        return documents.map((document) => ({ ...document, name: `with.${join}: ${document.name}`, join }))
      }),
      // If one part has no version, conditional requests for the others are useless.
      version: versions.includes(undefined) ? undefined : { parts: versions },
      isUnsettled: parts.some(({ isUnsettled }) => isUnsettled === true),
      ...(way && { way }),
      ...(hasOther && {
        async otherwise(error, signal, leftMs) {
          const index = 1 + joins.findIndex(({ name }) => name === error.join)
          const part = parts[index] as Documents
          const limit = limitOf(signal, leftMs)
          if (part.otherwise === undefined) throw error
          const better = await inJoin(nameOf(index), part.otherwise(error, signal, leftMs))
          // The other parts are read again: their documents may have been transferred to a thread.
          return complete(
            parts.map((_, at) => (at === index ? better : undefined)),
            limit,
          )
        },
      }),
    }
  }

  function limitOf(signal: AbortSignal, leftMs: number | undefined): Limit {
    const endMs = clock.monotonic() + (leftMs ?? 0)
    return {
      signal,
      left: () => (leftMs === undefined ? undefined : Math.max(1, endMs - clock.monotonic())),
    }
  }

  const watched = sources.filter(({ watch }) => watch !== undefined)
  return {
    async read(signal, since, leftMs) {
      const limit = limitOf(signal, leftMs)
      const readings: Reading[] = []
      for (const index of sources.keys()) readings.push(await readPart(index, since?.parts?.[index], limit))
      if (readings.every(({ kind }) => kind === 'unchanged')) return { kind: 'unchanged' }
      return complete(readings, limit)
    },
    ...(watched.length > 0 && {
      watch: (changed) => {
        for (const { watch } of watched) watch?.(changed)
      },
    }),
    redact: (text) => sources.reduce((safe, { redact }) => redact?.(safe) ?? safe, text),
    async close() {
      await Promise.all(sources.map((source) => source.close()))
    },
  }
}

/** Adds the name of the joined list to a failure. */
async function inJoin(name: string | undefined, reading: Promise<Reading>): Promise<Reading> {
  try {
    return await reading
  } catch (error) {
    if (name === undefined || !(error instanceof RefreshError)) throw error
    const { reason, message, retryAfterMs } = error
    const told = message.includes(`with.${name}: `) ? message : `with.${name}: ${message}`
    throw new RefreshError(reason, told, { retryAfterMs, cause: error, join: name })
  }
}
