import type { FastifyInstance } from 'fastify'
import { allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { observe } from '../observe.ts'

/**
 * `GET /metrics` in the Prometheus text format 0.0.4, whatever the client accepts: the library names
 * counters wrongly after it has once rendered OpenMetrics.
 */
export function metricsRoutes(app: FastifyInstance, deps: HttpDeps): void {
  let rendering: Promise<string> | undefined
  app.get('/metrics', allow('read', 'server'), async (request, reply) => {
    observe(request, reply.raw, '/metrics', deps)
    // Concurrent requests share one rendering.
    rendering ??= deps.metrics.registry.metrics().finally(() => {
      rendering = undefined
    })
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(await rendering)
  })
}
