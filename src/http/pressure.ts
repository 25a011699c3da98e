import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import { HttpError } from '../base/errors.ts'
import type { Metrics } from '../base/metrics.ts'

/** Mean delay of the event loop over the last second, in milliseconds, from which on requests are shed. */
const MAX_EVENT_LOOP_DELAY_MS = 1_000

/** After how many seconds a shed client should try again. */
const RETRY_AFTER_SECONDS = 5

/**
 * Sheds the requests of one scope with 503 while the event loop cannot keep up. Registered only around
 * `/targets`: `/health` and `/metrics` must answer most of all when the process is in trouble.
 */
export async function shedUnderPressure(scope: FastifyInstance, metrics: Metrics): Promise<void> {
  await scope.register(underPressure, {
    maxEventLoopDelay: MAX_EVENT_LOOP_DELAY_MS,
    pressureHandler: () => {
      metrics.http.shed.inc()
      throw new HttpError('overloaded', 'too much load at the moment; try again', RETRY_AFTER_SECONDS)
    },
  })
}
