import type { FastifyInstance } from 'fastify'
import { HttpError, overloaded } from '../../base/errors.ts'
import { allow } from '../auth.ts'
import { assertLifecycle, type HttpDeps, type HttpOptions } from '../deps.ts'
import { observe } from '../observe.ts'
import type { Capacity } from '../pressure.ts'

const PATH = '/api/v1/backup'

/**
 * `GET /api/v1/backup`: all files that a new machine needs to continue, in one. One at a time, since a backup
 * stays in memory while it is sent.
 */
export function backupRoutes(
  app: FastifyInstance,
  deps: HttpDeps,
  options: HttpOptions,
  capacity: Capacity,
): void {
  let isSending = false
  app.get(PATH, allow('operate'), async (request, reply) => {
    observe(request, reply.raw, PATH, deps)
    assertLifecycle(options)
    if (Object.keys(request.query as object).length > 0)
      throw new HttpError('bad_request', 'a backup has all sources, and takes no parameters')
    capacity.assert()
    if (isSending) throw overloaded('another backup is being sent')
    isSending = true
    const end = () => {
      isSending = false
    }
    const bytes = await deps.backup().catch((error) => {
      end()
      throw error
    })
    // Also called if the client disconnects: the stream is closed with the connection.
    bytes.once('end', end).once('close', end)
    const name = `rollcall-${new Date(deps.clock.now()).toISOString().replaceAll(':', '')}.backup`
    return reply
      .type('application/gzip')
      .header('content-disposition', `attachment; filename="${name}"`)
      .header('cache-control', 'no-store')
      .send(bytes)
  })
}
