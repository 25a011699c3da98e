import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from './scope.ts'

/** Where connections go to, as a URL; it is ready while `/ready` answers 200. */
interface Backend {
  readonly url: string
  isReady: boolean
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

/** Sends each new connection to the next ready backend; connections that are open stay where they are. */
export async function loadBalancer(scope: Scope): Promise<LoadBalancer> {
  let backends: Backend[] = []
  let turn = 0
  let stopped = false
  const sockets = new Set<Socket>()

  const server = createServer((socket) => {
    const ready = backends.filter((backend) => backend.isReady)
    const backend = ready[turn++ % ready.length]
    keep(socket)
    if (backend === undefined) return void socket.destroy()
    const upstream = connect(Number(new URL(backend.url).port), '127.0.0.1')
    keep(upstream)
    socket.pipe(upstream).pipe(socket)
    socket.on('close', () => upstream.destroy())
    upstream.on('close', () => socket.destroy())
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))

  function keep(socket: Socket): void {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  }

  async function check(): Promise<void> {
    while (!stopped) {
      await Promise.all(
        backends.map(async (backend) => {
          backend.isReady = await fetch(`${backend.url}/ready`).then(
            (answer) => answer.status === 200,
            () => false,
          )
        }),
      )
      await delay(CHECK_EVERY_MS)
    }
  }

  const checking = check()
  scope.teardown(async () => {
    stopped = true
    await checking
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: (url) => void backends.push({ url, isReady: false }),
    remove(url) {
      backends = backends.filter((backend) => backend.url !== url)
    },
    isReady: (url) => backends.some((backend) => backend.url === url && backend.isReady),
  }
}
