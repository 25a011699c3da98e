import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { errorBody } from '../base/client-error.ts'
import { HttpError, messageOf } from '../base/errors.ts'
import type { HttpDeps } from './deps.ts'

/** Answers with an error of the catalogue. */
export function sendError(reply: FastifyReply, error: HttpError): FastifyReply {
  if (error.retryAfterSeconds !== undefined) void reply.header('retry-after', error.retryAfterSeconds)
  if (error.statusCode === 401 && !reply.hasHeader('www-authenticate'))
    void reply.header('www-authenticate', 'Bearer')
  return reply.code(error.statusCode).send(errorBody(error.code, error.message))
}

/** Answers with whatever a handler or the framework threw. */
export type HandleError = (
  error: FastifyError | HttpError,
  request: FastifyRequest,
  reply: FastifyReply,
) => FastifyReply

/**
 * Creates the handler of what is thrown. A defect of ours is logged with its stack, and every other answer of 5xx
 * with its code: alert rules on logs count them by route.
 */
export function createErrorHandler({ log, clock }: Pick<HttpDeps, 'log' | 'clock'>): HandleError {
  const logRefusal = createRefusalLog({ log, clock })
  return (error, request, reply) => {
    const route = request.routeOptions.url
    if (error instanceof HttpError) {
      logRefusal(error, route)
      return sendError(reply, error)
    }
    const status = error.statusCode ?? 500
    if (status === 413) return sendError(reply, new HttpError('payload_too_large', messageOf(error)))
    if (status >= 400 && status < 500) return sendError(reply, new HttpError('bad_request', messageOf(error)))
    log.error({ err: error, route, status: 500, code: 'internal' }, 'request failed')
    return sendError(reply, new HttpError('internal', 'an unexpected error; the log has the details'))
  }
}

/** So long a route has no second line of the same code: many clients that ask at once do not fill a disk. */
const QUIET_MS = 1_000

/**
 * Logs answers of 5xx. Shed requests are only counted, in the metrics: a process that cannot keep up has no time
 * to write about it.
 */
function createRefusalLog({ log, clock }: Pick<HttpDeps, 'log' | 'clock'>) {
  const quietUntil = new Map<string, number>()
  return ({ statusCode: status, code, message }: HttpError, route: string | undefined): void => {
    if (status < 500 || code === 'overloaded') return
    const nowMs = clock.monotonic()
    const key = `${route} ${code}`
    if (nowMs < (quietUntil.get(key) ?? nowMs)) return
    quietUntil.set(key, nowMs + QUIET_MS)
    log.warn({ route, status, code, error: message }, 'request failed')
  }
}
