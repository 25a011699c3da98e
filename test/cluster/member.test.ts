import { createHmac } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import t from 'tap'
import { createCluster, hasItsShare, nextStep } from '../../src/cluster/member.ts'
import { createReplicas, GUARD, INTERVAL_MS } from '../simulation/replicas.ts'

/** Always the same. */
const middle = { int: (below: number) => Math.floor(below / 2) }

async function started(names = ['one', 'two', 'three'], sources = ['sensors']) {
  const world = createReplicas(names, sources, middle)
  for (const { devices } of world.inventories.values())
    for (let index = 0; index < 20; index++) devices.add(`sensor-${index}`)
  for (const replica of world.replicas) await replica.boot()
  await world.pass(15_000)
  return world
}

const devicesOf = (world: Awaited<ReturnType<typeof started>>, source = 'sensors') =>
  (world.inventories.get(source) as { devices: Set<string> }).devices

const counts = (world: Awaited<ReturnType<typeof started>>, source = 'sensors') =>
  world.replicas.map((replica) => world.servedBy(replica, source)?.size)

const readers = (world: Awaited<ReturnType<typeof started>>, source = 'sensors') =>
  world.replicas.filter(({ cluster }) => cluster.statusOf(source)?.isReader).map(({ name }) => name)

t.test('one replica reads, and all serve the same bytes', async (t) => {
  const world = await started()
  t.same(counts(world), [20, 20, 20])
  t.equal(readers(world).length, 1)
  world.assertAlike()
  devicesOf(world).add('sensor-20')
  await world.pass(INTERVAL_MS * 1.2)
  t.same(counts(world), [21, 21, 21])
  world.assertAlike()
  devicesOf(world).delete('sensor-3')
  await world.pass(INTERVAL_MS * 2)
  t.same(counts(world), [20, 20, 20])
  world.assertAlike()
})

t.test('93: the reader dies, and another one goes on', async (t) => {
  const world = await started()
  const [name] = readers(world)
  const reader = world.replicas.find((one) => one.name === name)
  reader?.kill()
  devicesOf(world).add('sensor-20')
  await world.pass(INTERVAL_MS * 2)
  t.same(
    world.replicas.filter(({ isAlive }) => isAlive).map((one) => world.servedBy(one, 'sensors')?.size),
    [21, 21],
  )
})

t.test('93: a reader that stands still for a minute publishes nothing when it goes on', async (t) => {
  const world = await started()
  const [name] = readers(world)
  const reader = world.replicas.find((one) => one.name === name)
  reader?.pause()
  devicesOf(world).add('sensor-20')
  await world.pass(60_000)
  t.equal(world.servedBy(reader as never, 'sensors')?.size, 20)
  const others = world.replicas.filter((one) => one !== reader)
  t.same(
    others.map((one) => world.servedBy(one, 'sensors')?.size),
    [21, 21],
  )
  const [before] = others.map(({ cluster }) => cluster.statusOf('sensors')?.generation ?? 0)
  reader?.resume()
  await world.pass(3_000)
  t.same(counts(world), [21, 21, 21])
  t.ok((reader?.cluster.statusOf('sensors')?.generation ?? 0) >= (before as number))
  t.equal(reader?.cluster.statusOf('sensors')?.isReader, false)
  world.assertAlike()
})

t.test('94: a store that is flushed, or restored from yesterday, costs no target', async (t) => {
  const world = await started()
  const backup = world.shared.backup()
  for (let index = 20; index < 30; index++) devicesOf(world).add(`sensor-${index}`)
  await world.pass(INTERVAL_MS * 1.2)
  t.same(counts(world), [30, 30, 30])
  for (const harm of [() => world.shared.flush(), () => world.shared.restore(backup)]) {
    harm()
    world.disturb()
    await world.pass(4_000)
    t.same(counts(world), [30, 30, 30])
    world.assertAlike()
    const stored = await world.shared.connect().take('sensors', undefined)
    t.equal(stored?.digest, world.replicas[0]?.store.get('sensors')?.snapshot?.digest)
  }
})

