import { existsSync, readFileSync } from 'node:fs'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2Session } from 'node:http2'
import type { Socket } from 'node:net'

/** The limit of connections: far more than Prometheus servers and probes need. */
export const MAX_CONNECTIONS = 4_096

/** The limit of requests at once on one connection. */
export const MAX_PER_CONNECTION = 16

/** The number of file descriptors that are reserved for files, inventories and the process itself. */
const SPARE_DESCRIPTORS = 256

/** A request in flight. */
interface Sending {
  readonly response: Pick<ServerResponse, 'writableLength' | 'req'>
  /** When the request came. */
  readonly atMs: number
}

/** A connection. */
interface Open {
  /** The address that it is from. */
  readonly address: string
  /** Its requests in flight, in the order of arrival. */
  readonly sending: Sending[]
  /** A number that increases: when it became idle or busy. A connection that never sent a whole request is idle too. */
  since: number
}

/** The connections of a server, and which of them have a request in flight. */
export interface Connections {
  /**
   * Watches a server's connections.
   *
   * - Above {@link Bounds.connections} one is closed, from the address with most of them: the one that has been idle for
   *   longest; if none is idle, the one whose client has left its response unread for longest; if there is none, the new
   *   one, if it is from that address, otherwise the one that has been busy for longest.
   * - Above {@link Bounds.requests} in flight, the one whose response has been left unread for longest is closed.
   * - One with more than {@link Bounds.perConnection} requests at once is closed.
   * - A client that reads nothing of its response for {@link Bounds.stallMs}, or not all of it within
   *   {@link Bounds.responseMs}, is cut off. Over HTTP/2 only the second applies, and a client that has not sent all of a
   *   request within {@link Bounds.stallMs} is cut off too.
   */
  watch(server: Server): void
  /** The number of requests in flight. */
  inFlight(): number
  /** Resolves once no request is in flight, including those that arrive meanwhile. */
  settled(): Promise<void>
  /** Closes every connection, those of HTTP/2 after their last response. */
  close(): void
}

/** The limits for clients. */
export interface Bounds {
  /** Connections at a time. */
  readonly connections: number
  /** Requests in flight, before connections that do not read are closed. */
  readonly requests: number
  /** Requests in flight on one connection: Prometheus does not pipeline, and HTTP/2 is told. */
  readonly perConnection: number
  /**
   * The longest time in which a client may read nothing of its response, in milliseconds, and in which it must send all of a
   * request over HTTP/2. It can take a third longer until this is noticed.
   */
  readonly stallMs: number
  /** The time in which a client must read all of its response, in milliseconds. */
  readonly responseMs: number
}

/**
 * The system buffers up to 2 MB of each unread response. Prometheus gives up after its refresh interval, a minute by
 * default.
 */
const BOUNDS = { requests: 512, perConnection: MAX_PER_CONNECTION, stallMs: 30_000, responseMs: 120_000 }

/** The number of checks for slow clients within {@link Bounds.stallMs}. */
const LOOKS = 3

/** Identifies the connection of a request: its socket or, over HTTP/2, its session. */
export function connectionOf(request: IncomingMessage): object {
  return (request as unknown as Partial<Http2ServerRequest>).stream?.session ?? request.socket
}

