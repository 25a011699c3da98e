import type { FastifyInstance } from 'fastify'
import { allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { observe } from '../observe.ts'

const PATH = '/api/v1/openapi.json'

/** `GET /api/v1/openapi.json`: the description of the HTTP API. It is loaded on the first request. */
export function openApiRoutes(app: FastifyInstance, deps: HttpDeps): void {
  app.get(PATH, allow('open'), async (request, reply) => {
    observe(request, reply.raw, PATH, deps)
    const { default: document } = await import('../api/openapi.json', { with: { type: 'json' } })
    return reply.type('application/json; charset=utf-8').send(document)
  })
}