t.test('95: who is cut off from the store reads on its own, and what it saw is united', async (t) => {
  const world = await started()
  const reader = world.replicas.find((one) => one.name === readers(world)[0])
  const cut = world.replicas.find((one) => one !== reader) as (typeof world.replicas)[number]
  cut.link.isCutThere = true
  // The others see the inventory no more; the one that is cut off from them does.
  for (const one of world.replicas) one.isBlind = one !== cut
  devicesOf(world).add('sensor-20')
  await world.pass(60_000)
  t.equal(world.servedBy(cut, 'sensors')?.size, 21)
  t.equal(cut.cluster.statusOf('sensors')?.isDetached, true)
  t.match(cut.cluster.status().failure, /took too long/)
  t.same(cut.supervisor.outdated(), [])
  t.same(reader?.supervisor.outdated(), [])
  cut.link.isCutThere = false
  await world.pass(5_000)
  t.same(counts(world), [21, 21, 21])
  world.assertAlike()
  await world.pass(120_000)
  t.same(readers(world), [cut.name], 'who sees the inventory reads it')
})

t.test(
  '95: what only one of two saw, cut off from each other, is served by both, until it is proven gone',
  async (t) => {
    const world = await started(['one', 'two'])
    const reader = world.replicas.find(
      (one) => one.name === readers(world)[0],
    ) as (typeof world.replicas)[number]
    const cut = world.replicas.find((one) => one !== reader) as (typeof world.replicas)[number]
    cut.link.isCutBack = true
    reader.isBlind = true
    devicesOf(world).add('only-cut')
    await world.pass(60_000)
    t.equal(world.servedBy(cut, 'sensors')?.has('only-cut:9100'), true)
    cut.isBlind = true
    reader.isBlind = false
    devicesOf(world).delete('only-cut')
    devicesOf(world).add('only-reader')
    await world.pass(60_000)
    t.equal(world.servedBy(reader, 'sensors')?.has('only-reader:9100'), true)
    cut.link.isCutBack = false
    await world.pass(4_000)
    for (const replica of [cut, reader]) {
      const served = world.servedBy(replica, 'sensors')
      t.same([served?.size, served?.has('only-cut:9100'), served?.has('only-reader:9100')], [22, true, true])
    }
    world.assertAlike()
    await world.pass(INTERVAL_MS * 3)
    t.same(counts(world), [21, 21])
    world.assertFresh()
  },
)

t.test('reloads: a source that changes stays shared, and one that goes is given back', async (t) => {
  const world = await started(['one', 'two'], ['sensors', 'others'])
  await world.pass(20_000)
  const reader = world.replicas.find(
    (one) => one.name === readers(world)[0],
  ) as (typeof world.replicas)[number]
  const other = world.replicas.find((one) => one !== reader) as (typeof world.replicas)[number]
  const changed = { ...world.settingsOf('sensors'), fingerprint: 'changed' }
  const applying = reader.supervisor.apply([changed, world.settingsOf('others')], GUARD)
  await world.pass(2_000)
  t.match(await applying, { changed: ['sensors'] })
  devicesOf(world).add('sensor-20')
  await world.pass(INTERVAL_MS * 2)
  t.same(counts(world), [21, 21])
  t.same(readers(world), [reader.name])
  const removing = reader.supervisor.apply([world.settingsOf('others')], GUARD)
  await world.pass(2_000)
  t.match(await removing, { removed: ['sensors'] })
  t.equal(reader.cluster.statusOf('sensors'), undefined)
  await world.pass(5_000)
  t.equal(other.cluster.statusOf('sensors')?.isReader, true)
  const adding = reader.supervisor.apply([world.settingsOf('sensors'), world.settingsOf('others')], GUARD)
  await world.pass(2_000)
  t.match(await adding, { added: ['sensors'] })
  devicesOf(world).add('sensor-21')
  await world.pass(INTERVAL_MS * 2)
  t.same(counts(world), [22, 22])
  world.assertAlike()
})

t.test('a reload that replaces the only source looks at the store no more often', async (t) => {
  let meetings = 0
  const world = createReplicas(['one'], ['a', 'b'], middle, (options, deps) =>
    createCluster(options, {
      ...deps,
      store: {
        ...deps.store,
        meet(...given) {
          meetings++
          return deps.store.meet(...given)
        },
      },
    }),
  )
  const [one] = world.replicas
  await one?.boot()
  await world.pass(5_000)
  for (const name of ['a', 'b', 'a', 'b']) {
    const applied = one?.supervisor.apply([world.settingsOf(name)], GUARD)
    await world.pass(2_000)
    await applied
    const none = one?.supervisor.apply([], GUARD)
    await world.pass(2_000)
    await none
  }
  meetings = 0
  await world.pass(10_000)
  t.ok(meetings >= 9 && meetings <= 11, `${meetings} in ten seconds`)
})

