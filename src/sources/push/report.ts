import { messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { Metrics, PushResult } from '../../base/metrics.ts'
import type { PauseEvent } from './lease.ts'

/** An event of a push source; `instances` is the number of registrations after it. */
export type PushEvent =
  | PauseEvent
  | { readonly kind: 'started'; readonly limit: number; readonly instances: number }
  | { readonly kind: 'registered'; readonly result: PushResult; readonly instances: number }
  | { readonly kind: 'expired'; readonly ids: readonly string[]; readonly instances: number }
  | { readonly kind: 'refused'; readonly why: string; readonly instances: number }
  | { readonly kind: 'replayed'; readonly instances: number }
  /** Other replicas accepted or ended registrations. */
  | { readonly kind: 'followed'; readonly instances: number }
  /** The last line of the journal is torn. */
  | { readonly kind: 'torn'; readonly path: string }
  /** The number of lines of the journal that cannot be used; why: the reason for the first of them. */
  | { readonly kind: 'unusable'; readonly lines: number; readonly why: string }
  /** The number of addresses, and the labels, of earlier registrations that the configuration does not allow. */
  | { readonly kind: 'trimmed'; readonly addresses: number; readonly labels: readonly string[] }
  /** A journal that cannot be used, or a copy of it, has this path now. */
  | { readonly kind: 'set_aside'; readonly path: string }
  | { readonly kind: 'not_set_aside'; readonly error: unknown }
  /** No list is made for this time, in milliseconds. */
  | { readonly kind: 'settling'; readonly ms: number; readonly why: string }
  | { readonly kind: 'written' }
  | { readonly kind: 'not_written'; readonly error: unknown }
  /** The source was removed; error: why its journal could not be deleted. */
  | { readonly kind: 'removed'; readonly error?: unknown }

/** Receives the events of a push source. */
export type Report = (event: PushEvent) => void

/** The number of expired ids that a log line shows. */
const MAX_NAMED = 10

/** A handler for each kind of event. */
type Handlers = { readonly [Kind in PushEvent['kind']]: (event: Extract<PushEvent, { kind: Kind }>) => void }

/**
 * Creates the report of one source: it updates the metrics, and logs changes that an operator should know.
 */
export function createPushReport(
  name: string,
  { push, source }: Pick<Metrics, 'push' | 'source'>,
  log: Logger,
): Report {
  const lines = log.child({ source: name })
  let isFull = false
  let isFailing = false

  function count(result: PushResult, times: number, instances: number): void {
    push.registrations.inc({ source: name, result }, times)
    push.instances.set({ source: name }, instances)
    if (result === 'left' || result === 'expired') isFull = false
  }

  const handlers: Handlers = {
    started: ({ limit, instances }) => push.start(name, limit, instances),
    registered: ({ result, instances }) => count(result, 1, instances),
    expired({ ids, instances }) {
      count('expired', ids.length, instances)
      lines.info(
        { instances: ids.length, ids: ids.slice(0, MAX_NAMED), left: instances },
        'registrations expired',
      )
    },
    refused({ why, instances }) {
      count('refused', 1, instances)
      if (!isFull)
        lines.warn(
          { why, instances },
          'registration refused: raise the limit, or check which devices register',
        )
      isFull = true
    },
    replayed({ instances }) {
      push.instances.set({ source: name }, instances)
      lines.info({ instances }, 'registrations read from the journal; every lease is whole')
    },
    followed: ({ instances }) => push.instances.set({ source: name }, instances),
    torn: ({ path }) =>
      lines.info({ path }, 'the last line of the journal is torn and is ignored: it was never acknowledged'),
    unusable: (event) =>
      lines.warn(
        { lines: event.lines, why: event.why },
        'lines of the journal cannot be used; their devices have to register again',
      ),
    trimmed: ({ addresses, labels }) =>
      lines.warn(
        { addresses, labels },
        'earlier registrations have addresses or labels that are not allowed; they are left out',
      ),
    set_aside: ({ path }) =>
      lines.warn({ path }, 'an unusable journal was saved under another name; check it'),
    not_set_aside: ({ error }) =>
      lines.warn(
        { error: messageOf(error) },
        'an unusable journal cannot be saved under another name, and will be overwritten',
      ),
    settling: ({ ms, why }) =>
      lines.info({ why, seconds: ms / 1000 }, 'no list is made until devices have had time to register'),
    paused({ why }) {
      push.paused.set({ source: name }, 1)
      lines.warn({ why }, 'heartbeats cannot be received: expiry is paused')
    },
    resumed({ ms, instances }) {
      push.paused.set({ source: name }, 0)
      lines.info(
        { seconds: Math.round(ms / 1000), instances },
        'heartbeats can be received again: every lease is whole',
      )
    },
    written() {
      if (isFailing) lines.info('journal written again')
      isFailing = false
    },
    not_written({ error }) {
      source.writeFailures.inc({ source: name, file: 'registrations' })
      if (!isFailing)
        lines.warn(
          { error: messageOf(error) },
          'journal not written; registrations are refused; check the disk',
        )
      isFailing = true
    },
    removed({ error }) {
      push.end(name)
      if (error === undefined) return
      lines.warn(
        { error: messageOf(error) },
        'journal of a removed source not deleted; delete it, or a new source of this name will load its registrations',
      )
    },
  }
  return (event) => handlers[event.kind](event as never)
}
