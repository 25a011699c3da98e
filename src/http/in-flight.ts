import type { Server } from 'node:http'

/** Counts the requests that are being answered. */
export interface InFlight {
  begin(): void
  end(): void
  /** Resolves once there is none; new ones that come in meanwhile are waited for too. */
  settled(): Promise<void>
}

/** Starts counting at none. */
export function createInFlight(): InFlight {
  let count = 0
  let onSettled = () => {}
  return {
    begin() {
      count++
    },
    end() {
      count--
      if (count === 0) onSettled()
    },
    settled: () => (count === 0 ? Promise.resolve() : new Promise((resolve) => (onSettled = resolve))),
  }
}

/**
 * Closes a server: no new connections, then an end to every connection without a request in flight. The
 * platform alone would wait for connections on which nothing, or only half a request, was ever sent.
 */
export async function closeWhenSettled(
  app: { readonly server: Server; close(): Promise<unknown> },
  inFlight: Pick<InFlight, 'settled'>,
): Promise<void> {
  const closed = app.close()
  await inFlight.settled()
  app.server.closeAllConnections()
  await closed
}
