import { createServer, type IncomingMessage, type RequestListener, request } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Test } from 'tap'
import type { Pair } from './certificates.ts'

/** A real forward proxy on loopback. Whatever host it is asked for, it goes to loopback, as if all names led there. */
export interface ForwardProxy {
  readonly url: URL
  /** What came in: method and target, such as `GET http://inventory.test/` or `CONNECT inventory.test:443`. */
  readonly asked: string[]
  readonly requests: IncomingMessage[]
}

/**
 * @param options.authorization what Proxy-Authorization must be; 407 otherwise
 * @param options.refuse answers every CONNECT with this status
 * @param options.pair speaks TLS with this certificate
 */
export async function forwardProxy(
  t: Test,
  options: { authorization?: string; refuse?: number; pair?: Pair } = {},
): Promise<ForwardProxy> {
  const requests: IncomingMessage[] = []
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const isAllowed = (incoming: IncomingMessage) => {
    requests.push(incoming)
    asked.push(`${incoming.method} ${incoming.url}`)
    return (
      options.authorization === undefined || incoming.headers['proxy-authorization'] === options.authorization
    )
  }
  const relay: RequestListener = (incoming, response) => {
    if (!isAllowed(incoming)) return void response.writeHead(407).end('who are you?')
    const { port, pathname, search } = new URL(String(incoming.url))
    const { 'proxy-authorization': _own, ...headers } = incoming.headers
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path: pathname + search,
      method: incoming.method,
      headers,
    })
    outgoing.on('response', (answer) => {
      response.writeHead(Number(answer.statusCode), answer.headers)
      answer.pipe(response)
    })
    outgoing.on('error', () => response.writeHead(502).end())
    incoming.pipe(outgoing)
  }
  const { pair } = options
  const server = pair ? createTlsServer({ cert: pair.cert, key: pair.key }, relay) : createServer(relay)
  server.on('connect', (incoming: IncomingMessage, socket: Socket) => {
    socket.on('error', () => {})
    if (!isAllowed(incoming)) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    if (options.refuse === 0) return socket.destroy()
    if (options.refuse !== undefined) return socket.end(`HTTP/1.1 ${options.refuse} No\r\n\r\n`)
    const upstream = connect(Number(String(incoming.url).split(':').at(-1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(upstream).pipe(socket)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('close', () => upstream.destroy())
    return undefined
  })
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { url: new URL(`${pair ? 'https' : 'http'}://127.0.0.1:${port}/`), asked, requests }
}
