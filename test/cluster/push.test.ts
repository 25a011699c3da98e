import t from 'tap'
import { readRegistration } from '../../src/model/registration.ts'
import { createReplicas, PUSH } from '../simulation/replicas.ts'

/** Always the same. */
const middle = { int: (below: number) => Math.floor(below / 2) }

type World = ReturnType<typeof createReplicas>
type One = World['replicas'][number]

async function started(names = ['one', 'two', 'three']) {
  const world = createReplicas(names, [PUSH], middle)
  for (const replica of world.replicas) await replica.boot()
  await world.pass(15_000)
  return world
}

const register = (replica: One, id: string, more = {}) =>
  replica.supervisor
    .instances(PUSH)
    ?.register(id, readRegistration({ address: `${id}:9100`, labels: {}, ...more }))

/** What a promise comes to within so much time, in milliseconds. */
async function within<Value>(world: World, ms: number, promise: Promise<Value> | undefined) {
  const outcome = (promise as Promise<Value>).then(
    (value) => ({ value, error: undefined }),
    (error) => ({ value: undefined, error }),
  )
  await world.pass(ms)
  return outcome
}

const served = (world: World) =>
  world.replicas.map((replica) => [...(world.servedBy(replica, PUSH) ?? [])].sort())

const at = (world: World, index: number) => world.replicas[index] as One

const readerOf = (world: World) =>
  world.replicas.find(({ cluster }) => cluster.statusOf(PUSH)?.isReader) as One

t.test('devices register with any replica, and all serve them', async (t) => {
  const world = await started()
  t.match(await within(world, 500, register(at(world, 0), 'a')), { value: { isNew: true } })
  t.match(await within(world, 500, register(at(world, 1), 'b')), { value: { isNew: true } })
  await world.pass(45_000)
  t.match(await within(world, 500, register(at(world, 2), 'a')), { value: { isNew: false } })
  t.match(await within(world, 500, register(at(world, 0), 'b')), { value: { isNew: false } })
  await world.pass(60_000)
  t.same(served(world), Array(3).fill(['a:9100', 'b:9100']))
  const changed = await within(world, 500, register(at(world, 1), 'a', { address: 'c:9100' }))
  t.match(changed, { value: { isNew: false } })
  await world.pass(5_000)
  t.same(served(world), Array(3).fill(['b:9100', 'c:9100']))
  world.assertAlike()
})

t.test('how a registration ended is known to the reader, whichever replica the device told', async (t) => {
  const world = await started()
  const follower = world.replicas.find((one) => one !== readerOf(world)) as One
  for (const id of ['a', 'b', 'c']) await within(world, 500, register(follower, id))
  await world.pass(45_000)
  t.same(served(world), Array(3).fill(['a:9100', 'b:9100', 'c:9100']))
  for (const id of ['a', 'c']) await within(world, 500, register(follower, id))
  await within(world, 500, follower.supervisor.instances(PUSH)?.leave('a'))
  await world.pass(20_000)
  await within(world, 500, register(follower, 'c'))
  await world.pass(60_000)
  t.same(served(world), Array(3).fill(['c:9100']))
  for (const { history, name } of world.replicas) {
    const { events } = await history.find({ limit: 2 })
    t.match(
      events,
      [
        { kind: 'left', address: 'b:9100', why: 'its lease expired without a heartbeat' },
        { kind: 'left', address: 'a:9100', why: 'its device unregistered' },
      ],
      name,
    )
  }
})

t.test(
  'a device that is heard by one replica does not expire on another, and one that is not does',
  async (t) => {
    const world = await started()
    for (const id of ['a', 'b']) await within(world, 100, register(at(world, 0), id))
    const other = world.replicas.find((one) => one !== readerOf(world)) as One
    for (let beats = 0; beats < 6; beats++) {
      await within(world, 30_000, register(other, 'a'))
    }
    t.same(served(world), Array(3).fill(['a:9100']))
    // What says only that it is there, since its request is refused, is heard too.
    other.supervisor.instances(PUSH)?.heard('a', {})
    other.supervisor.instances(PUSH)?.heard('nobody', {})
    other.supervisor.instances(PUSH)?.heard('a', { device: 'b' })
    await world.pass(80_000)
    t.same(served(world), Array(3).fill(['a:9100']))
  },
)

