import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { errorBody } from '../base/client-error.ts'
import { HttpError, messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'

/** Answers with an error of the catalogue. */
export function sendError(reply: FastifyReply, error: HttpError): FastifyReply {
  if (error.retryAfterSeconds !== undefined) void reply.header('retry-after', error.retryAfterSeconds)
  return reply.code(error.statusCode).send(errorBody(error.code, error.message))
}

/** Answers with whatever a handler or the framework threw; a defect of ours is logged and told as such. */
export function handleError(
  error: FastifyError | HttpError,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Pick<Logger, 'error'>,
): FastifyReply {
  if (error instanceof HttpError) return sendError(reply, error)
  const status = error.statusCode ?? 500
  if (status === 413) return sendError(reply, new HttpError('payload_too_large', messageOf(error)))
  if (status >= 400 && status < 500) return sendError(reply, new HttpError('bad_request', messageOf(error)))
  log.error({ err: error, route: request.routeOptions.url }, 'request failed')
  return sendError(reply, new HttpError('internal', 'an unexpected error; the log has the details'))
}
