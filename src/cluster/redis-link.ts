import { createClient, RESP_TYPES } from 'redis'
import type { Clock } from '../base/clock.ts'
import { within } from '../base/deadline.ts'
import type { Secret } from '../base/secret.ts'
import type { TlsConnection } from '../sources/http/client/tls.ts'
import { storeError } from './redis-errors.ts'
import { StoreError } from './store.ts'

// `redis` is the client that Redis itself maintains: it has no dependencies but its own parts, speaks RESP 3 (messages
// on the connection of commands), and is told in which connection it is to fail.

/** Where a server listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Who asks, and over what. */
export interface Access {
  readonly username: string | undefined
  /** Read at each connection. */
  readonly password: Secret | undefined
  /** Certificates, read at each connection; undefined: no TLS. */
  readonly tls: (() => Promise<TlsConnection>) | undefined
}

/** What stands between a store and one server at a time. */
export interface Link {
  /**
   * Sends one command. It is rejected at once while there is no connection, unless the first is still being made.
   * @param bytes about how many go to and fro
   * @throws StoreError; a Refusal when the server answered with an error
   */
  send(command: Command, bytes: number): Promise<unknown>
  /** Ends the connection, so that the server is looked for again. */
  restart(why: string): void
  /** Ends everything at once, also while it connects. */
  close(): void
}

/** A command and its arguments. */
export type Command = (string | Buffer)[]

/** What a link needs to know. */
export interface LinkOptions {
  /** Says where the server is: asked before each connection. */
  find(signal: AbortSignal): Promise<Address>
  readonly access: Access
  /** What is listened to; undefined: nothing. */
  readonly channel?: { readonly name: string; hear(message: Buffer): void }
  /** Called when a connection is made after another was lost: the last writes may be too. */
  reset(): void
}

/** The deadline of a connection, and of a command that is small, in milliseconds. */
const DEADLINE_MS = 2_000

/** The deadline of a command that is large, or waits for one, without the time that its bytes take. */
const LARGE_DEADLINE_MS = 5_000

/** More bytes than these are large. */
const LARGE_BYTES = 2 ** 20

/** The slowest way to a store, in bytes a millisecond. */
const LEAST_SPEED = 1_000

/** How long the next try waits, in milliseconds. */
const BACKOFF_MS = [20, 50, 100, 200, 400, 800, 1_000] as const

type Client = Awaited<ReturnType<typeof open>>['client']

/** One connection, from the first try to its end; aborted with why it ended. */
type Session = AbortController & { client?: Client }

/** Keeps one connection, and makes another whenever it is lost, for ever. */
export function createLink(options: LinkOptions, clock: Pick<Clock, 'after'>): Link {
  let session: Session = new AbortController()
  let where = 'the address that is looked for'
  let fault: StoreError | undefined
  let bytesUnderWay = 0
  let isClosed = false
  let connections = 0
  let wake: (() => void) | undefined
  let tried!: () => void
  const first = new Promise<void>((resolve) => {
    tried = resolve
  })

  async function connect(signal: AbortSignal) {
    const address = await options.find(signal)
    where = `${address.host}:${address.port}`
    return open(address, options, signal)
  }

  /** @returns why it ended */
  async function keepOne(own: Session, connected: () => void): Promise<unknown> {
    try {
      const opened = await within(DEADLINE_MS, 'connecting', clock, connect(own.signal))
      own.client = opened.client
      connected()
      return await opened.ended
    } catch (error) {
      return error
    }
  }

  async function keep(): Promise<void> {
    for (let failures = 0; !isClosed; failures++) {
      session = new AbortController()
      const cause = await keepOne(session, () => {
        failures = 0
        tried()
        if (connections++ > 0) options.reset()
      })
      fault = storeError(session.signal.reason ?? cause, where)
      session.abort(fault)
      tried()
      if (!isClosed) await pause(BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)] as number)
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.after(ms, resolve)
      wake = () => {
        cancel()
        resolve()
      }
    })
  }

  const restart = (why: string) => session.abort(new StoreError(why))

  async function issue(command: Command): Promise<unknown> {
    await first
    const { client, signal } = session
    if (client === undefined || signal.aborted) throw signal.reason ?? fault
    try {
      return await client.sendCommand(command)
    } catch (error) {
      throw storeError(signal.reason ?? error, where)
    }
  }

  async function send(command: Command, bytes: number): Promise<unknown> {
    bytesUnderWay += bytes
    const ms =
      bytesUnderWay < LARGE_BYTES ? DEADLINE_MS : LARGE_DEADLINE_MS + Math.ceil(bytesUnderWay / LEAST_SPEED)
    let isAnswered = false
    const answer = issue(command).finally(() => {
      isAnswered = true
      bytesUnderWay -= bytes
    })
    try {
      return await within(ms, 'answering', clock, answer)
    } catch (error) {
      if (isAnswered) throw error
      const late = `the store at ${where} did not answer within ${ms / 1000} s; look whether it hangs, and at the network`
      // What waits there would only grow.
      restart(late)
      throw new StoreError(late)
    }
  }

  keep()
  return {
    send,
    restart,
    close() {
      isClosed = true
      fault = new StoreError('the store was closed by this process')
      session.abort(fault)
      wake?.()
    },
  }
}

/** Makes one connection; it ends with the signal, whatever it is at. */
export async function open(
  address: Address,
  { access, channel }: Omit<LinkOptions, 'find' | 'reset'>,
  signal: AbortSignal,
) {
  const { tls, password, username } = access
  const [secure, revealed] = await Promise.all([tls?.(), password?.reveal()])
  signal.throwIfAborted()
  const client = createClient({
    socket: {
      ...address,
      // The client forgets a socket that is not connected yet.
      signal,
      connectTimeout: DEADLINE_MS,
      reconnectStrategy: false,
      ...(secure !== undefined && { ...secure, tls: true as const }),
    },
    ...(revealed !== undefined && { username: username ?? 'default', password: revealed }),
    name: 'rollcall',
    RESP: 3,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    commandOptions: { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  })
  const ended = new Promise<unknown>((resolve) => {
    client.on('error', resolve).on('end', () => resolve(new Error('the connection ended')))
  })
  signal.addEventListener('abort', () => client.destroy(), { once: true })
  const failed = ended.then((cause) => Promise.reject(cause))
  const made = client.connect()
  await Promise.race([made, failed])
  if (channel !== undefined) await Promise.race([client.subscribe(channel.name, channel.hear, true), failed])
  return { client, ended }
}
