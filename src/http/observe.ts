import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../base/metrics.ts'

/** The `route` of requests that no route took: unknown paths never create series of their own. */
const NO_ROUTE = 'none'

/** Counts and times every request by its route pattern. */
export function observeRequests(app: FastifyInstance, { http }: Metrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? NO_ROUTE
    http.requests.inc({ route, method: request.method, code: reply.statusCode })
    http.duration.observe({ route }, reply.elapsedTime / 1000)
    done()
  })
}
