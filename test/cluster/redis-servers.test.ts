import t, { type Test } from 'tap'
import { Secret } from '../../src/base/secret.ts'
import type { ClusterStore } from '../../src/cluster/store.ts'
import { freePort } from '../helpers/prometheus.ts'
import { noRedis, type RedisServer, startRedis } from '../helpers/redis-server.ts'
import {
  clusterOptions,
  glance,
  openRig,
  openStore,
  optionsOf,
  sentinelOptions,
} from '../helpers/redis-store.ts'
import { until } from '../helpers/until.ts'
import { checkStore, publication, wanted } from './contract.ts'

const SOURCES = Array.from({ length: 12 }, (_, index) => `source-${index}`)

/** Why a step fails; undefined when it does not. */
const failure = (step: Promise<unknown>) =>
  step.then(
    () => undefined,
    (error: Error) => `${error.name}: ${error.message}`,
  )

/** A primary, its replica, and a Sentinel that watches them. */
async function watched(t: Test, sentinelConfig: readonly string[] = []) {
  const [primary, replica] = [await startRedis(t), await startRedis(t)]
  await replica.command('REPLICAOF', '127.0.0.1', String(primary.port))
  await until('it is replicated', async () =>
    String(await primary.command('INFO', 'replication')).includes('state=online'),
  )
  const sentinel = await startRedis(
    t,
    [
      `sentinel monitor primary 127.0.0.1 ${primary.port} 1`,
      'sentinel down-after-milliseconds primary 500',
      'sentinel failover-timeout primary 3000',
      ...sentinelConfig,
    ],
    true,
  )
  await until('the replica is known', async () =>
    String(await sentinel.command('INFO', 'sentinel')).includes('slaves=1'),
  )
  return { primary, replica, sentinel }
}

t.test('94: behind a Sentinel a failover is followed, and what was written stays', async (t) => {
  if (noRedis(t)) return
  const { primary, replica, sentinel } = await watched(t)
  const gone = { host: '127.0.0.1' as const, port: await freePort() }
  const store = openStore(t, sentinelOptions([sentinel, { ...sentinel, ...gone }]))
  await until('it is found', () => glance(store).catch(() => undefined))
  await store.look('s', wanted('a'))
  t.equal(await store.publish('s', publication()), 'published')
  t.equal(await primary.command('WAIT', '1', '5000'), 1)
  await primary.kill()
  t.match(await failure(glance(store)), 'StoreError')
  await until('the replica takes over', () => glance(store).catch(() => undefined))
  t.equal((await store.take('s', undefined))?.generation, 1)
  t.equal(await store.publish('s', publication({ base: 1, generation: 2 })), 'published')
  t.match(String(await replica.command('INFO', 'replication')), 'role:master')
})

t.test('94: a primary that was replaced while it lives is left', async (t) => {
  if (noRedis(t)) return
  const { primary, replica, sentinel } = await watched(t, ['requirepass sesame-17'])
  const password = Secret.of('sesame-17')
  const store = openStore(t, sentinelOptions([sentinel], { password }))
  await until('it is found', () => glance(store).catch(() => undefined))
  t.match(await failure(glance(openStore(t, sentinelOptions([sentinel])))), '(NOAUTH)')
  // The Sentinel names another, and the old one knows nothing of it.
  await sentinel.command('SENTINEL', 'REMOVE', 'primary')
  await replica.command('REPLICAOF', 'NO', 'ONE')
  await sentinel.command('SENTINEL', 'MONITOR', 'primary', '127.0.0.1', String(replica.port), '1')
  await until('the new one is written to', async () => {
    await failure(store.look('s', wanted('a')))
    return (await replica.command('EXISTS', '{rollcall:s}:lease')) === 1
  })
  await primary.command('FLUSHALL')
  await store.look('s', wanted('a'))
  t.equal(await primary.command('EXISTS', '{rollcall:s}:lease'), 0)
  await replica.command('REPLICAOF', '127.0.0.1', String(primary.port))
  await until('a replica is left at once', async () =>
    (await failure(store.look('s', wanted('a'))))?.includes('(READONLY)'),
  )
  await until('and told by the next step', async () => (await failure(glance(store)))?.includes('replica'))
})