/**
 * Ends a connection after this response: over HTTP/1 by a header, which is returned; a session of HTTP/2 is closed here.
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
  // For TLS: the TLS socket or HTTP/2 session → the TCP socket, which exists before the handshake.
  const sockets = new WeakMap<object, Socket>()
  const sessions = new Set<Http2Session>()
  let count = 0
  let changes = 0
  let waiting: (() => void)[] = []

  const socketOf = (connection: object) => sockets.get(connection) ?? (connection as Socket)

  function add(socket: Socket): void {
    // A connection that is closed already has no address any more.
    const address = String(socket.remoteAddress)
    const sending: Sending[] = []
    const own = { address, sending, since: changes++ }
    open.set(socket, own)
    perAddress.set(address, (perAddress.get(address) ?? 0) + 1)
    socket.once('close', () => {
      open.delete(socket)
      // Of pipelined requests, the platform ends only the first.
      leave(sending.splice(0).length)
      const left = (perAddress.get(address) as number) - 1
      if (left > 0) perAddress.set(address, left)
      else perAddress.delete(address)
    })
    if (open.size > max) makeRoom(socket, own)
  }

  /**
   * Of the connections that fit, the one that has been idle or busy for longest. It is searched for only when a limit is
   * exceeded, because keeping them in order would cost every request more.
   */
  function oldest(fits: (one: Open) => boolean): Socket | undefined {
    let found: readonly [Socket, Open] | undefined
    for (const entry of open) {
      const [, one] = entry
      if ((found === undefined || one.since < found[1].since) && fits(one)) found = entry
    }
    return found?.[0]
  }

  function makeRoom(newest: Socket, own: Open): void {
    const most = Math.max(...perAddress.values())
    const isOfCrowd = ({ address }: Open) => perAddress.get(address) === most
    const isIdle = ({ sending }: Open) => sending.length === 0
    const closed =
      oldest((one) => isIdle(one) && one !== own && isOfCrowd(one)) ??
      oldest((one) => isOfCrowd(one) && isUnread(one.sending)) ??
      (isOfCrowd(own) ? undefined : oldest((one) => isOfCrowd(one) && !isIdle(one))) ??
      newest
    closed.destroy()
  }

  /** Checks the few requests in flight for slow clients. A timer for every request would cost more than a small response. */
  function look(): void {
    const nowMs = performance.now()
    const isLate = (sending: readonly Sending[]) =>
      isUnread(sending, nowMs - responseMs) || isUnsent(sending, nowMs - stallMs)
    for (const [socket, { sending }] of open) {
      if (isLate(sending)) socket.destroy()
      else for (const { response } of sending) if (response.writableLength > 0) timeStall(response.req)
    }
  }

  /** Starts the timer for a stall. Reading restarts it, and the platform removes it with the next request. */
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

  /** @returns false when the connection is closed, or is closed because of this request */
  function begin(request: IncomingMessage, response: ServerResponse): boolean {
    const socket = socketOf(connectionOf(request))
    const own = open.get(socket)
    if (own === undefined || own.sending.length >= perConnection) {
      socket.destroy()
      return false
    }
    if (own.sending.length === 0) own.since = changes++
    const sending = { response, atMs: performance.now() }
    own.sending.push(sending)
    count++
    response.on('close', () => end(own, sending))
    if (count > requests) oldest((one) => isUnread(one.sending))?.destroy()
    return true
  }

  function end(own: Open, sending: Sending): void {
    const index = own.sending.indexOf(sending)
    if (index === -1) return
    own.sending.splice(index, 1)
    if (own.sending.length === 0) own.since = changes++
    leave(1)
  }

  /** Requests have ended. */
  function leave(ended: number): void {
    count -= ended
    if (count > 0) return
    for (const settle of waiting) settle()
    waiting = []
  }

  return {
    watch(server) {
      server.on('connection', add)
      // First of all, because many requests may arrive at once on one connection.
      const [serve] = server.listeners('request') as [RequestListener]
      server.removeAllListeners('request')
      server.on('request', (request, response) => {
        if (begin(request, response)) serve.call(server, request, response)
      })
      if ('setSecureContext' in server) watchTls(server)
      // Without this the platform would close a connection whose response has been read and that is idle now.
      server.on('timeout', (connection: object) => {
        const socket = socketOf(connection)
        const { sending = [] } = open.get(socket) ?? {}
        if (isUnread(sending) || sending.length === 0) socket.destroy()
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

/** Whether part of a response is unread, of a request that arrived before a time. */
function isUnread(sending: readonly Sending[], untilMs = Number.POSITIVE_INFINITY): boolean {
  return sending.some(({ response, atMs }) => response.writableLength > 0 && atMs < untilMs)
}

/** Whether a request over HTTP/2 that arrived before a time is incomplete. Over HTTP/1 the platform checks this. */
function isUnsent(sending: readonly Sending[], untilMs: number): boolean {
  return sending.some(({ response: { req }, atMs }) => atMs < untilMs && isOpen(req))
}

function isOpen(request: IncomingMessage): boolean {
  if (request.httpVersionMajor < 2) return false
  return (request as unknown as Http2ServerRequest).stream.state.remoteClose === 0
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/**
 * The limit of connections. It is lower where the process may open fewer files.
 * @param path the file in which Linux has the limits of the process
 */
export function connectionLimit(path = '/proc/self/limits'): number {
  const limits = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const descriptors = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  const spare = Math.min(SPARE_DESCRIPTORS, Math.floor(descriptors / 2))
  return Math.min(MAX_CONNECTIONS, descriptors - spare)
}

/**
 * Closes a server: it accepts no new connections, waits for the requests in flight, and closes all connections. The
 * platform alone would wait for connections on which nothing, or only part of a request, was sent.
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