t.test('a device that says goodbye to one replica leaves all', async (t) => {
  const world = await started()
  for (const id of ['a', 'b']) await within(world, 100, register(at(world, 0), id))
  await world.pass(50_000)
  await within(world, 500, at(world, 2).supervisor.instances(PUSH)?.leave('a'))
  await world.pass(5_000)
  t.same(served(world), Array(3).fill(['b:9100']))
  for (const { metrics } of world.replicas)
    t.match(await metrics.registry.metrics(), /^rollcall_push_instances\{source="push"\} 1$/m)
})

t.test('94: what the store does not have is not acknowledged, and not served', async (t) => {
  const world = await started()
  for (const id of ['a', 'z']) await within(world, 100, register(at(world, 0), id))
  await world.pass(50_000)
  world.fail('the store is full')
  t.match(await within(world, 3_000, register(at(world, 0), 'b')), {
    error: { code: 'storage_unavailable', message: /stored for all replicas: the store is full/ },
  })
  t.match(await within(world, 3_000, register(at(world, 0), 'a')), { error: { code: 'storage_unavailable' } })
  await world.pass(300_000)
  t.same(served(world), Array(3).fill(['a:9100', 'z:9100']), 'nobody expires while nobody can be heard')
  world.fail(undefined)
  await world.pass(80_000)
  t.same(served(world), Array(3).fill(['a:9100', 'z:9100']), 'and then every lease is whole')
  await within(world, 60_000, register(at(world, 1), 'z'))
  t.same(served(world), Array(3).fill(['z:9100']))
})

t.test('94: a store that was flushed has every device again, each for its whole time to live', async (t) => {
  const world = await started()
  for (const id of ['a', 'b', 'c']) await within(world, 100, register(at(world, 0), id))
  await world.pass(60_000)
  world.shared.flush()
  world.disturb()
  await world.pass(5_000)
  t.equal((await world.shared.connect().changesSince(PUSH, undefined)).changes.length, 3)
  await world.pass(75_000)
  t.equal(served(world)[0]?.length, 3)
  await within(world, 500, register(at(world, 1), 'b'))
  await world.pass(60_000)
  t.same(served(world), Array(3).fill(['b:9100']))
})

t.test(
  '94: when the store and all replicas lost what they knew, no list is made of the first devices',
  async (t) => {
    const world = await started()
    for (const id of ['a', 'b', 'c', 'd']) await within(world, 100, register(at(world, 0), id))
    await world.pass(60_000)
    t.equal(served(world)[0]?.length, 4)
    for (const one of world.replicas) {
      const stopped = one.stop()
      await world.pass(5_000)
      await stopped
    }
    world.shared.flush()
    for (const one of world.replicas) one.lose()
    await at(world, 0).boot()
    await world.pass(1_000)
    await within(world, 5_000, register(at(world, 0), 'a'))
    // They find one device in the store, which are not all, and one of them reads soon.
    for (const one of world.replicas.slice(1)) await one.boot()
    await world.pass(1_000)
    const stopped = at(world, 0).stop()
    await world.pass(15_000)
    await stopped
    t.same(served(world).slice(1), [[], []])
    for (const id of ['b', 'c', 'd']) await within(world, 100, register(at(world, 1), id))
    await world.pass(40_000)
    t.same(served(world).slice(1), Array(2).fill(['a:9100', 'b:9100', 'c:9100', 'd:9100']))
  },
)

t.test('a registration in the store that nobody signed is not used', async (t) => {
  const world = await started(['one', 'two'])
  const line = JSON.stringify({ id: 'evil', ttl_ms: 90_000, address: 'evil:1', labels: {} })
  const store = world.shared.connect()
  await store.register(
    PUSH,
    [
      { id: 'evil', line: 'x'.repeat(24) + line },
      { id: 'short', line: 'x' },
    ],
    [],
  )
  await within(world, 100, register(at(world, 0), 'a'))
  await world.pass(60_000)
  t.same(served(world), Array(2).fill(['a:9100']))

  // Whose it was has to register again with a replica that begins, before that makes a list.
  const [first, second] = [at(world, 0), at(world, 1)]
  for (const one of [second, first]) {
    const stopped = one.stop()
    await world.pass(1_000)
    await stopped
    if (one === second) await second.boot()
  }
  await world.pass(10_000)
  await within(world, 10_000, register(second, 'b'))
  t.same(served(world)[1], ['a:9100'])
  await world.pass(40_000)
  t.same(served(world)[1], ['a:9100', 'b:9100'])
})

