import { existsSync, readFileSync } from 'node:fs'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2Session } from 'node:http2'
import type { Socket } from 'node:net'

/** Most connections at a time: far more than Prometheus servers and probes need. */
export const MAX_CONNECTIONS = 4_096

/** Most requests at a time on one connection. */
export const MAX_PER_CONNECTION = 16

/** How many file descriptors are left for files, inventories and the process itself. */
const SPARE_DESCRIPTORS = 256

/** A response that is being sent. */
type Sending = Pick<ServerResponse, 'writableLength' | 'req'>

/** A connection. */
interface Open {
  /** The address that it is from. */
  readonly address: string
  /** Its requests in flight: when each came. */
  readonly sending: Map<Sending, number>
}

/** The connections of a server, and which of them have a request in flight. */
export interface Connections {
  /**
   * Watches a server's connections. Beyond the maximum one is closed to make room, of the address that has most: the
   * one that has been idle for longest, else the one whose client has left its response unread for longest, else the new
   * one when it is of that address, else the one that has been busy for longest. Beyond {@link Bounds.requests} in flight
   * the one with the response that was left unread for longest is closed too, and one that has more than
   * {@link Bounds.perConnection} of them at once. A client that reads nothing of its response for
   * {@link Bounds.stallMs}, or not all of it within {@link Bounds.responseMs}, is cut off; over HTTP/2 for the second
   * reason only, and when it has not sent all of a request for {@link Bounds.stallMs}.
   */
  watch(server: Server): void
  /** How many requests are in flight. */
  inFlight(): number
  /** Resolves once no request is in flight; new ones that come in meanwhile are waited for too. */
  settled(): Promise<void>
  /** Closes every connection; of HTTP/2 as soon as its last answer is sent. */
  close(): void
}

/** What clients may take. */
export interface Bounds {
  /** Connections at a time. */
  readonly connections: number
  /** Requests in flight, before connections that do not read are closed. */
  readonly requests: number
  /** Requests in flight on one connection: Prometheus does not pipeline, and HTTP/2 is told. */
  readonly perConnection: number
  /**
   * The time in which a client reads something of its response, in milliseconds, and sends all of a request over HTTP/2;
   * up to a third more until it is seen.
   */
  readonly stallMs: number
  /** The time in which it reads all of it, in milliseconds. */
  readonly responseMs: number
}

/**
 * The system keeps up to 2 MB of each response that is not read. Prometheus gives up after its refresh interval, a minute
 * by default.
 */
const BOUNDS = { requests: 512, perConnection: MAX_PER_CONNECTION, stallMs: 30_000, responseMs: 120_000 }

/** Slow clients are looked for so many times in {@link Bounds.stallMs}. */
const LOOKS = 3

/** What stays the same for all requests of a connection: its socket or, of HTTP/2, its session. */
export function connectionOf(request: IncomingMessage): object {
  return (request as unknown as Partial<Http2ServerRequest>).stream?.session ?? request.socket
}

/**
 * Ends a connection after this response: of HTTP/1 by a header, which is returned; a session of HTTP/2 is closed here.
 */
export function endConnection(request: IncomingMessage): (readonly [name: string, value: string])[] {
  if (request.httpVersionMajor < 2) return [['connection', 'close']]
  ;(request as unknown as Http2ServerRequest).stream.session?.close()
  return []
}