t.test('a Sentinel that knows no such primary is named', async (t) => {
  if (noRedis(t)) return
  const { sentinel } = await watched(t)
  const at = { kind: 'sentinel', master: 'other', sentinels: [{ ...sentinel, isTls: false }] } as const
  const store = openStore(t, { ...optionsOf(sentinel), at })
  const text = await failure(glance(store))
  t.match(text, `127.0.0.1:${sentinel.port}`)
  t.match(text, '"other"')
})

/** A cluster of three servers, each with a third of the slots. */
async function startCluster(t: Test): Promise<RedisServer[]> {
  const servers: RedisServer[] = []
  const buses: number[] = []
  for (let index = 0; index < 3; index++) {
    const bus = await freePort()
    buses.push(bus)
    servers.push(
      await startRedis(t, [
        'cluster-enabled yes',
        `cluster-port ${bus}`,
        'cluster-node-timeout 1000',
        'cluster-require-full-coverage no',
      ]),
    )
  }
  const ranges = [
    ['0', '5000'],
    ['5001', '10000'],
    ['10001', '16383'],
  ] as const
  const [first] = servers as [RedisServer]
  for (const [index, server] of servers.entries()) {
    await server.command('CLUSTER', 'ADDSLOTSRANGE', ...(ranges[index] as [string, string]))
    if (server !== first)
      await first.command('CLUSTER', 'MEET', server.host, String(server.port), String(buses[index]))
  }
  const isWhole = async (server: RedisServer) => {
    const info = String(await server.command('CLUSTER', 'INFO'))
    const slots = String(await server.command('CLUSTER', 'SLOTS'))
    return info.includes('cluster_state:ok') && servers.every(({ port }) => slots.includes(String(port)))
  }
  await until('the cluster is whole', async () => (await Promise.all(servers.map(isWhole))).every(Boolean))
  return servers
}

t.test('a store in a cluster', async (t) => {
  if (noRedis(t)) return
  const servers = await startCluster(t)
  t.test('does what any store does', (t) => {
    checkStore(t, async (t) => {
      await Promise.all(servers.map((server) => server.command('FLUSHALL')))
      return openRig(t, clusterOptions(servers))
    })
    t.end()
  })

  const works = (store: ClusterStore, source: string) =>
    until(`${source} works`, () => glance(store, source).catch(() => undefined))

  t.test('94: a server that dies takes its sources only, until it is back', async (t) => {
    const store = openStore(t, clusterOptions([servers[0] as RedisServer]))
    for (const source of SOURCES) await glance(store, source)
    const lost = servers[2] as RedisServer
    await lost.kill()
    const failed = await Promise.all(SOURCES.map((source) => failure(glance(store, source))))
    t.ok(failed.some((text) => text?.includes(`127.0.0.1:${lost.port}`)))
    t.ok(failed.some((text) => text === undefined))
    await lost.start()
    for (const source of SOURCES) await works(store, source)
  })

  t.test('94: slots that move to another server are followed', async (t) => {
    const store = openStore(t, clusterOptions(servers))
    await works(store, 's')
    const [slot] = [await servers[0]?.command('CLUSTER', 'KEYSLOT', '{rollcall:s}:head')]
    const ids = await Promise.all(
      servers.map(async (server) => String(await server.command('CLUSTER', 'MYID'))),
    )
    await Promise.all(servers.map((server) => server.command('FLUSHALL')))
    for (const id of ids) {
      // What is told last is right; the others learn it from each other.
      for (const server of servers) await server.command('CLUSTER', 'SETSLOT', String(slot), 'NODE', id)
      await works(store, 's')
    }
  })

  t.test('a single server that is one of a cluster says so', async (t) => {
    const store = openStore(t, optionsOf(servers[0] as RedisServer))
    const failed = await Promise.all(SOURCES.map((source) => failure(glance(store, source))))
    t.ok(failed.some((text) => text?.includes('(MOVED)')))
  })
})
