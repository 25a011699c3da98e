import type { FastifyInstance, FastifyRequest, onRequestHookHandler, RouteOptions } from 'fastify'
import { connectionOf } from '../base/connections.ts'
import type { HttpError } from '../base/errors.ts'
import type { Access, Refusal, ReportRefusal } from '../web/access.ts'
import type { Scope } from '../web/names.ts'
import { assertOwnHost, assertSameSite, isFromBrowser } from '../web/same-origin.ts'
import type { HttpDeps, HttpOptions } from './deps.ts'
import { NO_ROUTE, observe } from './observe.ts'

/** Who may ask for a route: whoever may `read`, `explain` or `operate`; everybody (`open`); devices, with tokens of their own. */
type RouteScope = Scope | 'open' | 'device'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may ask for this route; every route says so. */
    scope?: RouteScope
    /** It is about the server, not about sources: those who may ask for some sources only may ask it too. */
    isAboutServer?: boolean
  }
}

/** The options of a route that says who may ask for it. */
export function allow(scope: RouteScope, about: 'sources' | 'server' = 'sources') {
  return { config: { scope, isAboutServer: about === 'server' } }
}

type Guard = (request: FastifyRequest) => Promise<void> | undefined

/**
 * Guards every route that is added from here on, by what it says in `allow`. Without a web configuration file only
 * those that change something are guarded, and all others cost nothing.
 * @param fallback for routes that do not say
 * @throws Error for a route that says nothing, when there is no fallback
 */
export function guardRoutes(
  app: FastifyInstance,
  deps: HttpDeps,
  options: HttpOptions,
  fallback?: RouteScope,
): void {
  app.addHook('onRoute', (route: RouteOptions) => {
    const scope = route.config?.scope ?? fallback
    if (scope === undefined)
      throw new Error(`the route ${route.url} does not say who may ask for it (src/http/auth.ts)`)
    const guard = guardOf(scope, route.config?.isAboutServer === true, deps, options)
    // A route of HEAD is made of that of GET, and has its hooks already.
    if (guard === undefined || (route.method === 'HEAD' && route.onRequest !== undefined)) return
    route.onRequest = [hookOf(guard, route.url, deps), ...[route.onRequest ?? []].flat()]
  })
}

/** The guard of paths that do not exist: what there is, is only told to those who may ask. */
export function guardUnknown(deps: HttpDeps): onRequestHookHandler[] {
  if (deps.web === undefined) return []
  const { access } = deps.web
  return [hookOf((request) => admit(request, 'read', true, access), NO_ROUTE, deps)]
}

function guardOf(
  scope: RouteScope,
  isAboutServer: boolean,
  { web, reportRefusal }: HttpDeps,
  { externalUrl }: HttpOptions,
): Guard | undefined {
  const allowedHosts = () => [
    ...(externalUrl ? [externalUrl.hostname] : []),
    ...(web?.access.allowedHosts() ?? []),
  ]
  const check = (request: FastifyRequest, assert: () => void) => reported(request, reportRefusal, assert)
  if (scope === 'operate') {
    return (request) => {
      check(request, () => assertSameSite(request.headers, externalUrl))
      // Who shows credentials was not led here by a name that somebody else chose: browsers have none for that.
      if (web?.access.isClosed()) return admit(request, scope, isAboutServer, web.access)
      check(request, () => assertOwnHost(request.headers, allowedHosts()))
      return web && admit(request, scope, isAboutServer, web.access)
    }
  }
  if (scope === 'device') {
    // Devices reach the server by whatever name it has for them, and show a token; browsers have neither reason.
    return (request) => {
      if (!isFromBrowser(request.headers)) return undefined
      check(request, () => assertSameSite(request.headers, externalUrl))
      check(request, () => assertOwnHost(request.headers, allowedHosts()))
      return undefined
    }
  }
  if (web === undefined) return undefined
  if (scope === 'open') return () => undefined
  return (request) => admit(request, scope, isAboutServer, web.access)
}

/** @throws what the check throws, which is reported */
function reported(request: FastifyRequest, report: ReportRefusal, assert: () => void): void {
  try {
    assert()
  } catch (error) {
    report((error as HttpError).code as Refusal, { address: request.ip, route: request.routeOptions.url })
    throw error
  }
}

function admit(
  request: FastifyRequest,
  scope: Scope,
  isAboutServer: boolean,
  access: Access,
): Promise<void> | undefined {
  return access.admit({
    scope,
    isAboutServer,
    source: sourceOf(request),
    authorization: request.headers.authorization,
    connection: connectionOf(request.raw),
    address: request.raw.socket.remoteAddress,
  })
}

/** The source that a request names, where its route reads it; several are none. */
function sourceOf({ params, query }: FastifyRequest): string | undefined {
  const name = (params as { source?: string }).source ?? (query as { source?: unknown }).source
  return typeof name === 'string' ? name : undefined
}

function hookOf(guard: Guard, route: string, deps: HttpDeps): onRequestHookHandler {
  const access = deps.web?.access
  return (request, reply, done) => {
    for (const [name, value] of access?.headers() ?? []) reply.raw.setHeader(name, value)
    const refuse = (error: HttpError) => {
      // The handler, which would do so, is not reached.
      observe(request, reply, route, deps)
      if (error.statusCode === 401) void reply.header('www-authenticate', access?.challenges())
      done(error)
    }
    try {
      const admitted = guard(request)
      if (admitted === undefined) done()
      else admitted.then(() => done(), refuse)
    } catch (error) {
      refuse(error as HttpError)
    }
  }
}
