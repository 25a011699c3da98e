import type { FastifyReply, FastifyRequest } from 'fastify'
import type { HttpDeps } from './deps.ts'

/** The `route` of requests that no route took: unknown paths never create series of their own. */
export const NO_ROUTE = 'none'

/**
 * Counts and times a request when its answer has been sent, whatever the answer will be. Called first in
 * a handler: a hook of the framework would cost more than sending the targets does.
 */
export function observe(
  request: FastifyRequest,
  reply: FastifyReply,
  route: string,
  { metrics }: Pick<HttpDeps, 'metrics'>,
): void {
  const startMs = performance.now()
  const response = reply.raw
  const { method } = request
  response.on('close', () => {
    metrics.http.requests.observe(route, method, response.statusCode, (performance.now() - startMs) / 1000)
  })
}
