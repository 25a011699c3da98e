import { messageOf } from '../base/errors.ts'
import { formatDuration } from '../model/duration.ts'
import type { ExplainAnswer } from '../model/explanation.ts'
import type { History, TargetEvent } from '../model/history.ts'

/** What became of targets that are gone, and of a configuration that is not in force. */
export interface Past {
  /** Undefined: nothing is kept. */
  readonly history: Pick<History, 'find'> | undefined
  /** Why the last reload failed, and when; undefined: it did not. */
  readonly reloadFailure: { readonly atMs: number; readonly message: string } | undefined
  /** Wall-clock time, in milliseconds. */
  readonly nowMs: number
}

/** What last happened to so many targets of the address or host that is asked for is told. */
const MAX_TOLD = 3

const VERBS = { left: 'left', joined: 'joined', changed: 'changed its labels' } as const

/**
 * Adds to an answer that the configuration is not the newest, and, when it found nothing, what last happened to
 * targets of that address or host.
 */
export async function withPast(
  answer: ExplainAnswer,
  source: string | undefined,
  { history, reloadFailure, nowMs }: Past,
): Promise<ExplainAnswer> {
  const notes = answer.matches > 0 ? [] : await pastOf(answer.query, source, history, nowMs)
  if (reloadFailure !== undefined) notes.push(describeReload(reloadFailure, source))
  if (notes.length === 0) return answer
  return { ...answer, verdict: [answer.verdict, ...notes].join('; ') }
}

/** Who asks for one source is not told of the others, which the message may name. */
function describeReload(
  { atMs, message }: NonNullable<Past['reloadFailure']>,
  source: string | undefined,
): string {
  const why = source === undefined ? message.replaceAll('\n', '; ') : 'see config on /health'
  const at = new Date(atMs).toISOString()
  return `the last reload failed at ${at}: ${why}; the configuration from before is in force`
}

async function pastOf(
  query: string,
  source: string | undefined,
  history: Past['history'],
  nowMs: number,
): Promise<string[]> {
  const target = query.trim().replace(/^[^=]*=/, '')
  try {
    const found = await history?.find({ target, isWhole: true, source, limit: 10 * MAX_TOLD })
    // Of each target the newest event: the one that is in force.
    const newest = new Map<string, TargetEvent>()
    for (const event of found?.events ?? []) {
      const key = JSON.stringify([event.source, event.address, event.place])
      if (!newest.has(key)) newest.set(key, event)
    }
    return [...newest.values()].slice(0, MAX_TOLD).map((event) => describe(event, nowMs))
  } catch (error) {
    return [messageOf(error)]
  }
}

function describe({ kind, source, address, atMs, why }: TargetEvent, nowMs: number): string {
  const age = ageOf(Math.max(0, nowMs - atMs))
  return `${address} of ${source} ${VERBS[kind]} ${age} ago, at ${new Date(atMs).toISOString()}: ${why}`
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const

/** An age in its largest unit: `3 days`. */
function ageOf(ms: number): string {
  for (const [name, unitMs] of UNITS) {
    const count = Math.floor(ms / unitMs)
    if (count > 0) return `${count} ${name}${count === 1 ? '' : 's'}`
  }
  return formatDuration(Math.round(ms / 1000) * 1000)
}
