import type { Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { createRedisStore, type RedisStoreOptions } from '../../src/cluster/redis.ts'
import type { ClusterStore } from '../../src/cluster/store.ts'
import type { Rig } from '../cluster/contract.ts'
import type { RedisServer } from './redis-server.ts'
import { until } from './until.ts'

const urlOf = ({ host, port }: Pick<RedisServer, 'host' | 'port'>) => ({ host, port, isTls: false })

/** The options of a store in one server. */
export function optionsOf(
  server: Pick<RedisServer, 'host' | 'port'>,
  change: Partial<RedisStoreOptions> = {},
): RedisStoreOptions {
  const at = { kind: 'single', server: urlOf(server) } as const
  return { at, username: undefined, password: undefined, tls: undefined, keyPrefix: 'rollcall', ...change }
}

/** The options of a store behind Sentinels. */
export const sentinelOptions = (sentinels: readonly RedisServer[], change: Partial<RedisStoreOptions> = {}) =>
  optionsOf(sentinels[0] as RedisServer, {
    at: { kind: 'sentinel', master: 'primary', sentinels: sentinels.map(urlOf) },
    ...change,
  })

/** The options of a store in a cluster. */
export const clusterOptions = (servers: readonly RedisServer[]) =>
  optionsOf(servers[0] as RedisServer, { at: { kind: 'cluster', servers: servers.map(urlOf) } })

/** A store that the end of the test closes. */
export function openStore(t: Test, options: RedisStoreOptions): ClusterStore {
  const store = createRedisStore(options, { clock: systemClock })
  t.teardown(() => store.close())
  return store
}

/** Looks without wanting anything. */
export const glance = (store: ClusterStore, source = 's') =>
  store.look(source, { replicaId: 'nobody', replicaName: 'nobody', isWanted: false, forMs: 1 })

/** Two replicas that are connected to one store. */
export async function openRig(t: Test, options: RedisStoreOptions): Promise<Rig> {
  const [a, b] = [openStore(t, options), openStore(t, options)]
  await Promise.all([glance(a), glance(b)])
  async function pass(ms: number): Promise<void> {
    const then = (await glance(a)).timeMs + ms
    await until('time went by', async () => (await glance(a)).timeMs >= then, { everyMs: 10 })
  }
  return { a, b, pass }
}
