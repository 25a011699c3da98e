import t, { type Test } from 'tap'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { noRedis, startRedis } from '../helpers/redis-server.ts'
import { createReplicas, LIST_SOURCE, type Replica } from '../helpers/replicas.ts'
import { until } from '../helpers/until.ts'

/** Hosts that are in the inventory at first. */
const HOSTS = Array.from({ length: 12 }, (_, index) => `host-${index}`)

/** What a replica answers, as JSON. */
async function asked({ url }: Replica, path: string): Promise<Record<string, unknown>> {
  return (await (await fetch(url + path)).json()) as Record<string, unknown>
}

const eventsOf = (replica: Replica, target: string) =>
  asked(replica, `/api/v1/changes?target=${target}`) as Promise<{ events: { why: string; at: string }[] }>

/** Replicas that read an inventory each second, and share a real store. */
async function rig(t: Test) {
  const redis = await startRedis(t)
  const inventory = await inventoryServer(t, HOSTS)
  const replicas = await createReplicas(t, ['a', 'b', 'c'], {
    redis: () => `{ url: "redis://127.0.0.1:${redis.port}" }`,
    inventory: () => inventory.url.href,
    refreshInterval: '1s',
    ttl: '15s',
  })
  return { redis, inventory, replicas: replicas as [Replica, Replica, Replica] }
}

t.test('three replicas say the same of a target that left, also one that started later', async (t) => {
  if (noRedis(t)) return
  const { redis, inventory, replicas } = await rig(t)
  const [a, b, c] = replicas
  await Promise.all([a.start(), b.start()])
  await until('it is served', async () => (await fetch(`${a.url}/targets/${LIST_SOURCE}`)).status === 200)
  inventory.json(HOSTS.slice(1))
  const left = await until('it has left', async () => {
    const { events } = await eventsOf(a, 'host-0')
    return events.length > 0 && events
  })
  t.match(left, [{ kind: 'left', address: 'host-0:9100', source: LIST_SOURCE }])
  t.match(left[0]?.why, /^the inventory lacked it for \d+ readings, since 20\S+Z$/)
  await c.start()
  const wanted = await eventsOf(a, 'host-0')
  for (const replica of [b, c]) {
    await until('it knows too', async () => (await eventsOf(replica, 'host-0')).events.length > 0)
    t.same(await eventsOf(replica, 'host-0'), wanted, replica.name)
  }
  const { verdict } = (await asked(c, '/api/v1/explain?q=host-0')) as { verdict: string }
  t.ok(verdict.includes(`host-0:9100 of ${LIST_SOURCE} left `), verdict)
  t.ok(verdict.includes(`at ${left[0]?.at}: ${left[0]?.why}`), verdict)

  // Once more after restarts, of one with what it kept and one without, and after the reader is gone.
  const all = await asked(a, '/api/v1/changes?since=1h')
  await Promise.all([a.kill(), c.kill()])
  c.loseDisk()
  await Promise.all([a.start(), c.start()])
  for (const replica of replicas) {
    await until('it knows as much', async () => {
      const now = await asked(replica, '/api/v1/changes?since=1h')
      return JSON.stringify(now) === JSON.stringify(all)
    })
  }
  t.same(await eventsOf(c, 'host-0'), wanted)

  // What was in the store is lost; what each replica has is not.
  await redis.command('FLUSHALL')
  inventory.json(HOSTS.slice(2))
  await until('the next one has left', async () =>
    (await eventsOf(c, 'host-1')).events.some(({ why }) => /lacked it/.test(why)),
  )
  const next = await eventsOf(c, 'host-1')
  for (const replica of replicas) {
    await until(
      'it knows too',
      async () => (await eventsOf(replica, 'host-1')).events.length === next.events.length,
    )
    t.same(await eventsOf(replica, 'host-1'), next, replica.name)
    t.same((await eventsOf(replica, 'host-0')).events[0], wanted.events[0], 'and what was before')
  }
})

t.test('something else under the key of the events costs no target', async (t) => {
  if (noRedis(t)) return
  const { redis, inventory, replicas } = await rig(t)
  const [a, b] = replicas
  await redis.command('SET', `{rollcall:${LIST_SOURCE}}:events`, 'of somebody else')
  await Promise.all([a.start(), b.start()])
  for (const replica of [a, b]) {
    await until(
      'it is served',
      async () => (await fetch(`${replica.url}/targets/${LIST_SOURCE}`)).status === 200,
    )
  }
  inventory.json([...HOSTS, 'host-new'])
  for (const replica of [a, b]) {
    const events = await until('it has joined', async () => {
      const { events } = await eventsOf(replica, 'host-new')
      return events.length > 0 && events
    })
    t.match(events, [{ kind: 'joined', address: 'host-new:9100' }])
  }
  // An entry that Rollcall did not write is in the way of others, and that is said.
  const key = `{rollcall:${LIST_SOURCE}}:events`
  await redis.command('DEL', key)
  await redis.command('XADD', key, '*', 'some', 'field')
  await until('it is said', async () => {
    const { cluster } = (await asked(b, '/health')) as { cluster: { store: string } }
    return cluster.store.includes(key)
  })
  t.equal((await fetch(`${b.url}/targets/${LIST_SOURCE}`)).status, 200)
})
