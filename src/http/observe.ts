import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpDeps } from './deps.ts'

/** The `route` of requests that no route took: unknown paths never create series of their own. */
export const NO_ROUTE = 'none'

/** What a handler tells of its answer. */
export interface Observed {
  /** The digest of the list that is sent, or that the client has. */
  digest: string | undefined
}

/**
 * Counts and times a request when its answer has been sent, whatever the answer will be. Called first in
 * a handler: a hook of the framework would cost more than sending the targets does. Who asks for targets is remembered.
 */
export function observe(
  request: Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'socket'>,
  response: ServerResponse,
  route: string,
  { metrics, pollers }: Pick<HttpDeps, 'metrics' | 'pollers'>,
): Observed {
  const startMs = performance.now()
  const { method = '' } = request
  const isList = route.startsWith('/targets')
  const asking = isList || route === NO_ROUTE ? pollers.asking(request, isList) : undefined
  const observed: Observed = { digest: undefined }
  response.on('close', () => {
    metrics.http.requests.observe(route, method, response.statusCode, (performance.now() - startMs) / 1000)
    if (asking !== undefined) pollers.answered(asking, response.statusCode, observed.digest)
  })
  return observed
}
