import { Counter, type Metric, type Registry } from 'prom-client'
import {
  createRequestCounts,
  LATENCY_METRIC,
  latencyOf,
  REQUESTS_METRIC,
  type RequestMetrics,
  requestsOf,
} from './request-counts.ts'

export type { RequestMetrics }

const DURATION = { ...LATENCY_METRIC, type: 'histogram' as const, aggregator: 'sum' as const }

/**
 * Registers `rollcall_http_requests_total` and `rollcall_http_request_duration_seconds`. Rollcall counts by
 * itself and converts the counts only when scraped: the library's counter and histogram look their labels up
 * on every request, which costs a tenth of the throughput of `/targets` (npm run bench).
 */
export function createRequestMetrics(registry: Registry): RequestMetrics {
  const { routes, start, observe } = createRequestCounts()
  new Counter({
    ...REQUESTS_METRIC,
    labelNames: ['route', 'method', 'code'],
    registers: [registry],
    collect() {
      this.reset()
      for (const route of routes) {
        for (const { labels, value } of requestsOf(route)) this.inc(labels, value)
      }
    },
  })
  // The registry only uses the name and get() of a metric.
  const histogram = {
    name: DURATION.name,
    get: async () => ({ ...DURATION, values: [...routes].flatMap(latencyOf) }),
  }
  registry.registerMetric(histogram as unknown as Metric)
  return { start, observe }
}
