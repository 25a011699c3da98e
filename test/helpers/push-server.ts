import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** A request that came to the push source. */
export interface Pushed {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly body: { address?: string; labels?: Record<string, string>; ttl?: string } | undefined
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void

/** A stand-in for the push source of a server: a real HTTP server on loopback that notes who registers. */
export async function pushServer(t: Test) {
  const pushed: Pushed[] = []
  let answer: Answer | undefined
  const server = createServer(async (request, response) => {
    const text = (await request.toArray()).join('')
    pushed.push({
      method: String(request.method),
      path: String(request.url),
      authorization: request.headers.authorization,
      body: text === '' ? undefined : JSON.parse(text),
    })
    if (answer !== undefined) answer(response, request)
    else if (request.method === 'DELETE') response.writeHead(204).end()
    else response.writeHead(201).end('{"ttl_seconds":90}')
  })
  const listen = (port: number) =>
    new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve))
  await listen(0)
  const { port } = server.address() as AddressInfo
  const stop = () => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => void server.close(() => resolve()))
  }
  t.teardown(stop)
  return {
    url: new URL(`http://127.0.0.1:${port}/api/v1/sources/devices`),
    pushed,
    /** Answers with this from now on; undefined: as a push source does. */
    answer(next: Answer | undefined) {
      answer = next
    },
    stop,
    restart: () => listen(port),
  }
}
