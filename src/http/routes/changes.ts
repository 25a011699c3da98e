import type { FastifyInstance } from 'fastify'
import { HttpError } from '../../base/errors.ts'
import { parseDuration } from '../../model/duration.ts'
import type { TargetEvent } from '../../model/history.ts'
import type { NotedChange } from '../../snapshot/changes.ts'
import type { ChangesAnswer, EventsAnswer } from '../api/answers.ts'
import { allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { observe } from '../observe.ts'
import { sendJson } from '../send-json.ts'
import { numberIn, sourceIn } from '../source-parameter.ts'

const PATH = '/api/v1/changes'

/** The default and the largest number of changes or events in a page. */
export const DEFAULT_LIMIT = 100
export const MAX_LIMIT = 1_000

/** The longest part of an address that can be searched for. */
export const MAX_TARGET_LENGTH = 256

type Query = Readonly<Record<string, unknown>>

/**
 * `GET /api/v1/changes`: the last changes of the served lists, the newest first. With `?target=` or
 * `?since=`, the events of single targets instead: joins, leaves and label changes from the history.
 * `?limit=` and `?before=` page through both, and `?source=` selects one source.
 */
export function changesRoutes(app: FastifyInstance, deps: HttpDeps): void {
  app.get(PATH, allow('read', 'query'), async (request, reply) => {
    observe(request, reply.raw, PATH, deps)
    const query = request.query as Query
    const asksForEvents = query.target !== undefined || query.since !== undefined
    const shown = asksForEvents ? await eventsAnswer(query, deps) : changesAnswer(query, deps)
    return sendJson(reply, shown)
  })
}

function pageIn({ source, limit, before, ...others }: Query, deps: HttpDeps): Page {
  const known = 'source, target, since, limit and before'
  return {
    source: sourceIn({ ...others, ...(source !== undefined && { source }) }, deps.store, known),
    limit: numberIn('limit', limit, { most: MAX_LIMIT }) ?? DEFAULT_LIMIT,
    before: numberIn('before', before),
  }
}

interface Page {
  readonly source: string | undefined
  readonly limit: number
  readonly before: number | undefined
}

/**
 * The last changes of the served lists.
 * @throws HttpError `bad_request`, `source_not_found`
 */
export function changesAnswer(query: Query, deps: HttpDeps): ChangesAnswer {
  const { source: wanted, limit, before = Number.POSITIVE_INFINITY } = pageIn(query, deps)
  const all = deps.store
    .changes()
    .filter(({ source, order }) => (wanted === undefined || source === wanted) && order < before)
  const page = all.slice(0, limit)
  return {
    changes: page.map(describeChange),
    next: all.length > page.length ? (page.at(-1) as NotedChange).order : null,
  }
}

function describeChange({
  order,
  source,
  atMs,
  targets,
  added,
  removed,
  samples,
}: NotedChange): ChangesAnswer['changes'][number] {
  return {
    id: order,
    source,
    at: new Date(atMs).toISOString(),
    targets,
    added,
    removed,
    added_samples: samples.added,
    removed_samples: samples.removed,
  }
}

/**
 * The events of single targets.
 * @throws HttpError `bad_request`, `source_not_found`, `history_unavailable`
 */
export async function eventsAnswer(
  { target, since, ...others }: Query,
  deps: HttpDeps,
): Promise<EventsAnswer> {
  const page = pageIn(others, deps)
  const query = { ...page, target: textIn(target), sinceMs: timeIn(since, deps.clock.now()) }
  if (deps.history === undefined) {
    const message = 'no history is kept: --storage.history.retention.time is 0; leave target and since out'
    throw new HttpError('bad_request', message)
  }
  const { events, next } = await deps.history.find(query)
  return { events: events.map(describeEvent), next: next ?? null }
}

function describeEvent({
  id,
  source,
  atMs,
  kind,
  address,
  place,
  why,
}: TargetEvent): EventsAnswer['events'][number] {
  return { id, source, at: new Date(atMs).toISOString(), kind, address, place, why }
}

/** @throws HttpError `bad_request` */
function textIn(target: unknown): string | undefined {
  if (target === undefined) return undefined
  if (typeof target === 'string' && target !== '' && target.length <= MAX_TARGET_LENGTH) return target
  throw wrong('target', target, `a part of an address, of ${MAX_TARGET_LENGTH} characters at most, once`)
}

/** RFC 3339, the time format of Prometheus. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/

/** @throws HttpError `bad_request` */
function timeIn(since: unknown, nowMs: number): number | undefined {
  if (since === undefined) return undefined
  const text = String(since)
  const durationMs = parseDuration(text)
  if (durationMs !== undefined) return nowMs - durationMs
  const timeMs = TIME.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(timeMs)) return timeMs
  throw wrong('since', since, 'a time such as 2026-01-02T15:04:05Z, or a duration such as 3d')
}

function wrong(name: string, value: unknown, right: string): HttpError {
  return new HttpError('bad_request', `${name} is ${JSON.stringify(value).slice(0, 60)}; write ${right}`)
}
