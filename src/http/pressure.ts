import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import { overloaded } from '../base/errors.ts'
import type { Metrics } from '../base/metrics.ts'

/** Mean delay of the event loop over the last second, in milliseconds, from which on requests are shed. */
const MAX_EVENT_LOOP_DELAY_MS = 1_000

/** Whether the process keeps up. */
export interface Capacity {
  isShort(): boolean
  /** Refuses a request while it does not. @throws HttpError `overloaded` */
  assert(): void
}

/**
 * Watches the event loop. Not `/health` and `/metrics`, which must answer most of all when
 * the process is in trouble. The plugin has a scope without routes, since its own hook would look up the
 * configuration of the route on every request.
 */
export async function watchPressure(app: FastifyInstance, metrics: Metrics): Promise<Capacity> {
  let watch = app
  await app.register(async (scope) => {
    await scope.register(underPressure, { maxEventLoopDelay: MAX_EVENT_LOOP_DELAY_MS })
    watch = scope
  })
  const isShort = () => watch.isUnderPressure()
  return {
    isShort,
    assert() {
      if (!isShort()) return
      metrics.http.shed.inc()
      throw overloaded('too much load at the moment')
    },
  }
}
