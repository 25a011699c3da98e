import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HttpError } from '../../base/errors.ts'
import type { Snapshot } from '../../snapshot/snapshot.ts'
import { expiresMs, lastSuccessMs } from '../../snapshot/store.ts'
import type { HttpDeps } from '../deps.ts'
import { notLoaded, tooOld } from '../not-loaded.ts'
import { observe } from '../observe.ts'
import type { AssertCapacity } from '../pressure.ts'
import { sendSnapshot } from '../reply.ts'
import { findSource } from '../source-parameter.ts'

/** A list to send, and the time since its sources last succeeded, in milliseconds. */
interface Aged {
  readonly snapshot: Snapshot
  readonly ageMs: number
}

/** `GET /targets` and `GET /targets/{source}`: target groups as `http_sd_configs` reads them. */
export function targetsRoutes(app: FastifyInstance, deps: HttpDeps, assertCapacity: AssertCapacity): void {
  const route = (path: string, find: (request: FastifyRequest) => Aged) => {
    deps.metrics.http.requests.start(path, 'GET', [200, 503])
    app.get(path, (request: FastifyRequest, reply: FastifyReply) => {
      observe(request, reply, path, deps)
      assertCapacity()
      assertNoParameters(request)
      const { snapshot, ageMs } = find(request)
      sendSnapshot(request, reply, snapshot, { ageMs, isLast: deps.isDraining() })
    })
  }
  route('/targets', () => allTargets(deps))
  route('/targets/:source', (request) => {
    const state = findSource(deps.store, (request.params as { source: string }).source)
    if (state.snapshot === undefined) throw notLoaded([state])
    const nowMs = deps.clock.monotonic()
    if (nowMs >= expiresMs(state)) throw tooOld([state], nowMs)
    return { snapshot: state.snapshot, ageMs: nowMs - lastSuccessMs(state) }
  })
}

function allTargets(deps: HttpDeps): Aged {
  const combined = deps.store.combined()
  if (combined.snapshot === undefined) throw notLoaded(combined.waitingFor)
  const nowMs = deps.clock.monotonic()
  if (nowMs >= combined.expiresMs) throw tooOld(deps.store.list(), nowMs)
  return { snapshot: combined.snapshot, ageMs: nowMs - combined.oldestSuccessMs }
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