/** Starts with no connection. */
export function createConnections(own: Partial<Bounds> = {}): Connections {
  const bounds = { ...BOUNDS, ...own }
  const { connections: max = connectionLimit(), requests, perConnection, stallMs, responseMs } = bounds
  const open = new Map<Socket, Open>()
  const perAddress = new Map<string, number>()
  // In the order in which they became idle; one that never sent a whole request is idle too.
  const idle = new Set<Socket>()
  // Those with requests in flight, in the order in which they became busy, and their responses.
  const busy = new Map<Socket, ReadonlyMap<Sending, number>>()
  // What requests over TLS know their connection by → its socket without TLS, which is there before any handshake.
  const sockets = new WeakMap<object, Socket>()
  const sessions = new Set<Http2Session>()
  let count = 0
  let waiting: (() => void)[] = []

  const socketOf = (connection: object) => sockets.get(connection) ?? (connection as Socket)

  function add(socket: Socket): void {
    // A connection that is closed already has no address any more.
    const address = String(socket.remoteAddress)
    const sending = new Map<Sending, number>()
    open.set(socket, { address, sending })
    perAddress.set(address, (perAddress.get(address) ?? 0) + 1)
    idle.add(socket)
    socket.once('close', () => {
      open.delete(socket)
      idle.delete(socket)
      // Of requests that came together, the platform ends the first only.
      leave(sending.size)
      sending.clear()
      busy.delete(socket)
      const left = (perAddress.get(address) as number) - 1
      if (left > 0) perAddress.set(address, left)
      else perAddress.delete(address)
    })
    if (open.size > max) makeRoom(socket)
  }

  function makeRoom(newest: Socket): void {
    const most = Math.max(...perAddress.values())
    const isOfCrowd = (socket: Socket) => perAddress.get((open.get(socket) as Open).address) === most
    const oldest =
      find(idle, (socket) => socket !== newest && isOfCrowd(socket)) ??
      find(busy.keys(), (socket) => isOfCrowd(socket) && isUnread(busy.get(socket))) ??
      (isOfCrowd(newest) ? undefined : find(busy.keys(), isOfCrowd))
    const closed = oldest ?? newest
    closed.destroy()
  }

  /** Looks for the slow among the few that are in flight now: a timer for every request costs more than a small answer. */
  function look(): void {
    const nowMs = performance.now()
    const isLate = (sending: ReadonlyMap<Sending, number>) =>
      isUnread(sending, nowMs - responseMs) || isUnsent(sending, nowMs - stallMs)
    for (const [socket, sending] of busy) {
      if (isLate(sending)) socket.destroy()
      else for (const response of sending.keys()) if (response.writableLength > 0) timeStall(response.req)
    }
  }

  /** What the client reads begins the time anew; the platform lifts it with the next request. */
  function timeStall({ socket, httpVersionMajor }: IncomingMessage): void {
    if (httpVersionMajor < 2 && socket.timeout !== stallMs) socket.setTimeout(stallMs)
  }

  function watchTls(server: Server): void {
    const byPeer = new Map<string, Socket>()
    const note = (connection: object, peer: string) => sockets.set(connection, byPeer.get(peer) as Socket)
    server.on('connection', (socket) => {
      const peer = peerOf(socket)
      byPeer.set(peer, socket)
      socket.once('close', () => byPeer.delete(peer))
    })
    // Before the listener that serves requests.
    server.prependListener('secureConnection', (socket: Socket) => note(socket, peerOf(socket)))
    server.on('session', (session: Http2Session) => {
      note(session, peerOf(session.socket))
      sessions.add(session)
      session.once('close', () => sessions.delete(session))
    })
  }

  /** @returns false when the connection is closed, or is closed for it */
  function begin(request: IncomingMessage, response: ServerResponse): boolean {
    const socket = socketOf(connectionOf(request))
    const sending = open.get(socket)?.sending
    if (sending === undefined || sending.size >= perConnection) {
      socket.destroy()
      return false
    }
    if (idle.delete(socket)) busy.set(socket, sending)
    sending.set(response, performance.now())
    count++
    response.on('close', () => end(socket, sending, response))
    if (count > requests) find(busy.keys(), (each) => isUnread(busy.get(each)))?.destroy()
    return true
  }

  function end(socket: Socket, sending: Map<Sending, number>, response: ServerResponse): void {
    if (!sending.delete(response)) return
    if (sending.size === 0) {
      busy.delete(socket)
      idle.add(socket)
    }
    leave(1)
  }

  /** So many requests are in flight no more. */
  function leave(ended: number): void {
    count -= ended
    if (count > 0) return
    for (const settle of waiting) settle()
    waiting = []
  }

  return {
    watch(server) {
      server.on('connection', add)
      // Before anything is done for a request: many may come at once on one connection.
      const [serve] = server.listeners('request') as [RequestListener]
      server.removeAllListeners('request')
      server.on('request', (request, response) => {
        if (begin(request, response)) serve.call(server, request, response)
      })
      if ('setSecureContext' in server) watchTls(server)
      // Without this the platform would end a connection whose answer has been read, and whose next one is awaited.
      server.on('timeout', (connection: object) => {
        const socket = socketOf(connection)
        if (isUnread(busy.get(socket)) || !busy.has(socket)) socket.destroy()
      })
      const timer = setInterval(look, Math.min(stallMs / LOOKS, responseMs)).unref()
      server.once('close', () => clearInterval(timer))
    },
    inFlight: () => count,
    settled: () => (count === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    close() {
      const ended = new Set([...sessions].map((session) => sockets.get(session)))
      for (const session of sessions) session.close()
      for (const socket of open.keys()) if (!ended.has(socket)) socket.destroy()
    },
  }
}

/** Whether a part of one of the responses waits for the client, to a request that came before a time. */
function isUnread(sending: ReadonlyMap<Sending, number> = NONE, untilMs = Number.POSITIVE_INFINITY): boolean {
  for (const [{ writableLength }, atMs] of sending) if (writableLength > 0 && atMs < untilMs) return true
  return false
}

/** Whether a request over HTTP/2 that came before a time is not there whole; of HTTP/1 the platform looks after that. */
function isUnsent(sending: ReadonlyMap<Sending, number>, untilMs: number): boolean {
  const isOpen = ({ req }: Sending) =>
    req.httpVersionMajor > 1 && (req as unknown as Http2ServerRequest).stream.state.remoteClose === 0
  return [...sending].some(([response, atMs]) => atMs < untilMs && isOpen(response))
}

const NONE: ReadonlyMap<Sending, number> = new Map()

function find(sockets: Iterable<Socket>, fits: (socket: Socket) => boolean): Socket | undefined {
  for (const socket of sockets) if (fits(socket)) return socket
  return undefined
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/**
 * How many connections there may be: fewer where the process may open fewer files.
 * @param path where Linux says what a process may take
 */
export function connectionLimit(path = '/proc/self/limits'): number {
  const limits = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const descriptors = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  const spare = Math.min(SPARE_DESCRIPTORS, Math.floor(descriptors / 2))
  return Math.min(MAX_CONNECTIONS, descriptors - spare)
}

/**
 * Closes a server: no new connections, then an end to every connection without a request in flight. The
 * platform alone would wait for connections on which nothing, or only half a request, was ever sent.
 */
export async function closeWhenSettled(
  app: { close(): Promise<unknown> },
  connections: Pick<Connections, 'settled' | 'close'>,
): Promise<void> {
  const closed = app.close()
  await connections.settled()
  connections.close()
  await closed
}
