import { sha256 } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import type { Moment } from '../snapshot/status.ts'
import type { Reading, Version } from '../sources/source.ts'
import type { Built } from './build.ts'
import type { Compute } from './compute.ts'
import { digestOf } from './digest.ts'
import { keepRead, type LastRead } from './last-read.ts'
import { documentsOf } from './read.ts'

/** The list that the last successful reading gave. */
export interface Offered {
  /** Of the documents. */
  readonly digest: string
  /** Of the documents that were built: what failed to build must never be "unchanged" later. */
  readonly version: Version | undefined
  readonly built: Built
  readonly lastRead: LastRead
  /** When the inventory last gave this list. */
  readonly at: Moment
  /** SHA-256 of the list in hex, computed when it is first asked for: the digest that it would be served with. */
  listDigest(): Promise<string>
}

/** What building needs from outside. */
export interface OfferDeps {
  readonly compute: Pick<Compute, 'build'>
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
}

/**
 * Builds what was read, unless it is what was built last time.
 * @param before what the last successful reading gave
 * @throws RefreshError when it is no inventory
 */
export async function offer(
  reading: Reading,
  before: Offered | undefined,
  { compute, clock }: OfferDeps,
  stop: AbortSignal,
): Promise<Offered> {
  const at: Moment = { wallMs: clock.now(), monotonicMs: clock.monotonic() }
  if (reading.kind === 'unchanged' && before !== undefined) {
    return { ...before, at, lastRead: { ...before.lastRead, atMs: at.wallMs } }
  }
  const { documents, version } = documentsOf(reading)
  const lastRead = keepRead(documents, at.wallMs)
  const digest = await digestOf(documents)
  if (digest === before?.digest) return { ...before, version, lastRead, at }
  const built = await compute.build(documents, lastRead.documents === undefined, stop)
  let listDigest: Promise<string> | undefined
  return {
    digest,
    version,
    built,
    lastRead,
    at,
    listDigest() {
      listDigest ??= sha256([built.body])
      return listDigest
    },
  }
}
