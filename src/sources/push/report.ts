import { messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { Metrics, PushResult } from '../../base/metrics.ts'

/** What happens to a push source; `instances` is how many are known after it. */
export type PushEvent =
  | { readonly kind: 'started'; readonly limit: number; readonly instances: number }
  | { readonly kind: 'heard'; readonly result: PushResult; readonly instances: number }
  | { readonly kind: 'expired'; readonly ids: readonly string[]; readonly instances: number }
  | { readonly kind: 'refused'; readonly instances: number }
  | { readonly kind: 'restored'; readonly instances: number }
  /** So many that were kept cannot be used; why, of the first of them. */
  | { readonly kind: 'unusable'; readonly instances: number; readonly why: string }
  /** The file with what was kept, which cannot be used, or a copy of it, has this path now. */
  | { readonly kind: 'set_aside'; readonly path: string }
  | { readonly kind: 'not_set_aside'; readonly error: unknown }
  /** For so long, in milliseconds, no list is made. */
  | { readonly kind: 'settling'; readonly ms: number; readonly why: string }
  /** From now on nobody runs out. */
  | { readonly kind: 'paused'; readonly why: string }
  /** From now on they do again, each after its whole time to live; nobody could be heard for so long, in milliseconds. */
  | { readonly kind: 'resumed'; readonly ms: number; readonly instances: number }
  /** Nobody could be heard for so long, in milliseconds, and each is known for so much longer. */
  | { readonly kind: 'stood_still'; readonly ms: number; readonly instances: number }
  | { readonly kind: 'written' }
  | { readonly kind: 'not_written'; readonly error: unknown }
  /** The source is gone; error: why what it kept is still there. */
  | { readonly kind: 'removed'; readonly error?: unknown }

/** Whom a push source tells what happens to it. */
export type Report = (event: PushEvent) => void

/** How many of the ids that ran out are named in the log. */
const MAX_NAMED = 10

/** What does something for each kind of event. */
type Handlers = { readonly [Kind in PushEvent['kind']]: (event: Extract<PushEvent, { kind: Kind }>) => void }

/**
 * Creates the report of one source: its metrics, and a line in the log when something changes that people want
 * to know.
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
    heard: ({ result, instances }) => count(result, 1, instances),
    expired({ ids, instances }) {
      count('expired', ids.length, instances)
      lines.info(
        { instances: ids.length, ids: ids.slice(0, MAX_NAMED), left: instances },
        'instances ran out',
      )
    },
    refused({ instances }) {
      count('refused', 1, instances)
      if (!isFull) lines.warn({ instances }, 'instance refused: raise max_instances, or see who registers')
      isFull = true
    },
    restored({ instances }) {
      push.instances.set({ source: name }, instances)
      lines.info({ instances }, 'instances that were kept on disk are known, each for its whole time to live')
    },
    unusable: ({ instances, why }) =>
      lines.warn(
        { instances, why },
        'instances that were kept cannot be used, and have to register again; no other is lost',
      ),
    set_aside: ({ path }) => lines.warn({ path }, 'what was kept was set aside; see what is wrong with it'),
    not_set_aside: ({ error }) =>
      lines.warn({ error: messageOf(error) }, 'what was kept cannot be set aside, and will be written over'),
    settling: ({ ms, why }) =>
      lines.info({ why, seconds: ms / 1000 }, 'no list is made until devices had the time to register'),
    paused({ why }) {
      push.paused.set({ source: name }, 1)
      lines.warn({ why }, 'devices cannot be heard: nobody runs out')
    },
    resumed({ ms, instances }) {
      push.paused.set({ source: name }, 0)
      lines.info(
        { seconds: Math.round(ms / 1000), instances },
        'devices could not be heard, and can be again: each is known for its whole time to live',
      )
    },
    stood_still: ({ ms, instances }) =>
      lines.info(
        { seconds: Math.round(ms / 1000), instances },
        'devices could not be heard, and can be again: each is known for so much longer',
      ),
    written() {
      if (isFailing) lines.info('instances written again')
      isFailing = false
    },
    not_written({ error }) {
      source.writeFailures.inc({ source: name, file: 'registrations' })
      if (!isFailing) lines.warn({ error: messageOf(error) }, 'instances not written; check the disk')
      isFailing = true
    },
    removed({ error }) {
      push.end(name)
      if (error === undefined) return
      lines.warn(
        { error: messageOf(error) },
        'instances of a source that is gone not deleted; delete the file, or a source of this name knows them again',
      )
    },
  }
  return (event) => handlers[event.kind](event as never)
}