t.test('94: what one replica made on its own is published when the store is back', async (t) => {
  const world = await started(['one', 'two'])
  world.fail('simulated')
  world.replicas[1]?.kill()
  devicesOf(world).add('sensor-20')
  await world.pass(INTERVAL_MS * 2)
  t.equal(counts(world)[0], 21)
  t.match(world.replicas[0]?.cluster.statusOf('sensors'), { isDetached: true, isReader: true })
  world.fail(undefined)
  await world.pass(3_000)
  t.match(world.replicas[0]?.cluster.statusOf('sensors'), { isDetached: false, isReader: true })
  await world.replicas[1]?.boot()
  await world.pass(3_000)
  t.same(counts(world), [21, 21])
  world.assertAlike()
})

t.test('94: a replica that lags behind when the store is flushed takes nobody back', async (t) => {
  const world = await started(['one', 'two', 'three'])
  const reader = world.replicas.find(
    (one) => one.name === readers(world)[0],
  ) as (typeof world.replicas)[number]
  const [slow, other] = world.replicas.filter((one) => one !== reader) as (typeof world.replicas)[number][]
  if (slow === undefined || other === undefined) return
  slow.pause()
  devicesOf(world).add('sensor-20')
  await world.pass(INTERVAL_MS * 1.2)
  // The one that lags is the first to see that the store is empty.
  for (const one of [reader, other]) one.pause()
  world.shared.flush()
  world.disturb()
  slow.isBlind = true
  slow.resume()
  await world.pass(2_000)
  for (const one of [reader, other]) one.resume()
  await world.pass(5_000)
  t.same(counts(world), [21, 21, 21])
  world.assertAlike()
})

t.test(
  '94: a replica that began with nothing is not first at an empty store at the cost of others',
  async (t) => {
    const world = await started(['one', 'two', 'three'])
    const fresh = world.replicas[2] as (typeof world.replicas)[number]
    const others = world.replicas.filter((one) => one !== fresh)
    fresh.lose()
    world.fail('simulated')
    for (const one of others) one.isBlind = true
    // Its first reading lacks one, which it cannot know.
    world.inventories.get('sensors')?.lies.push(new Set(['sensor-3']))
    await fresh.boot()
    await world.pass(14_000)
    t.same(counts(world), [20, 20, 19])
    fresh.isBlind = true
    for (const one of others) one.pause()
    world.shared.flush()
    world.fail(undefined)
    await world.pass(3_000)
    t.equal(fresh.cluster.statusOf('sensors')?.isDetached, false, 'its list is the first in the store')
    for (const one of others) one.resume()
    await world.pass(5_000)
    t.same(counts(world), [20, 20, 20])
    world.assertAlike()
  },
)

t.test('94: who replaces a damaged list does not have what others took of it', async (t) => {
  const world = await started()
  const reader = world.replicas.find((one) => one.name === readers(world)[0])
  const [slow, other] = world.replicas.filter((one) => one !== reader) as (typeof world.replicas)[number][]
  if (slow === undefined || other === undefined) return
  slow.pause()
  devicesOf(world).add('sensor-20')
  await world.pass(INTERVAL_MS * 1.2)
  t.equal(world.servedBy(other, 'sensors')?.size, 21)
  reader?.kill()
  other.pause()
  const { tables } = world.shared.backup()
  const stored = tables.heads.get('sensors') as object
  const heads = new Map([['sensors', { ...stored, head: Buffer.from('damaged') }]])
  world.shared.restore({ tables: { ...tables, heads } })
  slow.isBlind = true
  slow.resume()
  await world.pass(15_000)
  t.equal(slow.cluster.statusOf('sensors')?.isReader, true)
  t.equal(world.servedBy(slow, 'sensors')?.size, 20)
  other.resume()
  await world.pass(5_000)
  for (const one of [slow, other]) t.equal(world.servedBy(one, 'sensors')?.size, 21)
})

t.test('95: who reaches neither the store nor the inventory knows that its list is old', async (t) => {
  const world = await started()
  const [one] = world.replicas
  if (one === undefined) return
  one.link.isCutThere = true
  one.isBlind = true
  await world.pass(120_000)
  t.same(one.supervisor.outdated(), ['sensors'])
  t.same(counts(world), [20, 20, 20])
  const [, other] = world.replicas
  t.same(other?.supervisor.outdated(), [])
})

