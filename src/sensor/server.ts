import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { gzipSync } from 'node:zlib'
import { acceptsGzip } from '../base/accepts-gzip.ts'
import { handleClientError } from '../base/client-error.ts'
import { type Connections, connectionOf, endConnection } from '../base/connections.ts'
import { HttpError } from '../base/errors.ts'
import type { LineLogger } from '../base/line-logger.ts'
import type { RequestMetrics } from '../base/request-counts.ts'
import type { Web } from '../web/web.ts'
import { ClientGoneError, discardBody } from './body.ts'
import { errorReply, type Reply, type Route } from './routes.ts'

/** Limits on client connections, in milliseconds. */
export interface Limits {
  /** The time to receive the headers of a request. */
  readonly headersTimeout: number
  /** The time to receive a whole request. */
  readonly requestTimeout: number
  /** How often both limits are checked. */
  readonly connectionsCheckingInterval: number
}

const DEFAULT_LIMITS: Limits = {
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
}

/**
 * Longer than the 5 minutes for which Prometheus keeps an idle connection, so that Prometheus closes it
 * first.
 */
const KEEP_ALIVE_TIMEOUT_MS = 310_000

/** Shorter responses are not compressed. */
const MIN_GZIP_BYTES = 1024

/** The `route` of requests without a route: unknown paths must not create series. */
const NO_ROUTE = 'none'

/** The status that is counted when the client disconnects before the response. */
const CLIENT_GONE = 499

/** The dependencies of the server. */
export interface ServerDeps {
  readonly routes: readonly Route[]
  readonly connections: Connections
  readonly counts: RequestMetrics
  readonly log: Pick<LineLogger, 'error'>
  /** The web configuration; undefined: there is none. */
  readonly web: Pick<Web, 'access' | 'createServer'> | undefined
  /** Whether clients are asked to close their connections. */
  isDraining(): boolean
  /** Whether new requests are refused. */
  isRefusing(): boolean
}

/**
 * Creates the server of a sensor without a framework, which would cost a quarter of the memory that a sensor
 * may use. It does not listen yet.
 */
export function createSensorServer(deps: ServerDeps, limits: Partial<Limits> = {}): Server {
  const all = { ...DEFAULT_LIMITS, ...limits, keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS }
  const handler: RequestListener = (request, response) => void answer(request, response, deps)
  const server = deps.web?.createServer?.(handler, all) ?? createServer(all, handler)
  server.on('clientError', handleClientError)
  deps.connections.watch(server)
  return server
}

async function answer(request: IncomingMessage, response: ServerResponse, deps: ServerDeps): Promise<void> {
  const path = pathOf(request)
  const route = deps.routes.find((one) => one.path === path)
  observe(request, response, route?.path ?? NO_ROUTE, deps)
  try {
    send(request, response, await handle(request, response, route, deps), deps)
  } catch (error) {
    if (error instanceof ClientGoneError) return
    await discardBody(request)
    const reply = errorReply(asHttpError(error, path, deps))
    // Only the access check returns 401.
    if (reply.status === 401) response.setHeader('www-authenticate', (deps.web as Web).access.challenges())
    send(request, response, reply, deps)
  }
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  route: Route | undefined,
  deps: ServerDeps,
): Promise<Reply> {
  for (const [name, value] of deps.web?.access.headers() ?? []) response.setHeader(name, value)
  if (deps.isRefusing()) throw new HttpError('draining', 'the sensor is stopping')
  if (deps.web !== undefined && route?.scope !== 'open') await admit(request, route, deps.web)
  if (route === undefined) throw new HttpError('not_found', 'there is no such path; / lists every path')
  const method = String(request.method)
  const run = route.methods.get(method)
  if (run !== undefined) return run(request)
  const methods = [...route.methods.keys()].join(', ')
  response.setHeader('allow', methods)
  throw new HttpError('method_not_allowed', `${method} is not possible here; use ${methods}`)
}

/** @throws HttpError, as the promise does, when access is denied */
function admit(
  request: IncomingMessage,
  route: Route | undefined,
  { access }: Pick<Web, 'access'>,
): Promise<void> | undefined {
  return access.admit({
    scope: route?.scope === 'operate' ? 'operate' : 'read',
    source: undefined,
    isAboutServer: true,
    authorization: request.headers.authorization,
    connection: connectionOf(request),
    address: request.socket.remoteAddress,
  })
}

/** The requested path, without a slash at its end. */
function pathOf({ url = '' }: IncomingMessage): string {
  const path = url.split('?', 1)[0] as string
  return path.length > 1 ? path.replace(/\/$/, '') : path
}

/** Counts and times a request when its response ends, whatever the outcome. */
function observe(
  request: IncomingMessage,
  response: ServerResponse,
  route: string,
  { counts }: ServerDeps,
): void {
  const startMs = performance.now()
  response.on('close', () => {
    const code = response.writableFinished ? response.statusCode : CLIENT_GONE
    counts.observe(route, String(request.method), code, (performance.now() - startMs) / 1000)
  })
}

function asHttpError(error: unknown, route: string, { log }: ServerDeps): HttpError {
  if (error instanceof HttpError) return error
  log.error({ err: error, route }, 'request failed')
  return new HttpError('internal', 'an unexpected error; the log has the details')
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply, deps: ServerDeps): void {
  const { status, type, headers = {} } = reply
  const isGzip = reply.body.length >= MIN_GZIP_BYTES && acceptsGzip(request.headers['accept-encoding'])
  // Synchronous: metrics are short, and hanging file systems may block the platform's few threads.
  const body = isGzip ? gzipSync(reply.body, { level: 1 }) : Buffer.from(reply.body)
  // The unread rest of a body would be parsed as the next request.
  const isLast = deps.isDraining() || !request.complete
  response
    .writeHead(status, {
      ...headers,
      'content-type': type,
      'content-length': body.byteLength,
      'x-content-type-options': 'nosniff',
      vary: 'Accept-Encoding',
      ...(isGzip ? { 'content-encoding': 'gzip' } : {}),
      ...(isLast ? Object.fromEntries(endConnection(request)) : {}),
    })
    .end(body)
}
