import type { FastifyInstance, FastifyRequest } from 'fastify'
import { HttpError, messageOf } from '../../base/errors.ts'
import {
  type Caller,
  type Instances,
  isInstanceId,
  MAX_ID_LENGTH,
  type Registration,
  readRegistration,
} from '../../model/registration.ts'
import { bearerIn } from '../../web/access.ts'
import type { RegisteredBody } from '../api/answers.ts'
import { allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { observe } from '../observe.ts'
import type { Capacity } from '../pressure.ts'
import { findSource } from '../source-parameter.ts'

const PATH = '/api/v1/sources/:source/instances/:id'

/** The largest body of a registration, in bytes. */
const MAX_BODY_BYTES = 16_384

/** The longest id in a path, in characters: each character may be three bytes, each percent-encoded. */
export const MAX_ENCODED_ID_LENGTH = 9 * MAX_ID_LENGTH

/**
 * `PUT` and `DELETE /api/v1/sources/{source}/instances/{id}`: devices register with a push source, and leave
 * it. The token is checked before a body is read.
 */
export async function pushRoutes(app: FastifyInstance, deps: HttpDeps, capacity: Capacity): Promise<void> {
  // Determined before the body is read.
  const callers = new WeakMap<FastifyRequest, Caller>()
  await app.register(async (scope) => {
    // Any Content-Type is parsed as JSON, since curl labels every body as a form.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    scope.addHook('onRequest', async (request, reply) => {
      observe(request, reply.raw, PATH, deps)
      const instances = findInstances(request, deps)
      const holder = await instances.authorize(bearerIn(request.headers.authorization))
      const caller = { ...holder, peer: request.socket.remoteAddress }
      callers.set(request, caller)
      if (request.method === 'PUT') instances.heard((request.params as { id: string }).id, caller)
      assertCapacityFor(instances, capacity)
    })
    scope.addHook('onError', (request, _reply, error, done) => {
      const address = request.socket.remoteAddress
      deps.refusals.refused({ ...(request.params as DeviceNamed), address }, error)
      done()
    })
    scope.put(PATH, { ...allow('device'), bodyLimit: MAX_BODY_BYTES }, async (request, reply) => {
      const instances = findInstances(request, deps)
      const registration = registrationIn(request)
      const { isNew, ttlMs } = await instances.register(idOf(request), registration, callers.get(request))
      deps.refusals.admitted(request.params as DeviceNamed)
      return reply
        .code(isNew ? 201 : 200)
        .header('cache-control', 'no-store')
        .send({ ttl_seconds: ttlMs / 1000 } satisfies RegisteredBody)
    })
    scope.delete(PATH, { ...allow('device'), bodyLimit: MAX_BODY_BYTES }, async (request, reply) => {
      await findInstances(request, deps).leave(idOf(request), callers.get(request))
      return reply.code(204).send()
    })
  })
}

/** The parameters of the path. */
interface DeviceNamed {
  readonly source: string
  readonly id: string
}

/**
 * Refuses requests while the process is overloaded. Only the refusal of a client with a valid token is noted:
 * a flood of unauthorised requests must not pause expiry.
 */
function assertCapacityFor(instances: Instances, capacity: Capacity): void {
  try {
    capacity.assert()
  } catch (error) {
    instances.overloaded()
    throw error
  }
}

/** Looked up again after the check, since the source may have been removed meanwhile. */
function findInstances({ params }: FastifyRequest, deps: HttpDeps): Instances {
  const { name } = findSource(deps.store, (params as { source: string }).source)
  const instances = deps.instances(name)
  if (instances !== undefined) return instances
  throw new HttpError('no_push_source', `devices cannot register with ${name}: it is not a push source`)
}

function idOf({ params }: FastifyRequest): string {
  const { id } = params as { id: string }
  if (isInstanceId(id)) return id
  throw new HttpError(
    'bad_request',
    `the id must have 1 to ${MAX_ID_LENGTH} characters, and no slash, backslash or control character`,
  )
}

function registrationIn({ body }: FastifyRequest): Registration {
  try {
    return readRegistration(parse(body))
  } catch (error) {
    throw new HttpError('bad_request', messageOf(error))
  }
}

function parse(body: unknown) {
  try {
    return JSON.parse(String(body ?? ''))
  } catch {
    throw new Error('the body is not JSON; send one such as {"address":"10.0.0.7:9100"}')
  }
}
