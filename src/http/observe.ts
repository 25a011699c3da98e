import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { HttpDeps } from './deps.ts'
import type { Fetched } from './pollers.ts'

/** The `route` of requests that no route took: unknown paths never create series of their own. */
export const NO_ROUTE = 'none'

/** Whether all of a response that is closed was sent: then it has left its connection, which has not failed, or its stream ended without an error. */
function isWhole(response: ServerResponse): boolean {
  const { stream } = response as unknown as Partial<Http2ServerResponse>
  return stream === undefined
    ? response.socket === null && !response.req.socket.errored
    : stream.rstCode === 0
}

/** What a handler reports about its response. */
export interface Observed {
  /** The list that is sent, or that the client has. */
  fetched: Fetched | undefined
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
  const observed: Observed = { fetched: undefined }
  response.on('close', () => {
    metrics.http.requests.observe(route, method, response.statusCode, (performance.now() - startMs) / 1000)
    if (asking === undefined) return
    // Of a list that was sent in part the client has nothing.
    pollers.answered(asking, response.statusCode, isWhole(response) ? observed.fetched : undefined)
  })
  return observed
}