t.test('who overtakes an older registration of the same device has the last word', async (t) => {
  const world = await started()
  for (const id of ['a', 'y', 'z']) await within(world, 100, register(at(world, 0), id))
  await world.pass(50_000)
  const [one, two] = [at(world, 0), at(world, 1)]
  // The one waits for the store while the other has it.
  one.link.delayMs = 1_500
  const slow = register(one, 'a', { address: 'slow:1' })
  const quick = register(two, 'a', { address: 'quick:1' })
  await world.pass(5_000)
  await Promise.all([slow, quick])
  one.link.delayMs = 10
  await world.pass(5_000)
  const [first] = served(world)
  t.match(
    first?.filter((one) => !/^[yz]:/.test(one)),
    [/^(slow|quick):1$/],
  )
  t.same(served(world), Array(3).fill(first))
  const stored = await world.shared.connect().changesSince(PUSH, undefined)
  t.match(
    stored.changes.find(({ id }) => id === 'a')?.line,
    `"address":"${first?.find((one) => /^(slow|quick)/.test(one))}"`,
  )
})

t.test('load on one replica pauses expiry on the one that reads', async (t) => {
  const world = await started()
  for (const id of ['a', 'z']) await within(world, 100, register(at(world, 0), id))
  await world.pass(60_000)
  const other = world.replicas.find((one) => one !== readerOf(world)) as One
  world.fail('simulated')
  other.supervisor.instances(PUSH)?.overloaded()
  await world.pass(100)
  world.fail(undefined)
  other.supervisor.instances(PUSH)?.overloaded()
  await world.pass(85_000)
  t.same(served(world), Array(3).fill(['a:9100', 'z:9100']))
  await within(world, 30_000, register(at(world, 1), 'z'))
  t.same(served(world), Array(3).fill(['z:9100']))
})

t.test('93: the reader of a push source dies: nobody expires early, and the next one goes on', async (t) => {
  const world = await started()
  for (const id of ['a', 'b']) await within(world, 100, register(at(world, 0), id))
  await world.pass(60_000)
  const reader = readerOf(world)
  reader.kill()
  const other = world.replicas.find(({ isAlive }) => isAlive) as One
  await within(world, 40_000, register(other, 'a'))
  const alive = world.replicas.filter(({ isAlive }) => isAlive)
  for (const one of alive) t.same([...(world.servedBy(one, PUSH) ?? [])].sort(), ['a:9100', 'b:9100'])
  for (let beats = 0; beats < 5; beats++) await within(world, 30_000, register(other, 'a'))
  for (const one of alive) t.same([...(world.servedBy(one, PUSH) ?? [])], ['a:9100'])
})

t.test('a replica that starts without the store knows nobody yet, and makes no list', async (t) => {
  const world = await started()
  await within(world, 100, register(at(world, 0), 'a'))
  await world.pass(50_000)
  const one = at(world, 2)
  one.lose()
  one.link.isCutThere = true
  await one.boot()
  await world.pass(120_000)
  t.equal(world.servedBy(one, PUSH), undefined)
  t.match(await within(world, 3_000, register(one, 'b')), { error: { code: 'storage_unavailable' } })
  one.link.isCutThere = false
  await within(world, 6_000, register(at(world, 0), 'a'))
  t.ok(world.servedBy(one, PUSH)?.has('a:9100'))
  const stopped = one.stop()
  await world.pass(5_000)
  await stopped
})

t.test('thousands register at once, and are stored in few steps', async (t) => {
  const world = await started(['one', 'two'])
  const settings = world.settingsOf(PUSH)
  const many = { ...settings, fingerprint: 'many', source: { ...settings.source, maxInstances: 20_000 } }
  for (const { supervisor } of world.replicas) {
    const applying = supervisor.apply([many as never], many.guard)
    await world.pass(1_000)
    await applying
  }
  const all = Array.from({ length: 6_000 }, (_, index) => register(at(world, 0), `device-${index}`))
  await world.pass(10_000)
  t.equal((await Promise.all(all)).length, 6_000)
  const { changes } = await world.shared.connect().changesSince(PUSH, undefined)
  t.equal(changes.length, 6_000)
})

