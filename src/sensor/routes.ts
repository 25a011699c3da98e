import type { IncomingMessage } from 'node:http'
import { errorBody } from '../base/client-error.ts'
import type { Clock } from '../base/clock.ts'
import { HttpError } from '../base/errors.ts'
import { version } from '../base/version.ts'
import type { BodyReader } from './body.ts'
import { EXPOSITION_TYPE } from './exposition.ts'
import { analyse } from './payload/analyse.ts'
import type { Registrations } from './registration/registrations.ts'

/** A response before it is sent. */
export interface Reply {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, number | string>>
}

/** Handles one request; throws HttpError. */
type Handler = (request: IncomingMessage) => Promise<Reply> | Reply

/** A path with its methods. */
export interface Route {
  readonly path: string
  /** The permission that a request needs: `read`, `operate`, or none (`open`). */
  readonly scope: 'read' | 'operate' | 'open'
  readonly methods: ReadonlyMap<string, Handler>
}

/** The dependencies of the routes. */
export interface RouteDeps {
  readonly bodies: BodyReader
  readonly clock: Pick<Clock, 'monotonic'>
  /** All metrics in the text format. */
  metrics(): Promise<string>
  isDraining(): boolean
  /** Shown on /health. */
  readonly registrations: Pick<Registrations, 'isRegistered' | 'states'>
}

const JSON_TYPE = 'application/json; charset=utf-8'
const TEXT_TYPE = 'text/plain; charset=utf-8'

const LANDING = `Rollcall sensor ${version}

GET  /metrics  metrics of this machine, under the names of node_exporter
POST /payload  analyses {"numbers":[…],"text":"…"}
GET  /health   whether the process works
GET  /ready    whether it takes requests (503 while it stops)
`

/** The routes of a sensor; every GET route also answers HEAD. */
export function createRoutes(deps: RouteDeps): Route[] {
  const { bodies, clock, isDraining } = deps
  const get = (path: string, scope: Route['scope'], handle: Handler): Route => ({
    path,
    scope,
    methods: new Map([
      ['GET', handle],
      ['HEAD', handle],
    ]),
  })
  const analysed: Handler = async (request) => {
    assertJson(request)
    return json(analyse(await bodies.read(request), clock.monotonic))
  }
  const ready = () => {
    if (isDraining()) throw new HttpError('draining', 'the sensor is stopping')
    return text('Rollcall sensor is ready.\n')
  }
  return [
    get('/', 'read', () => text(LANDING)),
    get('/metrics', 'read', async () => ({ status: 200, type: EXPOSITION_TYPE, body: await deps.metrics() })),
    get('/health', 'read', () =>
      json({
        status: 'ok',
        version,
        uptime_seconds: Math.round(process.uptime()),
        draining: isDraining(),
        registered: deps.registrations.isRegistered(),
        registrations: deps.registrations.states(),
      }),
    ),
    get('/-/healthy', 'open', () => text('Rollcall sensor is healthy.\n')),
    get('/ready', 'open', ready),
    get('/-/ready', 'open', ready),
    { path: '/payload', scope: 'operate', methods: new Map([['POST', analysed]]) },
  ]
}

/** The response for an error of the catalogue. */
export function errorReply({ statusCode, code, message, retryAfterSeconds }: HttpError): Reply {
  const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': retryAfterSeconds }
  return { ...json(errorBody(code, message)), status: statusCode, headers }
}

/** Accepts JSON in UTF-8 that is not compressed. A request without a Content-Type counts as JSON. */
function assertJson({ headers }: IncomingMessage): void {
  const type = headers['content-type']
  if (type !== undefined && !/^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(type)) {
    throw new HttpError('unsupported_media_type', `${type} is not supported; send application/json`)
  }
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    throw new HttpError(
      'unsupported_media_type',
      `Content-Encoding ${encoding} is not supported; send the body uncompressed`,
    )
  }
}

function json(value: unknown): Reply {
  return { status: 200, type: JSON_TYPE, body: `${JSON.stringify(value)}\n` }
}

function text(body: string): Reply {
  return { status: 200, type: TEXT_TYPE, body }
}
