import type { Clock } from '../base/clock.ts'
import type { Secret } from '../base/secret.ts'
import { createTlsReader, type TlsOptions } from '../sources/http/client/tls.ts'
import { Refusal, storeError } from './redis-errors.ts'
import { type Access, type Address, type Command, createLink, type Link, open } from './redis-link.ts'
import { StoreError } from './store.ts'

// The client's own Sentinel and Cluster are not used: they bound no answer in time, and a connection that they are still
// making outlives them. What a store needs of both is little.

/** One server of a store, or of those that know where it is. */
export interface ServerUrl extends Address {
  readonly isTls: boolean
}

/** Where a store is, and who asks. */
export interface RedisOptions {
  readonly at:
    | { readonly kind: 'single'; readonly server: ServerUrl }
    | { readonly kind: 'sentinel'; readonly master: string; readonly sentinels: readonly ServerUrl[] }
    /** Any of its servers. */
    | { readonly kind: 'cluster'; readonly servers: readonly ServerUrl[] }
  readonly username: string | undefined
  readonly password: Secret | undefined
  readonly tls: TlsOptions | undefined
}

/** The servers of a store, wherever they are. */
export interface Servers {
  /**
   * Sends a command to the server that has the keys of a slot.
   * @param slot the hash tag of its keys; only a cluster minds
   * @throws StoreError; a Refusal when the server answered with an error
   */
  send(slot: string, command: Command, bytes: number): Promise<unknown>
  close(): void
}

/** The channel that all replicas listen to. */
export interface Channel {
  readonly name: string
  hear(message: Buffer): void
  /** A server was out of reach, or another one took its place. */
  reset(): void
}

/** How often Sentinels are asked whether the primary is still the same, in milliseconds. */
const RECHECK_MS = 2_000

/** Connects to the servers of a store, and stays connected. */
export function createServers(options: RedisOptions, channel: Channel, clock: Pick<Clock, 'after'>): Servers {
  const tls = createTlsReader(options.tls)
  const to = ({ isTls }: ServerUrl): Access => ({
    username: options.username,
    password: options.password,
    tls: isTls ? tls : undefined,
  })
  const { at } = options
  if (at.kind === 'single') {
    const link = createLink(
      { find: async () => at.server, access: to(at.server), channel, reset: channel.reset },
      clock,
    )
    return { send: (_slot, command, bytes) => link.send(command, bytes), close: link.close }
  }
  if (at.kind === 'sentinel') return createBehindSentinels(at, to, channel, clock)
  return createClustered(at.servers, to, channel, clock)
}

type To = (server: ServerUrl) => Access

/** The primary that Sentinels name. Data and Sentinels speak TLS alike. */
function createBehindSentinels(
  { master, sentinels }: { readonly master: string; readonly sentinels: readonly ServerUrl[] },
  to: To,
  channel: Channel,
  clock: Pick<Clock, 'after'>,
): Servers {
  let turn = 0
  let current: Address | undefined
  const next = () => sentinels[turn++ % sentinels.length] as ServerUrl

  async function ask(signal: AbortSignal): Promise<Address> {
    const sentinel = next()
    const access = to(sentinel)
    const anybody = { ...access, username: undefined, password: undefined }
    return askSentinel(sentinel, anybody, master, signal).catch((error) => {
      // Most Sentinels want none, and some the same.
      if (!error.message.includes('NOAUTH') || access.password === undefined) throw error
      return askSentinel(sentinel, access, master, signal)
    })
  }

  async function find(signal: AbortSignal): Promise<Address> {
    current = await ask(signal)
    return current
  }

  const link = createLink(
    { find, access: to(sentinels[0] as ServerUrl), channel, reset: channel.reset },
    clock,
  )
  const closing = new AbortController()

  /** How many Sentinels in a row named another primary; one that is cut off may name the old one. */
  let doubts = 0
  const enough = Math.min(2, sentinels.length)

  /** A primary that was replaced may live on, alone, and take what is lost when it comes back. */
  async function recheck(): Promise<void> {
    const before = current
    const attempt = AbortSignal.any([closing.signal, AbortSignal.timeout(RECHECK_MS)])
    const named = await ask(attempt).catch(() => before)
    const isOther =
      before !== undefined && before === current && named !== undefined && !isSame(named, before)
    doubts = isOther ? doubts + 1 : 0
    if (doubts === enough) link.restart('the Sentinels name another primary by now')
    if (!closing.signal.aborted) cancel = clock.after(RECHECK_MS, recheck)
  }
  let cancel = clock.after(RECHECK_MS, recheck)

  return {
    async send(_slot, command, bytes) {
      try {
        return await link.send(command, bytes)
      } catch (error) {
        if (error instanceof Refusal && error.is('READONLY')) link.restart('it is a replica by now')
        throw error
      }
    },
    close() {
      closing.abort()
      cancel()
      link.close()
    },
  }
}

