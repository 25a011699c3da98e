import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from '../helpers/scope.ts'

/** What a network does with what travels one way. */
interface Way {
  isCut: boolean
  delayMs: number
  /** Goes on once it is not cut any more. */
  readonly waiting: Set<() => void>
}

/** Which ways are cut: from a replica to the store, from the store to a replica, or both. */
export type Cut = 'there' | 'back' | 'both'

/** All connections between one replica and its store. */
export interface StoreLink {
  /** @returns the port by which the replica reaches this port */
  through(port: number, rewrite?: (bytes: Buffer) => Buffer): Promise<number>
  /** From now on nothing arrives. What is sent waits, as it does in the buffers of a network. */
  cut(which: Cut): void
  delay(ms: number): void
  /**
   * Everything arrives again.
   * @param isKept whether what waited arrives too, late; else its connections are reset
   */
  heal(isKept: boolean): void
  isWhole(): boolean
}

/** Creates the connections of one replica; the end of the scope ends them. */
export function createStoreLink(scope: Scope): StoreLink {
  const there: Way = { isCut: false, delayMs: 0, waiting: new Set() }
  const back: Way = { isCut: false, delayMs: 0, waiting: new Set() }
  const ways = [there, back]
  const sockets = new Set<Socket>()

  function keep(socket: Socket): Socket {
    sockets.add(socket)
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  }

  const arrives = (way: Way) =>
    way.isCut ? new Promise<void>((resolve) => void way.waiting.add(resolve)) : undefined

  /** Keeps the order of what is sent, its end too. */
  function carry(from: Socket, to: Socket, way: Way, rewrite = (bytes: Buffer) => bytes): void {
    let before = Promise.resolve()
    const send = (work: () => void) => {
      before = before.then(async () => {
        await arrives(way)
        if (way.delayMs > 0) await delay(way.delayMs)
        await arrives(way)
        work()
      })
    }
    from.on('data', (bytes) => send(() => void to.write(rewrite(bytes))))
    from.on('close', () => send(() => void to.end()))
  }

  return {
    async through(port, rewrite) {
      const server = createServer((socket) => {
        const upstream = keep(connect(port, '127.0.0.1'))
        carry(keep(socket), upstream, there)
        carry(upstream, socket, back, rewrite)
      })
      return listening(scope, server, sockets)
    },
    cut(which) {
      there.isCut ||= which !== 'back'
      back.isCut ||= which !== 'there'
    },
    delay(ms) {
      for (const way of ways) way.delayMs = ms
    },
    heal(isKept) {
      if (!isKept) for (const socket of sockets) socket.destroy()
      for (const way of ways) {
        way.isCut = false
        way.delayMs = 0
        for (const go of way.waiting) go()
        way.waiting.clear()
      }
    },
    isWhole: () => ways.every(({ isCut, delayMs }) => !isCut && delayMs === 0),
  }
}

async function listening(scope: Scope, server: Server, sockets: Set<Socket>): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  scope.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** The way of one replica to the inventory. */
export interface InventoryLink {
  readonly url: string
  isCut: boolean
}

/** An inventory that answers one replica truly, or not at all. */
export async function createInventoryLink(
  scope: Scope,
  names: () => readonly string[],
): Promise<InventoryLink> {
  const link = { url: '', isCut: false }
  const server = createHttpServer((request, response) => {
    if (link.isCut) request.socket.destroy()
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(names()))
  })
  const port = await listening(scope, server, new Set())
  scope.teardown(() => server.closeAllConnections())
  link.url = `http://127.0.0.1:${port}/inventory`
  return link
}
