import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HttpError } from '../../base/errors.ts'
import type { Sendable } from '../../snapshot/freeze.ts'
import { expiresMs, lastSuccessMs, type SourceState } from '../../snapshot/store.ts'
import type { View } from '../../snapshot/view-worker.ts'
import type { Viewed } from '../../snapshot/views.ts'
import { admitAtOnce, allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { notLoaded, tooOld } from '../not-loaded.ts'
import { observe } from '../observe.ts'
import type { Capacity } from '../pressure.ts'
import { sendList } from '../reply.ts'
import { findSource } from '../source-parameter.ts'
import { parseView } from '../view-parameters.ts'

/** A list to send, and the time since its sources last succeeded, in milliseconds. */
interface Aged extends Viewed {
  readonly ageMs: number
}

/**
 * `GET /targets` and `GET /targets/{source}`: target groups as `http_sd_configs` reads them, all of them or the part
 * that `?shard=` and `?label.NAME=` ask for.
 */
export function targetsRoutes(app: FastifyInstance, deps: HttpDeps, capacity: Capacity): void {
  const route = (path: Path, about: 'all' | 'path', find: (request: FastifyRequest) => Aged) => {
    deps.metrics.http.requests.start(path, 'GET', [200, 503])
    app.get(path, allow('read', about), (request: FastifyRequest, reply: FastifyReply) => {
      const observed = observe(request, reply.raw, path, deps)
      capacity.assert()
      const view = parseView(request.query as Record<string, unknown>)
      const aged = find(request)
      const send = (part: Sendable) => {
        observed.fetched = { source: aged.list === '' ? undefined : aged.list, digest: part.digest }
        reply.hijack()
        sendList(request.raw, reply.raw, part, { ageMs: aged.ageMs, isLast: deps.isDraining() })
      }
      // Nothing is waited for when all is asked for.
      return view === undefined ? send(aged.snapshot) : partOf(aged, view, deps).then(send)
    })
  }
  route('/targets', 'all', () => allTargets(deps))
  route('/targets/:source', 'path', (request) =>
    targetsOf(findSource(deps.store, (request.params as { source: string }).source), deps),
  )
}

type Path = '/targets' | '/targets/:source'

/** What stands before the name of a source. */
const SOURCE_PREFIX = '/targets/'

/**
 * Answers a poll of a whole list before the framework sees it (the order is `base/connections.ts`, this, the framework's routes): nearly all requests are such polls, and the framework
 * costs more than sending a small list does (npm run bench).
 * @returns false when it is anything else, or cannot be answered with a list: then nothing was sent or counted, and the routes answer
 */
export function answerPoll(
  request: IncomingMessage,
  response: ServerResponse,
  deps: HttpDeps,
  capacity: Capacity,
): boolean {
  const { method, url = '' } = request
  if (method !== 'GET' || !url.startsWith('/targets') || capacity.isShort()) return false
  const state =
    url.length > SOURCE_PREFIX.length ? deps.store.get(url.slice(SOURCE_PREFIX.length)) : undefined
  const path = state === undefined ? '/targets' : '/targets/:source'
  if (state === undefined ? url !== path : url[SOURCE_PREFIX.length - 1] !== '/') return false
  if (!admitAtOnce(request, response, state?.name, deps)) return false
  let aged: Aged
  try {
    aged = state === undefined ? allTargets(deps) : targetsOf(state, deps)
  } catch {
    return false
  }
  observe(request, response, path, deps).fetched = { source: state?.name, digest: aged.snapshot.digest }
  sendList(request, response, aged.snapshot, { ageMs: aged.ageMs, isLast: deps.isDraining() })
  return true
}

function targetsOf(state: SourceState, { clock }: HttpDeps): Aged {
  if (state.snapshot === undefined) throw notLoaded([state])
  const nowMs = clock.monotonic()
  if (nowMs >= expiresMs(state)) throw tooOld([state], nowMs)
  const { name, snapshot, holdMs } = state
  return { list: name, snapshot, holdMs, ageMs: nowMs - lastSuccessMs(state) }
}

/** The part of a list that a view asks for. */
async function partOf(viewed: Viewed, view: View, { views, metrics }: HttpDeps): Promise<Sendable> {
  try {
    return await views.get(viewed, view)
  } catch (error) {
    if (error instanceof HttpError && error.code === 'overloaded') metrics.http.shed.inc()
    throw error
  }
}

function allTargets(deps: HttpDeps): Aged {
  const combined = deps.store.combined()
  if (combined.snapshot === undefined) throw notLoaded(combined.waitingFor)
  const nowMs = deps.clock.monotonic()
  if (nowMs >= combined.expiresMs) throw tooOld(deps.store.list(), nowMs)
  const { snapshot, oldestSuccessMs } = combined
  return { list: '', snapshot, holdMs: deps.holdMs(), ageMs: nowMs - oldestSuccessMs }
}
