/** The upper bounds of the latency histogram, in seconds; the last bucket has none. */
export const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** The refusals of requests and connections. */
export const REFUSED_METRIC = {
  name: 'rollcall_http_refused_total',
  help: 'Requests and connections that were refused because of their credentials, origin or rate, by reason.',
}

export const WEB_CONFIG_METRIC = {
  name: 'rollcall_web_config_last_reload_successful',
  help: 'Whether the current web configuration file is in use; 1 without one.',
}

/** The names and help texts of the metrics that are made from the counts. */
export const REQUESTS_METRIC = {
  name: 'rollcall_http_requests_total',
  help: 'HTTP requests by route pattern, method and status code.',
}
export const LATENCY_METRIC = {
  name: 'rollcall_http_request_duration_seconds',
  help: 'Time from the arrival of a request to the end of its response, by route pattern.',
}

/** The counts of one route. */
export interface RouteCounts {
  /** Requests by method and code. */
  readonly counts: Map<string, Map<number, number>>
  /** Requests by bucket; the last bucket has no upper bound. */
  readonly buckets: Float64Array
  seconds: number
}

/** Counts and times requests. */
export interface RequestMetrics {
  /**
   * Starts the series of a route at 0, so that `rate` counts even the first response with one of these codes.
   */
  start(route: string, method: string, codes: readonly number[]): void
  /** Counts one request and its duration in seconds. */
  observe(route: string, method: string, code: number, seconds: number): void
}

/** Creates empty counts; `routes` has them by route pattern. */
export function createRequestCounts(): RequestMetrics & {
  readonly routes: ReadonlyMap<string, RouteCounts>
} {
  const routes = new Map<string, RouteCounts>()

  function routeOf(name: string): RouteCounts {
    let route = routes.get(name)
    if (route === undefined) {
      route = { counts: new Map(), buckets: new Float64Array(LATENCY_BUCKETS.length + 1), seconds: 0 }
      routes.set(name, route)
    }
    return route
  }

  function codesOf({ counts }: RouteCounts, method: string): Map<number, number> {
    let codes = counts.get(method)
    if (codes === undefined) {
      codes = new Map()
      counts.set(method, codes)
    }
    return codes
  }

  return {
    routes,
    start(name, method, codes) {
      for (const code of codes) codesOf(routeOf(name), method).set(code, 0)
    },
    observe(name, method, code, seconds) {
      const route = routeOf(name)
      const codes = codesOf(route, method)
      codes.set(code, (codes.get(code) ?? 0) + 1)
      route.seconds += seconds
      let bucket = 0
      while (bucket < LATENCY_BUCKETS.length && seconds > (LATENCY_BUCKETS[bucket] as number)) bucket++
      route.buckets[bucket] = (route.buckets[bucket] as number) + 1
    },
  }
}

/** The requests of a route with their labels. */
export function requestsOf([route, { counts }]: readonly [string, RouteCounts]) {
  return [...counts].flatMap(([method, codes]) =>
    [...codes].map(([code, value]) => ({ labels: { route, method, code: String(code) }, value })),
  )
}

/** The latency histogram of a route as series: cumulative buckets, sum and count. */
export function latencyOf([route, { buckets, seconds }]: readonly [string, RouteCounts]) {
  const { name } = LATENCY_METRIC
  let total = 0
  const cumulative = [...buckets].map((count, index) => {
    total += count
    return {
      metricName: `${name}_bucket`,
      labels: { le: LATENCY_BUCKETS[index] ?? '+Inf', route },
      value: total,
    }
  })
  return [
    ...cumulative,
    { metricName: `${name}_sum`, labels: { route }, value: seconds },
    { metricName: `${name}_count`, labels: { route }, value: total },
  ]
}
