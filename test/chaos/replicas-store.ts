import { type RedisServer, startRedis } from '../helpers/redis-server.ts'
import type { Scope } from '../helpers/scope.ts'
import { until } from '../helpers/until.ts'

/** The name by which the Sentinel knows the primary. */
export const MASTER = 'primary'

/** Two servers of Redis, of which one is the primary, and the Sentinel that says which. */
export interface WatchedStore {
  readonly sentinel: RedisServer
  /** The ports of both servers. */
  readonly ports: readonly number[]
  /** Kills the server that the Sentinel takes for the primary. */
  killPrimary(): Promise<void>
  /** Starts what was killed. What was not on disk is lost. */
  start(): Promise<void>
  pausePrimary(): Promise<void>
  resume(): void
  /** Empties the primary, and with it the replica. */
  flush(): Promise<void>
  /** Makes the replica the primary. */
  failover(): Promise<void>
  isWhole(): boolean
  /** Waits until there is a primary that is reached, and its replica. */
  settled(): Promise<void>
}

/** A command to a server that is gone would wait; it may fail after so long, in milliseconds. */
const COMMAND_MS = 1_000

/** Starts them; the end of the scope ends them. */
export async function startWatchedStore(scope: Scope): Promise<WatchedStore> {
  const servers = [await startRedis(scope), await startRedis(scope)] as const
  const [first, second] = servers
  await second.command('REPLICAOF', first.host, String(first.port))
  const sentinel = await startRedis(
    scope,
    [
      `sentinel monitor ${MASTER} ${first.host} ${first.port} 1`,
      `sentinel down-after-milliseconds ${MASTER} 500`,
      `sentinel failover-timeout ${MASTER} 3000`,
    ],
    true,
  )
  const down = new Set<RedisServer>()
  const paused = new Set<RedisServer>()
  const isThere = (server: RedisServer) => !down.has(server) && !paused.has(server)

  const ask = (server: RedisServer, ...words: string[]) =>
    Promise.race([
      server.command(...words),
      new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Error(`${words[0]} took too long`)), COMMAND_MS).unref()
      }),
    ])

  async function primary(): Promise<RedisServer> {
    const [, port] = (await ask(sentinel, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER)) as string[]
    return servers.find((server) => server.port === Number(port)) as RedisServer
  }

  return {
    sentinel,
    ports: servers.map(({ port }) => port),
    async killPrimary() {
      const server = await primary()
      if (!isThere(server)) return
      down.add(server)
      await server.kill()
    },
    async start() {
      for (const server of down) {
        await server.start()
        down.delete(server)
      }
    },
    async pausePrimary() {
      const server = await primary()
      if (!isThere(server)) return
      paused.add(server)
      server.signal('SIGSTOP')
    },
    resume() {
      for (const server of paused) server.signal('SIGCONT')
      paused.clear()
    },
    async flush() {
      const server = await primary()
      if (isThere(server)) await ask(server, 'FLUSHALL').catch(() => {})
    },
    async failover() {
      // It is refused while there is no replica, or one is under way.
      await ask(sentinel, 'SENTINEL', 'FAILOVER', MASTER).catch(() => {})
    },
    isWhole: () => servers.every(isThere),
    settled: () =>
      until('the store has a primary and its replica', async () => {
        const one = await primary()
        const info = String(await ask(one, 'INFO', 'replication'))
        return info.includes('role:master') && info.includes('state=online') && true
      }).then(() => {}),
  }
}
