import type { FastifyInstance } from 'fastify'
import type { ScrapeServer } from '../../model/scrape.ts'
import type { ServerAnswer } from '../api/answers.ts'
import { allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { observe } from '../observe.ts'
import { sendJson } from '../send-json.ts'

const PATH = '/api/v1/prometheus'

/** `GET /api/v1/prometheus`: the queried Prometheus servers, and the state of the served targets in them. */
export function prometheusRoutes(app: FastifyInstance, deps: HttpDeps): void {
  app.get(PATH, allow('read'), (request, reply) => {
    observe(request, reply.raw, PATH, deps)
    const servers = deps.scrapes?.servers() ?? []
    return sendJson(reply, { servers: servers.map(describeServer) })
  })
}

/** A queried Prometheus server, as JSON. */
export function describeServer({
  server,
  url,
  lastSuccessMs,
  failure,
  pools,
  counts,
}: ScrapeServer): ServerAnswer {
  return {
    server,
    url,
    last_success: timeOf(lastSuccessMs),
    failure: failure ?? null,
    pools,
    targets: counts,
  }
}

function timeOf(wallMs: number | undefined): string | null {
  return wallMs === undefined ? null : new Date(wallMs).toISOString()
}
