import type { FastifyInstance } from 'fastify'
import type { PollerAnswer } from '../api/answers.ts'
import { allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { observe } from '../observe.ts'
import { faultOf, listOf, type Poller, shownPath } from '../pollers.ts'
import { sendJson } from '../send-json.ts'
import { sourceIn } from '../source-parameter.ts'

const PATH = '/api/v1/pollers'

/**
 * `GET /api/v1/pollers[?source=]`: the clients that poll targets, the most recent first; with a source, only
 * those that have fetched its list, or that of all sources.
 */
export function pollersRoutes(app: FastifyInstance, deps: HttpDeps): void {
  app.get(PATH, allow('read', 'query'), (request, reply) => {
    observe(request, reply.raw, PATH, deps)
    return sendJson(reply, { pollers: pollersAnswer(request.query, deps) })
  })
}

/** The clients that poll targets. @throws HttpError `bad_request`, `source_not_found` */
export function pollersAnswer(query: unknown, deps: HttpDeps): readonly PollerAnswer[] {
  const wanted = sourceIn(query, deps.store)
  // A request about one source must not learn about others, nor about their pollers.
  const isAbout = ({ fetched }: Poller) =>
    wanted === undefined || (fetched !== undefined && (fetched.source ?? wanted) === wanted)
  const shown = deps.pollers.list().filter(isAbout)
  return shown.map((poller) => describePoller(poller, deps, wanted === undefined))
}

function describePoller(poller: Poller, { store }: HttpDeps, isAll: boolean): PollerAnswer {
  const { address, userAgent, polls, firstMs, lastMs, intervalMs, status, fetched } = poller
  return {
    address,
    user_agent: userAgent,
    path: shownPath(poller, !isAll),
    polls,
    first: timeOf(firstMs),
    last: timeOf(lastMs),
    interval_seconds: intervalMs === undefined ? null : intervalMs / 1000,
    status,
    fetched:
      fetched === undefined
        ? null
        : { source: fetched.source ?? null, digest: fetched.digest, at: timeOf(fetched.atMs) },
    list: listOf(poller, store),
    fault: (isAll ? faultOf(poller, store) : undefined) ?? null,
  }
}

function timeOf(wallMs: number): string {
  return new Date(wallMs).toISOString()
}