t.test('95: who could not publish, and reads no more, can use the store again', async (t) => {
  const world = await started()
  const reader = world.replicas.find(
    (one) => one.name === readers(world)[0],
  ) as (typeof world.replicas)[number]
  reader.link.isCutThere = true
  devicesOf(world).add('sensor-20')
  await world.pass(60_000)
  t.match(reader.cluster.status().failure, /took too long/)
  reader.link.isCutThere = false
  await world.pass(5_000)
  t.equal(reader.cluster.statusOf('sensors')?.isReader, false)
  t.equal(reader.cluster.status().failure, undefined)
})

t.test('96: clocks that are an hour apart change nothing', async (t) => {
  const world = await started()
  const [one, two] = world.replicas
  if (one === undefined || two === undefined) return
  one.skewMs = 3_600_000
  two.skewMs = -3_600_000
  devicesOf(world).add('sensor-20')
  await world.pass(INTERVAL_MS * 1.2)
  t.same(counts(world), [21, 21, 21])
  world.assertAlike()
  const ages = world.replicas.map(({ store }) => {
    const at = store.get('sensors')?.status.lastSuccess?.monotonicMs ?? 0
    return Math.round((world.clock.monotonic() - at) / 1_000)
  })
  t.equal(new Set(ages).size, 1, `ages ${ages}`)
  const changed = world.replicas.map(({ store }) => store.get('sensors')?.snapshot?.changedAtMs)
  t.equal(new Set(changed).size, 1)
})

t.test(
  '97: a rolling replacement: each new replica serves the newest list before anything else',
  async (t) => {
    const world = await started()
    for (const replica of world.replicas) {
      const stopped = replica.stop()
      await world.pass(1_000)
      await stopped
      replica.lose()
      await replica.boot()
      await world.pass(300)
      t.equal(world.servedBy(replica, 'sensors')?.size, 20, replica.name)
      await world.pass(3_000)
      world.assertAlike()
      t.equal(readers(world).length, 1)
    }
  },
)

t.test('what an operator asks of any replica reaches the one that reads', async (t) => {
  const world = await started()
  const name = readers(world)[0]
  const follower = world.replicas.find((one) => one.name !== name) as (typeof world.replicas)[number]
  const asked = async <Answer>(work: Promise<Answer>, ms = 1_000) => {
    await world.pass(ms)
    return work
  }
  const refresh = (ms?: number) => asked(follower.supervisor.refresh('sensors'), ms)
  t.match(await refresh(), [{ result: 'unchanged', targets: 20 }])
  devicesOf(world).add('sensor-20')
  t.match(await refresh(), [{ result: 'changed', targets: 21 }])
  t.equal(world.servedBy(follower, 'sensors')?.size, 21)

  for (const one of world.replicas) one.isBlind = true
  t.match(await refresh(), [
    { result: 'failed', targets: 21, error: { message: new RegExp(`replica ${name}`) } },
  ])
  for (const one of world.replicas) one.isBlind = false

  const accept = { kind: 'accept', source: 'sensors', digest: 'f'.repeat(64) } as const
  t.match(await asked(follower.cluster.ask(accept)), { result: 'failed', why: /holds no such targets/ })
  t.equal(await follower.cluster.ask({ kind: 'refresh', source: 'other' }), undefined)

  follower.link.isCutThere = true
  t.match(await refresh(3_000), [{ result: 'failed', error: { message: /took too long/ } }])
  follower.link.isCutThere = false
  await world.pass(3_000)
  const reader = world.replicas.find((one) => one.name === name)
  reader?.pause()
  t.match(await refresh(16_000), [{ result: 'failed', error: { message: /nothing came of it in time/ } }])
})

t.test('98: what a newer version stored is not served, and not replaced', async (t) => {
  const world = await started(['one', 'two'])
  const store = world.shared.connect()
  const stored = await store.take('sensors', undefined)
  if (stored === undefined) return
  const text = stored.head.subarray(32).toString('latin1').replace('"format":1', '"format":2')
  const said = Buffer.from(text, 'latin1')
  const mac = createHmac('sha256', 'a key').update('sensors\n').update(said).digest()
  const generation = stored.generation + 1
  const head = Buffer.concat([mac, said])
  const newer = { ...stored, base: stored.generation, replicaId: undefined, generation, head }
  t.equal(await store.publish('sensors', newer), 'published')
  await world.pass(INTERVAL_MS * 3)
  t.same(counts(world), [20, 20])
  t.equal((await store.take('sensors', undefined))?.generation, generation)
  for (const { cluster } of world.replicas) {
    t.match(cluster.statusOf('sensors'), { isReader: false, newest: generation, refused: /another version/ })
  }
  // Somebody goes back to this version, and deletes what it cannot read.
  world.shared.flush()
  await world.pass(20_000)
  t.equal(readers(world).length, 1)
  t.same(counts(world), [20, 20])
  world.assertAlike()
})

