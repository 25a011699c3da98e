import { Counter, type Metric, type Registry } from 'prom-client'

const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

const DURATION = {
  name: 'rollcall_http_request_duration_seconds',
  help: 'Time from the arrival of a request to the end of its answer, by route pattern.',
  type: 'histogram' as const,
  aggregator: 'sum' as const,
}

interface Route {
  /** Requests by `method code`. */
  readonly counts: Map<string, number>
  /** Requests by bucket, the last one without a bound. */
  readonly buckets: Float64Array
  seconds: number
}

/** Counts and times requests. */
export interface RequestMetrics {
  /** Starts the series of a route at 0, so that not even the first answer of these codes goes uncounted by `rate`. */
  start(route: string, method: string, codes: readonly number[]): void
  /** Adds one request that took so many seconds. */
  observe(route: string, method: string, code: number, seconds: number): void
}

/**
 * Registers `rollcall_http_requests_total` and `rollcall_http_request_duration_seconds`. They are counted
 * here and only written out as metrics when scraped: the library's own counter and histogram look their
 * labels up on every request, which costs a tenth of the throughput of `/targets` (npm run bench).
 */
export function createRequestMetrics(registry: Registry): RequestMetrics {
  const routes = new Map<string, Route>()
  new Counter({
    name: 'rollcall_http_requests_total',
    help: 'HTTP requests answered, by route pattern, method and status code.',
    labelNames: ['route', 'method', 'code'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [route, { counts }] of routes) {
        for (const [key, count] of counts) {
          const [method, code] = key.split(' ') as [string, string]
          this.inc({ route, method, code }, count)
        }
      }
    },
  })
  // The registry asks a metric only for its name and for get().
  const histogram = {
    name: DURATION.name,
    get: async () => ({ ...DURATION, values: [...routes].flatMap(seriesOf) }),
  }
  registry.registerMetric(histogram as unknown as Metric)
  function routeOf(name: string): Route {
    let route = routes.get(name)
    if (route === undefined) {
      route = { counts: new Map(), buckets: new Float64Array(BUCKETS.length + 1), seconds: 0 }
      routes.set(name, route)
    }
    return route
  }
  return {
    start(name, method, codes) {
      for (const code of codes) routeOf(name).counts.set(`${method} ${code}`, 0)
    },
    observe(name, method, code, seconds) {
      const route = routeOf(name)
      const key = `${method} ${code}`
      route.counts.set(key, (route.counts.get(key) ?? 0) + 1)
      route.seconds += seconds
      let bucket = 0
      while (bucket < BUCKETS.length && seconds > (BUCKETS[bucket] as number)) bucket++
      route.buckets[bucket] = (route.buckets[bucket] as number) + 1
    },
  }
}

/** The series of one route: cumulative buckets, sum and count. */
function seriesOf([route, { buckets, seconds }]: [string, Route]) {
  let total = 0
  const cumulative = [...buckets].map((count, index) => {
    total += count
    return {
      metricName: `${DURATION.name}_bucket`,
      labels: { le: BUCKETS[index] ?? '+Inf', route },
      value: total,
    }
  })
  return [
    ...cumulative,
    { metricName: `${DURATION.name}_sum`, labels: { route }, value: seconds },
    { metricName: `${DURATION.name}_count`, labels: { route }, value: total },
  ]
}
