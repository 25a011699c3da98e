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
  /** Its requests in flight, in the order in which they came. */
  readonly sending: Sending[]
  /** The place in the order in which connections became idle or busy; one that never sent a whole request is idle too. */
  since: number
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
  // What requests over TLS know their connection by → its socket without TLS, which is there before any handshake.
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
      // Of requests that came together, the platform ends the first only.
      leave(sending.splice(0).length)
      const left = (perAddress.get(address) as number) - 1
      if (left > 0) perAddress.set(address, left)
      else perAddress.delete(address)
    })
    if (open.size > max) makeRoom(socket, own)
  }

  /**
   * The connection that is what it is for longest, of those that fit. To keep them in order would cost each request more
   * than this search costs the few that exceed a limit.
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

  /** Looks for the slow among the few that are in flight now: a timer for every request costs more than a small answer. */
  function look(): void {
    const nowMs = performance.now()
    const isLate = (sending: readonly Sending[]) =>
      isUnread(sending, nowMs - responseMs) || isUnsent(sending, nowMs - stallMs)
    for (const [socket, { sending }] of open) {
      if (isLate(sending)) socket.destroy()
      else for (const { response } of sending) if (response.writableLength > 0) timeStall(response.req)
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

/** Whether a part of one of the responses waits for the client, to a request that came before a time. */
function isUnread(sending: readonly Sending[], untilMs = Number.POSITIVE_INFINITY): boolean {
  return sending.some(({ response, atMs }) => response.writableLength > 0 && atMs < untilMs)
}

/** Whether a request over HTTP/2 that came before a time is not there whole; of HTTP/1 the platform looks after that. */
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
