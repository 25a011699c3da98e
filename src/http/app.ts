import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http'
import { type FastifyInstance, fastify } from 'fastify'
import { handleClientError } from '../base/client-error.ts'
import { endConnection } from '../base/connections.ts'
import { guardRoutes, guardUnknown } from './auth.ts'
import type { HttpDeps, HttpOptions, Limits } from './deps.ts'
import { createErrorHandler, sendError } from './errors.ts'
import { assertHarmlessPath, noRouteError, trackMethods } from './methods.ts'
import { NO_ROUTE, observe } from './observe.ts'
import { type Capacity, watchPressure } from './pressure.ts'
import { backupRoutes } from './routes/backup.ts'
import { changesRoutes } from './routes/changes.ts'
import { explainRoutes } from './routes/explain.ts'
import { healthRoutes } from './routes/health.ts'
import { lifecycleRoutes } from './routes/lifecycle.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { openApiRoutes } from './routes/openapi.ts'
import { pollersRoutes } from './routes/pollers.ts'
import { prometheusRoutes } from './routes/prometheus.ts'
import { MAX_ENCODED_ID_LENGTH, pushRoutes } from './routes/push.ts'
import { searchRoutes } from './routes/search.ts'
import { sourcesRoutes } from './routes/sources.ts'
import { statusRoutes } from './routes/status.ts'
import { answerPoll, targetsRoutes } from './routes/targets.ts'

const DEFAULT_LIMITS: Limits = {
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  // Longer than the 5 minutes for which Prometheus keeps an idle connection, so that it is never the
  // server that closes one in the moment of the next poll.
  keepAliveTimeout: 310_000,
  bodyLimit: 1_048_576,
}

/** Answers quote inventories and requests, and no browser may take them for a page. */
const INERT = { 'x-content-type-options': 'nosniff' }

/** No route has a schema, and so the compilers of schemas need not be loaded: they take 5 MB of memory. */
function noSchemas(): never {
  throw new Error('a route has a schema, but the compilers of schemas are not loaded (src/http/app.ts)')
}

/** Creates the server: routes, errors, limits. It listens when told to. */
export async function createApp(options: HttpOptions, deps: HttpDeps): Promise<FastifyInstance> {
  const { metrics, web } = deps
  const handleError = createErrorHandler(deps)
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  let capacity: Capacity | undefined
  const serverFactory = (handle: RequestListener) => {
    const serve: RequestListener = (request, response) => {
      if (capacity && answerPoll(request, response, deps, capacity)) return
      handle(request, response)
    }
    const server = web?.createServer?.(serve, limits) ?? createPlainServer({ ...limits }, serve)
    deps.connections.watch(server)
    return server
  }
  const app = fastify<Server>({
    // The framework's own logger makes a child for every request, and we log none of them.
    logger: false,
    clientErrorHandler: (error, socket) => handleClientError(error, socket),
    frameworkErrors: (error, request, reply) => {
      void reply.headers(INERT) // no hook sees these answers
      observe(request, reply.raw, NO_ROUTE, deps)
      handleError(error, request, reply)
    },
    bodyLimit: limits.bodyLimit,
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_ENCODED_ID_LENGTH },
    forceCloseConnections: 'idle',
    serverFactory,
    // Requests on kept-alive connections are still served while the listener closes.
    return503OnClosing: false,
  })
  const methodsOf = trackMethods(app)
  app.setErrorHandler(handleError)
  app.setNotFoundHandler({ preHandler: guardUnknown(deps) }, (request, reply) => {
    observe(request, reply.raw, NO_ROUTE, deps)
    assertHarmlessPath(request.url)
    const methods = methodsOf(request)
    if (methods.length > 0) void reply.header('allow', methods.join(', '))
    return sendError(reply, noRouteError(request, methods))
  })
  app.addHook('onSend', (request, reply, _payload, done) => {
    void reply.headers(INERT)
    // Asked when the answer is sent, so that requests that were in flight already end their connections too:
    // a connection that stayed open would keep the server from closing.
    if (deps.isDraining())
      for (const [name, value] of endConnection(request.raw)) void reply.header(name, value)
    done()
  })
  const watched = await watchPressure(app, metrics)
  capacity = watched
  await app.register(async (scope) => {
    guardRoutes(scope, deps, options)
    targetsRoutes(scope, deps, watched)
    explainRoutes(scope, deps, options, watched)
    sourcesRoutes(scope, deps)
    searchRoutes(scope, deps, watched)
    statusRoutes(scope, deps, options)
    changesRoutes(scope, deps)
    healthRoutes(scope, deps, options)
    metricsRoutes(scope, deps)
    lifecycleRoutes(scope, deps, options)
    pollersRoutes(scope, deps)
    prometheusRoutes(scope, deps)
    backupRoutes(scope, deps, options, watched)
    openApiRoutes(scope, deps)
  })
  await app.register(async (scope) => {
    guardRoutes(scope, deps, options)
    await pushRoutes(scope, deps, watched)
  })
  await app.register(async (scope) => {
    guardRoutes(scope, deps, options)
    options.pages?.(scope, deps, options, watched)
  })
  return app
}
