import type { FastifyInstance } from 'fastify'
import { HttpError } from '../../base/errors.ts'
import type { HttpDeps, HttpOptions } from '../deps.ts'
import { observe } from '../observe.ts'
import { findSource } from '../source-parameter.ts'

/** `POST /-/refresh[?source=]`: refresh now; the webhook for inventories. Off unless switched on. */
export function lifecycleRoutes(app: FastifyInstance, deps: HttpDeps, options: HttpOptions): void {
  // A webhook's body says nothing that we need, so any type is taken (up to the body limit) and dropped.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null))
  app.post('/-/refresh', async (request, reply) => {
    observe(request, reply, '/-/refresh', deps)
    if (!options.enableLifecycle) {
      throw new HttpError('lifecycle_disabled', 'the lifecycle API is off; start with --web.enable-lifecycle')
    }
    const results = await deps.refresh(sourceIn(request.query as Record<string, unknown>, deps))
    const failed = results.flatMap(({ source, error }) =>
      error === undefined ? [] : `${source}: ${error.message}`,
    )
    if (failed.length > 0) throw new HttpError('refresh_failed', failed.join('; '))
    return { results: results.map(({ source, result, targets }) => ({ source, result, targets })) }
  })
}

function sourceIn(query: Record<string, unknown>, deps: HttpDeps): string | undefined {
  const unknown = Object.keys(query).find((name) => name !== 'source')
  if (unknown !== undefined || Array.isArray(query.source)) {
    throw new HttpError('bad_request', 'the one parameter is source, at most once')
  }
  return query.source === undefined ? undefined : findSource(deps.store, String(query.source)).name
}
