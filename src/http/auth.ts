import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyRequest, onRequestHookHandler, RouteOptions } from 'fastify'
import { connectionOf } from '../base/connections.ts'
import type { HttpError } from '../base/errors.ts'
import type { Access, Asked, Refusal, ReportRefusal } from '../web/access.ts'
import type { Scope } from '../web/names.ts'
import { assertOwnHost, assertSameSite, isFromBrowser } from '../web/same-origin.ts'
import type { HttpDeps, HttpOptions } from './deps.ts'
import { NO_ROUTE, observe } from './observe.ts'

/** The scope that a route requires: `read`, `explain` or `operate`; none (`open`); or the token of a device. */
type RouteScope = Scope | 'open' | 'device'

/**
 * The source that a route is about: the one that is named in its path, or by the parameter `source`, or all of them; or
 * it is about the server, so that those who may ask for some sources only may ask for it too.
 */
type About = 'path' | 'query' | 'all' | 'server'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The scope of this route. Every route declares it. */
    scope?: RouteScope
    /** Where the request names the source. */
    about?: About
  }
}

/**
 * The options of a route with its scope.
 * @param about where the request names the source; `all`: the route is about all sources
 */
export function allow(scope: RouteScope, about: About = 'all') {
  return { config: { scope, about } }
}

type Guard = (request: FastifyRequest) => Promise<void> | undefined

/**
 * Guards every route that is added afterwards, by its scope (`allow`). Without a web configuration file only routes that
 * change something are guarded, and the others cost nothing.
 * @throws Error for a route without a scope
 */
export function guardRoutes(app: FastifyInstance, deps: HttpDeps, options: HttpOptions): void {
  const guards = new WeakSet<object>()
  app.addHook('onRoute', (route: RouteOptions) => {
    const { scope, about = 'all' } = route.config ?? {}
    if (scope === undefined)
      throw new Error(`the route ${route.url} does not say who may ask for it (src/http/auth.ts)`)
    const guard = guardOf(scope, about, deps, options)
    const hooks = [route.onRequest ?? []].flat()
    // A HEAD route is made from its GET route, and has its guard already.
    if (guard === undefined || hooks.some((hook) => guards.has(hook))) return
    const hook = hookOf(guard, route.url, deps)
    guards.add(hook)
    route.onRequest = [hook, ...hooks]
  })
}

/** Below this devices register, with tokens of their own. */
const INSTANCES = /^\/api\/v1\/sources\/[^/]*\/instances(?:\/|$)/

/** The guard of unknown paths: only clients that may read, and devices, learn which paths exist. */
export function guardUnknown(deps: HttpDeps): onRequestHookHandler[] {
  if (deps.web === undefined) return []
  const { access } = deps.web
  const guard: Guard = (request) =>
    INSTANCES.test(request.url) ? undefined : admit(request, 'read', 'server', access)
  return [hookOf(guard, NO_ROUTE, deps)]
}

function guardOf(
  scope: RouteScope,
  about: About,
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
      if (web?.access.needsCredentials()) return admit(request, scope, about, web.access)
      check(request, () => assertOwnHost(request.headers, allowedHosts()))
      // No credentials are needed, but there may be a limit on wrong passwords.
      return web && admit(request, scope, about, web.access)
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
  // Its hook sets the headers of the file.
  if (scope === 'open') return () => undefined
  return (request) => admit(request, scope, about, web.access)
}

/** Reports a refusal. @throws the error of the check */
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
  about: About,
  access: Access,
): Promise<void> | undefined {
  return access.admit(askedBy(request.raw, scope, sourceOf(request, about), about === 'server'))
}

/** The source that a request names where its route reads it; undefined: none, or several. */
function sourceOf({ params, query }: FastifyRequest, about: About): string | undefined {
  if (about !== 'path' && about !== 'query') return undefined
  const { source } = (about === 'path' ? params : query) as { source?: unknown }
  return typeof source === 'string' ? source : undefined
}

/**
 * Admits a request to read a source, or all, if that needs no waiting, and sets the headers of the web configuration.
 * @returns false when the guard of the route must decide
 */
export function admitAtOnce(
  request: IncomingMessage,
  response: ServerResponse,
  source: string | undefined,
  { web }: HttpDeps,
): boolean {
  if (web === undefined) return true
  if (!web.access.admitsAtOnce(askedBy(request, 'read', source, false))) return false
  setHeaders(response, web.access)
  return true
}

function setHeaders(response: ServerResponse, access: Access | undefined): void {
  for (const [name, value] of access?.headers() ?? []) response.setHeader(name, value)
}

function askedBy(
  request: IncomingMessage,
  scope: Scope,
  source: string | undefined,
  isAboutServer: boolean,
): Asked {
  const { authorization } = request.headers
  const { remoteAddress: address } = request.socket
  return { scope, isAboutServer, source, authorization, connection: connectionOf(request), address }
}

function hookOf(guard: Guard, route: string, deps: HttpDeps): onRequestHookHandler {
  const access = deps.web?.access
  return (request, reply, done) => {
    setHeaders(reply.raw, access)
    const refuse = (error: HttpError) => {
      // The handler, which would observe it, is not reached.
      observe(request, reply.raw, route, deps)
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