t.test('94: a list that somebody deleted is stored again by whoever reads', async (t) => {
  const world = await started(['one', 'two'])
  devicesOf(world).add('sensor-20')
  await world.pass(INTERVAL_MS * 1.2)
  world.shared.restore({ tables: { ...world.shared.backup().tables, lists: new Map() } })
  const fresh = world.replicas.find((one) => one.name !== readers(world)[0])
  fresh?.lose()
  await fresh?.boot()
  for (let second = 0; second < 40; second++) {
    world.disturb()
    await world.pass(1_000)
  }
  t.same(counts(world), [21, 21])
  world.assertAlike()
})

t.test(
  '95: a store that is away says nothing of what devices registered, nor of what is not waited for',
  async (t) => {
    const world = await started(['one', 'two'], ['sensors', 'push'])
    world.fail('simulated')
    await world.pass(300_000)
    for (const { supervisor } of world.replicas) t.same(supervisor.outdated(), [])
    world.fail(undefined)
    await world.pass(5_000)
  },
)

t.test('a source that cannot be looked at is told, whatever becomes of the others', async (t) => {
  const world = await started(['one', 'two'], ['sensors', 'others'])
  world.shared.spoil('sensors')
  await world.pass(5_000)
  for (const { cluster } of world.replicas) t.match(cluster.status().failure, /spoilt/)
  t.same(counts(world, 'others'), [20, 20])
  world.shared.spoil(undefined)
  await world.pass(5_000)
  for (const { cluster } of world.replicas) t.equal(cluster.status().failure, undefined)
})

t.test('94: a list that nobody signed keeps no new replica from reading', async (t) => {
  const world = createReplicas(['one', 'two'], ['sensors'], middle)
  devicesOf(world).add('sensor-0')
  const list = deflateRawSync(Buffer.from('{}'))
  const forged = {
    generation: 7,
    head: Buffer.alloc(64),
    digest: 'a'.repeat(64),
    list,
    base: 0,
    replicaId: undefined,
  }
  t.equal(await world.shared.connect().publish('sensors', forged), 'published')
  for (const replica of world.replicas) await replica.boot()
  await world.pass(20_000)
  t.same(counts(world), [1, 1])
  world.assertAlike()
})

t.test('94: a list that nobody signed is not served, and is replaced by whoever reads', async (t) => {
  const world = await started(['one', 'two'])
  const store = world.shared.connect()
  const stored = await store.take('sensors', undefined)
  if (stored === undefined) return
  const head = Buffer.from(stored.head)
  head[0] = (head[0] as number) ^ 1
  const forged = {
    ...stored,
    base: stored.generation,
    replicaId: undefined,
    generation: stored.generation + 1,
    head,
  }
  t.equal(await store.publish('sensors', forged), 'published')
  await world.pass(3_000)
  t.same(counts(world), [20, 20])
  world.assertAlike()
  t.ok(((await store.take('sensors', undefined))?.generation ?? 0) > forged.generation)
  for (const { cluster } of world.replicas) t.equal(cluster.statusOf('sensors')?.refused, undefined)
})

t.test('what is to be done with what the store has', async (t) => {
  const at = (generation: number, isDetached = false) => ({ generation, isDetached })
  t.equal(nextStep(5, at(5), true), 'nothing')
  t.equal(nextStep(6, at(5), true), 'adopt')
  t.equal(nextStep(4, at(5), true), 'publish', 'it was flushed, or is from yesterday')
  t.equal(nextStep(0, at(5), true), 'publish')
  t.equal(nextStep(6, at(5, true), true), 'unite')
  t.equal(nextStep(5, at(5, true), true), 'publish')
  t.equal(nextStep(5, at(0, true), false), 'adopt', 'there is nothing that could be lost')
  t.equal(nextStep(0, at(0, true), false), 'nothing')
})

t.test('leases are shared out', async (t) => {
  t.equal(hasItsShare(1, 3, 3), true)
  t.equal(hasItsShare(1, 4, 3), false)
  t.equal(hasItsShare(0, 1, 0), false)
  const world = await started(['one', 'two', 'three'], ['a', 'b', 'c', 'd', 'e', 'f'])
  await world.pass(60_000)
  t.same(
    world.replicas.map(
      ({ cluster }) => 'abcdef'.split('').filter((name) => cluster.statusOf(name)?.isReader).length,
    ),
    [2, 2, 2],
  )
})
