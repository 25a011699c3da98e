import type { ServerResponse } from 'node:http'
import type { HttpDeps } from './deps.ts'

/** The `route` of requests that no route took: unknown paths never create series of their own. */
export const NO_ROUTE = 'none'

/**
 * Counts and times a request when its answer has been sent, whatever the answer will be. Called first in
 * a handler: a hook of the framework would cost more than sending the targets does.
 */
export function observe(
  { method = '' }: { readonly method?: string | undefined },
  response: ServerResponse,
  route: string,
  { metrics }: Pick<HttpDeps, 'metrics'>,
): void {
  const startMs = performance.now()
  response.on('close', () => {
    metrics.http.requests.observe(route, method, response.statusCode, (performance.now() - startMs) / 1000)
  })
}