const isSame = (a: Address, b: Address) => a.host === b.host && a.port === b.port

/** Asks one Sentinel where the primary is. */
async function askSentinel(
  sentinel: ServerUrl,
  access: Access,
  master: string,
  signal: AbortSignal,
): Promise<Address> {
  const where = `${sentinel.host}:${sentinel.port}`
  const done = new AbortController()
  async function ask(): Promise<Address> {
    const { client } = await open(sentinel, { access }, AbortSignal.any([signal, done.signal]))
    const answer = await client.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master])
    const [, host, port] = /^(\S+) (\d{1,5})$/.exec(Array.isArray(answer) ? answer.join(' ') : '') ?? []
    if (host !== undefined) return { host, port: Number(port) }
    throw new StoreError(`the Sentinel at ${where} knows no ${JSON.stringify(master)}; check sentinel.master`)
  }
  return ask()
    .catch((error) => Promise.reject(storeError(error, `${where} (a Sentinel)`)))
    .finally(() => done.abort())
}

/** As many redirections are followed. */
const MAX_MOVES = 3

/** A cluster: any server says which one has a key, and that is remembered until it is wrong. */
function createClustered(
  servers: readonly ServerUrl[],
  to: To,
  channel: Channel,
  clock: Pick<Clock, 'after'>,
): Servers {
  const access = to(servers[0] as ServerUrl)
  let turn = 0
  const find = async () => servers[turn++ % servers.length] as ServerUrl
  const { reset } = channel
  const base = createLink({ find, access, channel, reset }, clock)
  const links = new Map<string, Link>()
  /** Where the keys of a slot are. */
  const places = new Map<string, string>()

  function linkTo(place: string): Link {
    const known = links.get(place)
    if (known !== undefined) return known
    const colon = place.lastIndexOf(':')
    const address = { host: place.slice(0, colon), port: Number(place.slice(colon + 1)) }
    const link = createLink({ find: async () => address, access, reset }, clock)
    links.set(place, link)
    return link
  }

  /** The next try asks any server. */
  function forget(place: string): void {
    for (const [slot, known] of places) if (known === place) places.delete(slot)
    links.get(place)?.close()
    links.delete(place)
    reset()
  }

  async function send(slot: string, command: Command, bytes: number, moves = 0): Promise<unknown> {
    const place = places.get(slot)
    const link = place === undefined ? base : linkTo(place)
    try {
      return await link.send(command, bytes)
    } catch (error) {
      const isRefusal = error instanceof Refusal
      if (place !== undefined && !isRefusal) forget(place)
      const moved = isRefusal ? error.movedTo : undefined
      if (moved === undefined || moves === MAX_MOVES) throw error
      places.set(slot, moved)
      return send(slot, command, bytes, moves + 1)
    }
  }

  return {
    send,
    close() {
      base.close()
      for (const link of links.values()) link.close()
    },
  }
}
