import t from 'tap'
import { createReplicas, INTERVAL_MS } from '../simulation/replicas.ts'

/** Always the same. */
const middle = { int: (below: number) => Math.floor(below / 2) }

type World = ReturnType<typeof createReplicas>

async function started() {
  const world = createReplicas(['one', 'two'], ['sensors'], middle)
  const { devices } = world.inventories.get('sensors') as { devices: Set<string> }
  for (let index = 0; index < 5; index++) devices.add(`sensor-${index}`)
  for (const replica of world.replicas) await replica.boot()
  await world.pass(15_000)
  const isReader = ({ cluster }: World['replicas'][number]) => cluster.statusOf('sensors')?.isReader === true
  const reader = world.replicas.find(isReader) as World['replicas'][number]
  const follower = world.replicas.find((one) => !isReader(one)) as World['replicas'][number]
  return { world, devices, reader, follower }
}

/** What a promise comes to within so much time, in milliseconds. */
async function within<Value>(world: World, ms: number, promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {})
  await world.pass(ms)
  return promise
}

t.test('a refresh that a follower is asked for is one of the reader', async (t) => {
  const { world, devices, follower } = await started()
  devices.add('sensor-5')
  const asked = await within(world, 2_000, follower.supervisor.refresh('sensors'))
  t.match(asked, [{ source: 'sensors', result: 'changed', targets: 6 }])
  t.equal(world.servedBy(follower, 'sensors')?.size, 6)
  const again = await within(world, 2_000, follower.supervisor.refresh())
  t.match(again, [{ source: 'sensors', result: 'unchanged', targets: 6 }])
})

t.test('a follower says when the reader, or the store, does not answer', async (t) => {
  const { world, reader, follower } = await started()
  reader.pause()
  const asking = follower.supervisor.refresh('sensors')
  // Before the lease expires.
  await world.pass(500)
  world.fail('simulated')
  const failing = follower.supervisor.refresh('sensors')
  await world.pass(5_000)
  world.fail(undefined)
  t.match(await failing, [
    { result: 'failed', error: { message: new RegExp(`^the replica ${reader.name} reads it: simulated`) } },
  ])
  reader.link.isCutThere = true
  await world.pass(30_000)
  t.match(await asking, [{ source: 'sensors' }])
})

t.test('a follower tells why the reader failed', async (t) => {
  const { world, reader, follower } = await started()
  reader.isBlind = true
  const asked = await within(world, 20_000, follower.supervisor.refresh('sensors'))
  t.match(asked, [
    { source: 'sensors', result: 'failed', error: { message: /^the replica \w+ reads it: simulated/ } },
  ])
})

t.test('held targets are known to all, and accepted on any of them', async (t) => {
  const { world, devices, reader, follower } = await started()
  devices.clear()
  await world.pass(INTERVAL_MS * 2)
  const [held] = follower.store.get('sensors')?.status.held ?? []
  t.match(held, { reason: 'too_many', targets: 5 })
  t.equal(held?.digest, reader.store.get('sensors')?.status.held[0]?.digest)
  t.equal(world.servedBy(follower, 'sensors')?.size, 5)
  t.same(await within(world, 1_000, follower.supervisor.accept('f'.repeat(64), 'sensors')), [])
  const accepted = await within(world, 2_000, follower.supervisor.accept(held?.digest as string, 'sensors'))
  t.match(accepted, [{ source: 'sensors', result: 'changed', targets: 0 }])
  for (const replica of world.replicas) t.equal(world.servedBy(replica, 'sensors')?.size, 0)
  world.assertAlike()
})

t.test('what a follower can explain', async (t) => {
  const { reader, follower } = await started()
  const [of] = follower.supervisor.served('sensors').sources
  t.match(of, { reader: reader.name, lastRead: undefined })
  t.match(reader.supervisor.served().sources, [{ reader: undefined }])
})

t.test('a source that no replica knows', async (t) => {
  const { world, follower } = await started()
  t.equal(follower.cluster.statusOf('other'), undefined)
  t.equal(follower.cluster.sharing('other').isReader(), false)
  t.equal(await follower.cluster.ask({ kind: 'refresh', source: 'other' }), undefined)
  await world.shared.connect().tell({ kind: 'generation', source: 'other' })
  await world.pass(1_000)
  world.assertAlike()
})

t.test('93: an acceptance of a replica whose lease another one has is refused', async (t) => {
  const { world, devices, reader } = await started()
  devices.clear()
  await world.pass(INTERVAL_MS * 2)
  const digest = reader.store.get('sensors')?.status.held[0]?.digest as string
  const store = world.shared.connect()
  const { holder } = await store.look('sensors', {
    replicaId: '',
    replicaName: '',
    isWanted: false,
    forMs: 1,
  })
  await store.release('sensors', holder?.id as string)
  await store.look('sensors', { replicaId: 'x', replicaName: 'thief', isWanted: true, forMs: 60_000 })
  t.same(await within(world, 200, reader.supervisor.accept(digest, 'sensors')), [])
  t.equal(world.servedBy(reader, 'sensors')?.size, 5)
  await world.pass(2_000)
  t.match(reader.cluster.statusOf('sensors'), { isReader: false, reader: 'thief' })
})

t.test('a replica that stops takes nothing over any more', async (t) => {
  const { world, follower } = await started()
  const store = world.shared.connect()
  const stored = await store.take('sensors', undefined)
  if (stored === undefined) return
  const next = { ...stored, base: stored.generation, replicaId: undefined, generation: stored.generation + 1 }
  await store.publish('sensors', next)
  await world.pass(6)
  const stopped = follower.stop()
  await world.pass(3_000)
  await stopped
  t.equal(world.servedBy(follower, 'sensors')?.size, 5)
})

t.test('what is asked before the start is done by the start', async (t) => {
  const { world, reader } = await started()
  const early = world.replicas.find((one) => one !== reader) as World['replicas'][number]
  const stopped = early.stop()
  await world.pass(1_000)
  await stopped
  reader.kill()
  await world.pass(12_000)
  await early.boot()
  // Its first look takes the lease, before it has started.
  await world.pass(5_000)
  t.equal(early.cluster.statusOf('sensors')?.isReader, true)
  t.equal(world.servedBy(early, 'sensors')?.size, 5)
})

t.test('a reader that stands still answers nothing, and that is told', async (t) => {
  const { world, reader, follower } = await started()
  reader.pause()
  const asked = await within(world, 20_000, follower.supervisor.refresh('sensors'))
  t.match(asked, [{ result: 'failed', error: { message: /nothing came of it in time/ } }])
})

t.test('without the store nobody is known to read', async (t) => {
  const world = createReplicas(['one'], ['sensors'], middle)
  world.fail('simulated')
  const [one] = world.replicas as [World['replicas'][number]]
  await one.boot()
  await world.pass(1_000)
  const asked = await within(world, 1_000, one.supervisor.refresh('sensors'))
  t.match(asked, [{ result: 'failed', error: { message: /that is not known reads it: simulated/ } }])
})
