import type { FastifyInstance, FastifyRequest } from 'fastify'
import { HttpError } from '../../base/errors.ts'
import type { SourceState } from '../../snapshot/store.ts'
import type { HttpDeps } from '../deps.ts'
import { notLoaded } from '../not-loaded.ts'
import { sendSnapshot } from '../reply.ts'
import { findSource } from '../source-parameter.ts'

/** `GET /targets` and `GET /targets/{source}`: target groups as `http_sd_configs` reads them. */
export function targetsRoutes(app: FastifyInstance, deps: HttpDeps): void {
  app.get('/targets', (request, reply) => {
    assertNoParameters(request)
    const { snapshot, waitingFor } = deps.store.combined()
    if (snapshot === undefined) throw notLoaded(waitingFor)
    const loaded = deps.store.list().filter((state) => state.snapshot !== undefined)
    return sendSnapshot(request, reply, snapshot, Math.max(...loaded.map((state) => ageOf(state, deps))))
  })
  app.get('/targets/:source', (request, reply) => {
    assertNoParameters(request)
    const state = findSource(deps.store, (request.params as { source: string }).source)
    if (state.snapshot === undefined) throw notLoaded([state])
    return sendSnapshot(request, reply, state.snapshot, ageOf(state, deps))
  })
}

/** Time since a source last gave a whole list, or since the start of the process, in milliseconds. */
function ageOf(state: SourceState, { clock }: HttpDeps): number {
  return clock.monotonic() - (state.status.lastSuccess?.monotonicMs ?? 0)
}

/** A filter that is not understood must not silently mean "everything": twice the scrapes, say. */
function assertNoParameters(request: FastifyRequest): void {
  const [name] = Object.keys(request.query as object)
  if (name === undefined) return
  throw new HttpError(
    'bad_request',
    `the parameter ${JSON.stringify(name.slice(0, 60))} is not known here; leave it out`,
  )
}
