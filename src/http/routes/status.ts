import type { FastifyInstance } from 'fastify'
import type { StatusAnswer } from '../api/answers.ts'
import { allow } from '../auth.ts'
import type { HttpDeps, HttpOptions } from '../deps.ts'
import { observe } from '../observe.ts'
import { sendJson } from '../send-json.ts'
import { describeCluster, describeReload, unready } from './health.ts'

const PATH = '/api/v1/status'

/** `GET /api/v1/status`: the version and configuration of this server, with secrets masked. */
export function statusRoutes(app: FastifyInstance, deps: HttpDeps, options: HttpOptions): void {
  app.get(PATH, allow('read'), (request, reply) => {
    observe(request, reply.raw, PATH, deps)
    return sendJson(reply, statusAnswer(deps, options))
  })
}

/** The version and configuration of this server. */
export function statusAnswer(deps: HttpDeps, { version, readyMaxAgeMs }: HttpOptions): StatusAnswer {
  const { configuration, settings } = deps.configView()
  return {
    version,
    node: process.version,
    started: new Date(deps.clock.now() - process.uptime() * 1000).toISOString(),
    reload_failure: describeReload(deps.reloadFailure()),
    /** Null: it is ready. */
    ready: unready(deps, readyMaxAgeMs)?.message ?? null,
    cluster: deps.cluster === undefined ? null : describeCluster(deps.cluster.status()),
    configuration: configuration ?? null,
    settings,
  }
}
