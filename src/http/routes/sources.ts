import type { FastifyInstance } from 'fastify'
import type { SourceState } from '../../snapshot/store.ts'
import type { SourceAnswer } from '../api/answers.ts'
import { allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { describeSource } from '../describe-source.ts'
import { observe } from '../observe.ts'
import { sendJson } from '../send-json.ts'
import { sourceIn } from '../source-parameter.ts'

const PATH = '/api/v1/sources'

/** `GET /api/v1/sources[?source=]`: the state of each source. */
export function sourcesRoutes(app: FastifyInstance, deps: HttpDeps): void {
  app.get(PATH, allow('read', 'query'), (request, reply) => {
    observe(request, reply.raw, PATH, deps)
    return sendJson(reply, { sources: sourcesAnswer(request.query, deps) })
  })
}

/** The state of each source. @throws HttpError `bad_request`, `source_not_found` */
export function sourcesAnswer(query: unknown, deps: HttpDeps): readonly SourceAnswer[] {
  const wanted = sourceIn(query, deps.store)
  const states = deps.store.list().filter(({ name }) => wanted === undefined || name === wanted)
  return states.map((state) => sourceAnswer(state, deps))
}

function sourceAnswer(state: SourceState, deps: HttpDeps): SourceAnswer {
  return { name: state.name, ...describeSource(state, deps) }
}
