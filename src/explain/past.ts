import { messageOf } from '../base/errors.ts'
import { formatDuration } from '../model/duration.ts'
import type { ExplainAnswer } from '../model/explanation.ts'
import type { History, TargetEvent } from '../model/history.ts'

/** The sources of notes on targets that are gone, and on a failed reload. */
export interface Past {
  /** Undefined: no history is kept. */
  readonly history: Pick<History, 'find'> | undefined
  /** Why and when the last reload failed; undefined: it did not. */
  readonly reloadFailure: { readonly atMs: number; readonly message: string } | undefined
  /** Wall-clock time, in milliseconds. */
  readonly nowMs: number
}

/** The number of targets of the requested address or host whose last event is reported. */
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

/** A request about one source must not learn about the others, which the message may name. */
function describeReload(
  { atMs, message }: NonNullable<Past['reloadFailure']>,
  source: string | undefined,
): string {
  const why = source === undefined ? message.replaceAll('\n', '; ') : 'see config on /health'
  const at = new Date(atMs).toISOString()
  return `the last reload failed at ${at}: ${why}; the previous configuration is in force`
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
    // Keep only the newest event of each target: it is the one in force.
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