t.test('a change that waits for the store is not served, and what was before is', async (t) => {
  const world = await started()
  for (const id of ['a', 'y', 'z']) await within(world, 100, register(at(world, 0), id))
  await world.pass(50_000)
  const reader = readerOf(world)
  reader.link.delayMs = 1_900
  const slow = register(reader, 'a', { address: 'slow:1' })
  const fresh = register(reader, 'x')
  await world.pass(600)
  const reading = reader.supervisor.refresh(PUSH)
  await world.pass(20_000)
  await Promise.allSettled([slow, fresh, reading])
  reader.link.delayMs = 10
  await world.pass(30_000)
  world.assertAlike()
  t.match(served(world)[0], [/^(a:9100|slow:1)$/])
})

t.test('93: nobody expires when the store does not say that it knows', async (t) => {
  const world = await started(['one'])
  for (const id of ['a', 'b', 'c', 'd']) await within(world, 100, register(at(world, 0), id))
  await world.pass(60_000)
  for (const id of ['b', 'c', 'd']) await within(world, 100, register(at(world, 0), id))
  // In the moment in which a lease expires the store is gone, for less than a look.
  await world.pass(28_000)
  for (let step = 0; step < 40; step++) {
    world.fail(step % 2 === 0 ? 'simulated' : undefined)
    await world.pass(190)
  }
  world.fail(undefined)
  t.ok(world.servedBy(at(world, 0), PUSH)?.has('b:9100'))
  await world.pass(10_000)
  world.assertAlike()
})

t.test('a replica that is stopped while it waits for the store ends', async (t) => {
  const world = createReplicas(['one'], [PUSH], middle)
  world.fail('simulated')
  await at(world, 0).boot()
  await world.pass(4_500)
  const stopped = at(world, 0).stop()
  await world.pass(5_000)
  await stopped
  t.equal(at(world, 0).isAlive, false)
})

t.test('a push source that is removed from one replica is still one of the other', async (t) => {
  const world = await started(['one', 'two'])
  for (const id of ['a', 'b']) await within(world, 100, register(at(world, 0), id))
  await world.pass(50_000)
  const removing = at(world, 0).supervisor.apply([])
  await world.pass(3_000)
  t.match(await removing, { removed: [PUSH] })
  for (const id of ['a', 'b']) await within(world, 15_000, register(at(world, 1), id))
  t.same([...(world.servedBy(at(world, 1), PUSH) ?? [])].sort(), ['a:9100', 'b:9100'])
  t.equal(at(world, 0).supervisor.instances(PUSH), undefined)
})

t.test(
  'a heartbeat that is acknowledged counts, although another replica let the device expire',
  async (t) => {
    const world = await started()
    for (const id of ['a', 'b']) await within(world, 100, register(at(world, 0), id))
    await world.pass(50_000)
    const store = world.shared.connect()
    const other = world.replicas.find((one) => one !== readerOf(world)) as One
    // It expires, and before this replica knows a heartbeat comes.
    await store.register(PUSH, [{ id: 'a', line: undefined }], [])
    const beat = register(other, 'a')
    await world.pass(100)
    t.match(await beat, { isNew: false })
    await world.pass(3_000)
    t.same(served(world), Array(3).fill(['a:9100', 'b:9100']))
    t.equal((await store.changesSince(PUSH, undefined)).changes.length, 2)
  },
)

t.test('a power cut, after which the store has what it had minutes ago, costs no device', async (t) => {
  const world = await started()
  for (let index = 0; index < 5; index++) world.addDevice(`device-${index}`)
  await world.pass(120_000)
  const backup = world.shared.backup()
  await world.pass(300_000)
  world.addDevice('late')
  await world.pass(100_000)
  t.equal(served(world)[0]?.length, 6)
  for (const replica of world.replicas) replica.kill()
  world.shared.restore(backup)
  for (const replica of world.replicas) await replica.boot()
  await world.pass(120_000)
  t.same(
    served(world).map((all) => all.length),
    [6, 6, 6],
  )
})
