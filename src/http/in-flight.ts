import type { Server } from 'node:http'

/** Knows the requests that have arrived and are not answered yet. */
export interface InFlight {
  /** Resolves once there is none; new ones that come in meanwhile are waited for too. */
  settled(): Promise<void>
}

/** Counts the requests of a server from the arrival of their headers to the end of their answers. */
export function trackRequests(server: Server): InFlight {
  let count = 0
  let onSettled = () => {}
  const onClose = () => {
    count--
    if (count === 0) onSettled()
  }
  server.on('request', (_request, response) => {
    count++
    response.on('close', onClose)
  })
  return {
    settled: () => (count === 0 ? Promise.resolve() : new Promise((resolve) => (onSettled = resolve))),
  }
}

/**
 * Closes a server: no new connections, then an end to every connection without a request in flight. The
 * platform alone would wait for connections on which nothing, or only half a request, was ever sent.
 */
export async function closeWhenSettled(
  app: { readonly server: Server; close(): Promise<unknown> },
  inFlight: InFlight,
): Promise<void> {
  const closed = app.close()
  await inFlight.settled()
  app.server.closeAllConnections()
  await closed
}
