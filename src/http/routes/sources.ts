import type { FastifyInstance } from 'fastify'
import { printableJson } from '../../base/printable.ts'
import type { SourceState } from '../../snapshot/store.ts'
import type { SourceAnswer } from '../api/answers.ts'
import { allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { describeSource } from '../describe-source.ts'
import { observe } from '../observe.ts'
import { sourceIn } from '../source-parameter.ts'

const PATH = '/api/v1/sources'

/** `GET /api/v1/sources[?source=]`: what each source last did. */
export function sourcesRoutes(app: FastifyInstance, deps: HttpDeps): void {
  app.get(PATH, allow('read', 'query'), (request, reply) => {
    observe(request, reply.raw, PATH, deps)
    // What an inventory says is shown here, so no cache may keep it.
    const json = reply.type('application/json; charset=utf-8').header('cache-control', 'no-store')
    return json.send(printableJson({ sources: sourcesAnswer(request.query, deps) }))
  })
}

/**
 * What each source last did.
 * @throws HttpError `bad_request`, `source_not_found`
 */
export function sourcesAnswer(query: unknown, deps: HttpDeps): readonly SourceAnswer[] {
  const wanted = sourceIn(query, deps.store)
  const states = deps.store.list().filter(({ name }) => wanted === undefined || name === wanted)
  return states.map((state) => sourceAnswer(state, deps))
}

function sourceAnswer(state: SourceState, deps: HttpDeps): SourceAnswer {
  return { name: state.name, ...describeSource(state, deps) }
}
