import type { FastifyInstance } from 'fastify'
import { printableJson } from '../../base/printable.ts'
import { allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { observe } from '../observe.ts'
import { faultOf, type Poller } from '../pollers.ts'
import { sourceIn } from '../source-parameter.ts'

const PATH = '/api/v1/pollers'

/** `GET /api/v1/pollers[?source=]`: who asks for targets, who asked last first; with a source only who asks for it or all. */
export function pollersRoutes(app: FastifyInstance, deps: HttpDeps): void {
  app.get(PATH, allow('read', 'query'), (request, reply) => {
    observe(request, reply.raw, PATH, deps)
    const wanted = sourceIn(request.query, deps.store)
    const shown = deps.pollers
      .list()
      .filter(({ source }) => wanted === undefined || source === undefined || source === wanted)
      .map((poller) => describePoller(poller, deps))
    const json = reply.type('application/json; charset=utf-8').header('cache-control', 'no-store')
    return json.send(printableJson({ pollers: shown }))
  })
}

function describePoller(poller: Poller, { store }: HttpDeps) {
  const { address, userAgent, url, source, polls, firstMs, lastMs, intervalMs, status, digest } = poller
  return {
    address,
    user_agent: userAgent,
    path: url,
    source: source ?? null,
    polls,
    first: new Date(firstMs).toISOString(),
    last: new Date(lastMs).toISOString(),
    interval_seconds: intervalMs === undefined ? null : intervalMs / 1000,
    status,
    digest: digest ?? null,
    fault: faultOf(poller, store) ?? null,
  }
}
