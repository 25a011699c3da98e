import type { FastifyInstance } from 'fastify'
import { HttpError } from '../../base/errors.ts'
import { printableJson } from '../../base/printable.ts'
import type { ClusterStatus } from '../../model/cluster.ts'
import type { HistoryStatus } from '../../model/history.ts'
import type { ClusterAnswer, HealthAnswer, ReloadFailureAnswer } from '../api/answers.ts'
import { allow } from '../auth.ts'
import type { HttpDeps, HttpOptions, ReloadFailure } from '../deps.ts'
import { describeHeld, describeSource } from '../describe-source.ts'
import { sendError } from '../errors.ts'
import { cutOff, notFresh, notLoaded } from '../not-loaded.ts'
import { observe } from '../observe.ts'
import { inVain } from '../pollers.ts'
import { describeServer } from './prometheus.ts'

/** Health (is the process working?) and readiness (should traffic come here?). */
export function healthRoutes(app: FastifyInstance, deps: HttpDeps, options: HttpOptions): void {
  app.get('/health', allow('read'), (request, reply) => {
    observe(request, reply.raw, '/health', deps)
    const health: HealthAnswer = {
      status: 'ok',
      version: options.version,
      uptime_seconds: Math.round(process.uptime()),
      draining: deps.isDraining(),
      config: { reload_failure: describeReload(deps.reloadFailure()) },
      ...describeHistory(deps.historyStatus?.()),
      ...(deps.cluster && { cluster: describeCluster(deps.cluster.status()) }),
      polls: describePolls(deps),
      ...(deps.scrapes && { prometheus: deps.scrapes.servers().map(describeServer) }),
      // The sources that are no longer configured.
      removed: { held: deps.store.removed().held.map(describeHeld) },
      sources: Object.fromEntries(
        deps.store.list().map((state) => [state.name, describeSource(state, deps)]),
      ),
    }
    // Indented and safe for a terminal, for people who use curl.
    return reply.type('application/json; charset=utf-8').send(printableJson(health))
  })
  app.get('/-/healthy', allow('open'), (request, reply) => {
    observe(request, reply.raw, '/-/healthy', deps)
    return reply.type('text/plain; charset=utf-8').send('Rollcall is healthy.\n')
  })
  for (const path of ['/ready', '/-/ready']) {
    app.get(path, allow('open'), (request, reply) => {
      observe(request, reply.raw, path, deps)
      // Sent, not thrown, so that probes are not logged.
      const error = unready(deps, options.readyMaxAgeMs)
      if (error !== undefined) return sendError(reply, error)
      return reply.type('text/plain; charset=utf-8').send('Rollcall is ready.\n')
    })
  }
}

/** Why the previous configuration is in force; null: the last reload succeeded. */
export function describeReload(failure: ReloadFailure | undefined): ReloadFailureAnswer | null {
  if (failure === undefined) return null
  return { at: new Date(failure.atMs).toISOString(), error: failure.message }
}

function describeHistory(status: HistoryStatus | undefined): Pick<HealthAnswer, 'history'> {
  if (status === undefined) return {}
  const { bytes, path = null, error = null } = status
  return { history: { bytes, path, error } }
}

/** The replicas, as JSON. */
export function describeCluster({ replica, replicas, failure }: ClusterStatus): ClusterAnswer {
  return {
    replica,
    replicas: replicas.map(({ name, version, leases }) => ({ name, version, leases })),
    store: failure ?? 'ok',
  }
}

/** The number of pollers without a list that are named. */
const MAX_IN_VAIN = 5

function describePolls(deps: HttpDeps): HealthAnswer['polls'] {
  const fetched = deps.pollers.list().flatMap((poller) => poller.fetched ?? [])
  const lastMs = Math.max(...fetched.map(({ atMs }) => atMs))
  return {
    last: fetched.length === 0 ? null : new Date(lastMs).toISOString(),
    pollers: fetched.length,
    in_vain: inVain(deps).slice(0, MAX_IN_VAIN),
  }
}

/** Why the server is not ready; undefined when it is. */
export function unready(deps: HttpDeps, maxAgeMs = Number.POSITIVE_INFINITY): HttpError | undefined {
  if (deps.isDraining()) return new HttpError('draining', 'the server is stopping')
  // Push sources are not required, since devices may reach the server only once it is ready.
  const all = deps.store.list()
  const sources = all.filter(({ name }) => deps.instances(name) === undefined)
  const waiting = sources.filter(({ required, snapshot }) => required && snapshot === undefined)
  if (waiting.length > 0) return notLoaded(waiting)
  const alone = deps.cluster && cutOff(deps.cluster)
  if (alone !== undefined) return alone
  // With a push source, old lists do not matter: without traffic the leases of its devices would expire.
  if (sources.length < all.length) return undefined
  const loaded = sources.filter(({ required, snapshot }) => required && snapshot !== undefined)
  return notFresh(loaded, deps.clock.monotonic(), maxAgeMs)
}
