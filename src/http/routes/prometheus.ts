import type { FastifyInstance } from 'fastify'
import type { ScrapeServer } from '../../model/scrape.ts'
import type { ServerAnswer } from '../api/answers.ts'
import { allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { observe } from '../observe.ts'
import { sendJson } from '../send-json.ts'

const PATH = '/api/v1/prometheus'

/** `GET /api/v1/prometheus`: the Prometheus servers that are asked for their targets, with what they make of the served ones. */
export function prometheusRoutes(app: FastifyInstance, deps: HttpDeps): void {
  app.get(PATH, allow('read'), (request, reply) => {
    observe(request, reply.raw, PATH, deps)
    const servers = deps.scrapes?.servers() ?? []
    return sendJson(reply, { servers: servers.map(describeServer) })
  })
}

/** A Prometheus server that is asked, as it is shown. */
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
