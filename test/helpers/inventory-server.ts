import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A real HTTP server on loopback whose behaviour a test changes as it goes. */
export interface InventoryServer {
  readonly url: URL
  readonly port: number
  /** The requests that came in. */
  readonly requests: IncomingMessage[]
  /** Answers 200 with this value as JSON from now on. */
  json(value: unknown): void
  /** Answers with this from now on. */
  handle(handler: Handler): void
  /** Stops listening and cuts all connections; the port is refused from now on. */
  stop(): Promise<void>
  /** Listens again on the same port. */
  restart(): Promise<void>
}

export async function inventoryServer(t: Test, initial: unknown = []): Promise<InventoryServer> {
  const requests: IncomingMessage[] = []
  let handler: Handler = answer(initial)
  const server = createServer((request, response) => {
    requests.push(request)
    handler(request, response)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const stop = async () => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => void server.close(() => resolve()))
  }
  t.teardown(stop)
  return {
    url: new URL(`http://127.0.0.1:${port}/inventory`),
    port,
    requests,
    json(value) {
      handler = answer(value)
    },
    handle(next) {
      handler = next
    },
    stop,
    restart: () => new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve)),
  }
}

function answer(value: unknown): Handler {
  const body = JSON.stringify(value)
  return (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(body)
}
