import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from './scope.ts'

/** Where connections go to, as a URL; it is ready while `/ready` answers 200. */
interface Backend {
  readonly url: string
  isReady: boolean
  readonly sockets: Set<Socket>
}

/** A TCP load balancer that asks the `/ready` of its backends, as those in front of services do. */
export interface LoadBalancer {
  readonly url: string
  add(url: string): void
  remove(url: string): void
  /** Whether new connections go to this backend. */
  isReady(url: string): boolean
}

const CHECK_EVERY_MS = 100

/** A backend that does not answer for so long is not there, in milliseconds. */
const CHECK_TIMEOUT_MS = 1_000

/**
 * Sends each new connection to the next ready backend. Connections that are open stay where they are, but for those to
 * a backend that does not answer at all.
 */
export async function loadBalancer(scope: Scope): Promise<LoadBalancer> {
  const backends = new Map<string, Backend>()
  let turn = 0
  let stopped = false
  const sockets = new Set<Socket>()

  const server = createServer((socket) => {
    const ready = [...backends.values()].filter((backend) => backend.isReady)
    const backend = ready[turn++ % ready.length]
    keep(socket, sockets)
    if (backend === undefined) return void socket.destroy()
    const upstream = connect(Number(new URL(backend.url).port), '127.0.0.1')
    keep(upstream, sockets)
    keep(upstream, backend.sockets)
    socket.pipe(upstream).pipe(socket)
    socket.on('close', () => upstream.destroy())
    upstream.on('close', () => socket.destroy())
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))

  function keep(socket: Socket, among: Set<Socket>): void {
    among.add(socket)
    socket.on('error', () => {}).on('close', () => among.delete(socket))
  }

  async function check(backend: Backend): Promise<void> {
    while (!stopped && backends.get(backend.url) === backend) {
      const status = await fetch(`${backend.url}/ready`, {
        signal: AbortSignal.timeout(CHECK_TIMEOUT_MS),
      }).then(
        (answer) => answer.status,
        () => undefined,
      )
      backend.isReady = status === 200
      if (status === undefined) for (const socket of backend.sockets) socket.destroy()
      await delay(CHECK_EVERY_MS)
    }
  }

  const checks: Promise<void>[] = []
  scope.teardown(async () => {
    stopped = true
    await Promise.all(checks)
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add(url) {
      const backend = { url, isReady: false, sockets: new Set<Socket>() }
      backends.set(url, backend)
      checks.push(check(backend))
    },
    remove: (url) => void backends.delete(url),
    isReady: (url) => backends.get(url)?.isReady ?? false,
  }
}
