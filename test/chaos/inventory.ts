import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from '../helpers/scope.ts'
import type { Certificates } from './certificates.ts'
import { ENDLESS, FAULTS, type PageAnswer } from './faults.ts'
import type { Edition } from './fleet.ts'
import type { Model } from './model.ts'

/** How the inventory behaves now. */
export interface Behaviour {
  /** The editions that its readings show in turn; one unless it flaps. */
  readonly editions: readonly Edition[]
  /** The name of the fault; undefined: none. */
  readonly fault?: string | undefined
  /** A fault strikes once in so many answers. */
  readonly onceIn?: number
  /** Every page takes up to so long, in milliseconds. */
  readonly slowMs?: number
}

/** The chances that the server takes. */
interface Chances {
  readonly int: (below: number) => number
  readonly once: (times: number) => boolean
}

/** Where the other inventory is. */
const NEIGHBOUR = '/neighbour'

/** What an inventory is made of. */
interface InventoryDeps {
  readonly model: Model
  readonly random: Chances
  readonly certificates: Certificates
  /** It was asked far more often than it is meant to be. */
  readonly storms: (what: string) => void
}

/**
 * Readings are half a second apart, or a quarter after failures, and what breaks is asked for once more.
 * A loop gone wild asks thousands of times.
 */
const MOST_READINGS = { within: 5_000, count: 45 }

/**
 * A real HTTPS server that serves the fleet in pages and misbehaves as it is told. It tells the model when a
 * reading begins, and when all pages of one edition have been sent as they should be.
 */
export async function createInventory(scope: Scope, deps: InventoryDeps) {
  const { model, random, certificates } = deps
  let behaviour: Behaviour = { editions: [] }
  const readable = new Map<number, Edition>()
  let reading = { edition: undefined as Edition | undefined, sent: 0, isGood: true }
  let readings = 0
  let struck = 0

  let lastWholeMs = Number.NEGATIVE_INFINITY
  let neighbours = 0
  const begun: number[] = []
  // TLS sockets cannot be reset, but what they go over can.
  const connections = new Map<number | undefined, Socket>()

  const server = createServer({ ...certificates.good }, (request, response) => {
    response.on('error', () => {})
    if (String(request.url).startsWith(NEIGHBOUR)) return misbehave(response)
    void answer(request, response)
  })
  server.on('tlsClientError', () => {})
  server.on('connection', (socket: Socket) => {
    const { remotePort } = socket
    connections.set(remotePort, socket)
    socket.once('close', () => connections.delete(remotePort)).on('error', () => {})
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { searchParams } = new URL(String(request.url), 'http://inventory')
    const page = Number(searchParams.get('page') ?? 1)
    if (!searchParams.has('edition') && !searchParams.has('more')) begin()
    const { slowMs = 0 } = behaviour
    const { fault, onceIn = 1 } = searchParams.has('more') ? { fault: ENDLESS } : behaviour
    const edition = readable.get(Number(searchParams.get('edition'))) ?? reading.edition
    const mine = reading
    if (edition === undefined) return
    const reset = () => void connections.get(response.socket?.remotePort)?.resetAndDestroy()
    const ready = pageOf(edition, page, reset)
    if (slowMs > 0) await delay(random.int(slowMs))
    if (fault !== undefined && random.once(onceIn) && FAULTS[fault]?.(response, ready) !== false) {
      mine.isGood = false
      struck += 1
      return
    }
    if (mine !== reading) return void response.destroy()
    mine.sent += 1
    // Before it goes out: from here on it can be used.
    if (mine.isGood && page === edition.pages.length && mine.sent === page) {
      lastWholeMs = performance.now()
      model.offers(edition.list, edition.unreadable)
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(ready.body)
  }

  function begin(): void {
    const { editions } = behaviour
    const edition = editions[readings % editions.length]
    readings += 1
    reading = { edition, sent: 0, isGood: true }
    const now = performance.now()
    begun.push(now)
    const before = begun.at(-MOST_READINGS.count - 1) ?? Number.NEGATIVE_INFINITY
    begun.splice(0, begun.length - MOST_READINGS.count)
    if (now - before < MOST_READINGS.within) {
      deps.storms(`more than ${MOST_READINGS.count} readings began within ${MOST_READINGS.within} ms`)
    }
    model.begins()
  }

  /** The other inventory, which is never well. */
  function misbehave(response: ServerResponse): void {
    const how = neighbours++ % 3
    if (how === 0) response.writeHead(500).end('{}')
    if (how === 1) response.end('[{"host":')
  }

  function pageOf(edition: Edition, page: number, reset: () => void): PageAnswer {
    const items = edition.pages[page - 1] ?? []
    const pages = edition.pages.length
    const after = page < pages ? `?edition=${edition.number}&page=${page + 1}` : null
    const write: PageAnswer['with'] = ({ next = after, total = edition.total, drop = 0 }) =>
      `{"total":${total},"next":${JSON.stringify(next)},"items":[${items.slice(drop).join(',')}]}`
    return { body: write({}), page, pages, reset, with: write }
  }

  // Those that are still being made too, which the server does not count yet.
  const cut = () => {
    for (const socket of connections.values()) socket.destroy()
  }
  const stop = async () => {
    if (!server.listening) return
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
    cut()
    await closed
  }
  scope.teardown(stop)
  return {
    url: `https://localhost:${port}/inventory`,
    neighbour: `https://localhost:${port}${NEIGHBOUR}`,
    behave(next: Behaviour) {
      behaviour = next
      for (const edition of next.editions) readable.set(edition.number, edition)
      for (const number of [...readable.keys()].slice(0, -10)) readable.delete(number)
    },
    behaviour: () => behaviour,
    readings: () => readings,
    struck: () => struck,
    /** When the last reading was sent whole. */
    lastWholeMs: () => lastWholeMs,
    neighbours: () => neighbours,
    /** Shows this certificate on new connections. */
    shows: (certificate: keyof Omit<Certificates, 'caFile'>) =>
      server.setSecureContext({ ...certificates[certificate] }),
    /** Cuts all connections, with what was asked on them. */
    cut,
    /** Refuses connections from now on. */
    stop,
    isUp: () => server.listening,
    /** Takes connections again. */
    restart: async () => {
      if (!server.listening)
        await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve))
    },
  }
}

export type Inventory = Awaited<ReturnType<typeof createInventory>>
