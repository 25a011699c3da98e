import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Most connections at a time: far more than Prometheus servers and probes need, far fewer than descriptors. */
export const MAX_CONNECTIONS = 4_096

/** The connections of a server, and which of them have a request in flight. */
export interface Connections {
  /** Watches a server's connections; beyond the maximum the one that has been idle for longest is closed. */
  watch(server: Server): void
  /** A request came in. */
  begin(socket: Socket): void
  /** Its answer has been sent, or the connection is gone. */
  end(socket: Socket): void
  /** How many requests are in flight. */
  inFlight(): number
  /** Resolves once no request is in flight; new ones that come in meanwhile are waited for too. */
  settled(): Promise<void>
}

/** Starts with no connection. */
export function createConnections(max = MAX_CONNECTIONS): Connections {
  const open = new Set<Socket>()
  // In the order in which they became idle; one that never sent a whole request is idle too.
  const idle = new Set<Socket>()
  let count = 0
  let onSettled = () => {}

  function add(socket: Socket): void {
    open.add(socket)
    idle.add(socket)
    socket.once('close', () => {
      open.delete(socket)
      idle.delete(socket)
    })
    if (open.size > max) for (const oldest of idle) return void oldest.destroy()
  }

  return {
    watch: (server) => void server.on('connection', add),
    begin(socket) {
      count++
      idle.delete(socket)
    },
    end(socket) {
      count--
      if (open.has(socket)) idle.add(socket)
      if (count === 0) onSettled()
    },
    inFlight: () => count,
    settled: () => (count === 0 ? Promise.resolve() : new Promise((resolve) => (onSettled = resolve))),
  }
}

/**
 * Closes a server: no new connections, then an end to every connection without a request in flight. The
 * platform alone would wait for connections on which nothing, or only half a request, was ever sent.
 */
export async function closeWhenSettled(
  app: { readonly server: Server; close(): Promise<unknown> },
  connections: Pick<Connections, 'settled'>,
): Promise<void> {
  const closed = app.close()
  await connections.settled()
  app.server.closeAllConnections()
  await closed
}
