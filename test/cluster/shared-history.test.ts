import { deflateRawSync } from 'node:zlib'
import t from 'tap'
import { decodeGeneration } from '../../src/cluster/generation.ts'
import { decodeEvents, encodeEvents } from '../../src/cluster/shared-events.ts'
import type { Taken } from '../../src/cluster/store.ts'
import type { Draft, TargetEvent } from '../../src/model/history.ts'
import { createReplicas, INTERVAL_MS } from '../simulation/replicas.ts'

/** Always the same. */
const middle = { int: (below: number) => Math.floor(below / 2) }

type World = ReturnType<typeof createReplicas>
type Replica = World['replicas'][number]

/** Replicas of one source of twenty sensors; those of the names that are absent are not started. */
async function started({ absent = [] as string[], names = ['one', 'two', 'three'] } = {}) {
  const world = createReplicas(names, ['sensors'], middle)
  const { devices } = world.inventories.get('sensors') as { devices: Set<string> }
  for (let index = 0; index < 20; index++) devices.add(`sensor-${index}`)
  for (const replica of world.replicas) {
    await replica.boot()
    if (absent.includes(replica.name)) replica.lose()
  }
  await world.pass(15_000)
  const reader = () =>
    world.replicas.find(({ isAlive, cluster }) => isAlive && cluster.statusOf('sensors')?.isReader) as Replica
  const follower = () => world.replicas.find((one) => one.isAlive && one !== reader()) as Replica
  const named = (name: string) => world.replicas.find((one) => one.name === name) as Replica
  return { world, devices, reader, follower, named }
}

const eventsOf = async ({ history }: Replica): Promise<readonly TargetEvent[]> =>
  (await history.find({ limit: 1_000 })).events

/** The newest first: what happened to which sensor. */
const shown = (events: readonly TargetEvent[]) =>
  events.map(({ kind, address, why }) => `${kind} ${address === '' ? why : address.split(':')[0]}`)

const FIRST = 'joined first list: 20 targets'

/** How long it takes until a sensor that is gone has left. */
const LEAVE_MS = INTERVAL_MS * 4

t.test('all replicas have the events of the one that reads, with its reasons', async (t) => {
  const { world, devices, reader } = await started()
  devices.delete('sensor-3')
  await world.pass(LEAVE_MS)
  const events = await eventsOf(reader())
  t.same(shown(events), ['left sensor-3', FIRST])
  t.match(events[0]?.why, /^the inventory lacked it for 2 readings, since 2026-\S+Z$/)
  for (const replica of world.replicas) t.same(await eventsOf(replica), events, replica.name)
})

t.test('a replica that starts later, or lost its disk, knows what was before', async (t) => {
  const { world, devices, reader, named } = await started({ absent: ['three'] })
  devices.delete('sensor-3')
  await world.pass(LEAVE_MS)
  devices.add('sensor-20')
  await world.pass(LEAVE_MS)
  await named('three').boot()
  await world.pass(5_000)
  const events = await eventsOf(reader())
  t.same(shown(events), ['joined sensor-20', 'left sensor-3', FIRST])
  t.same(await eventsOf(named('three')), events)
  named('three').lose()
  await named('three').boot()
  await world.pass(5_000)
  t.same(await eventsOf(named('three')), events)
})

t.test('no event is twice after restarts and changes of the reader', async (t) => {
  const { world, devices, reader, named } = await started()
  const wanted = [FIRST]
  for (let round = 0; round < 6; round++) {
    const gone = `sensor-${round}`
    devices.delete(gone)
    wanted.unshift(`left ${gone}`)
    // Now the reader, now one that follows; now killed, now stopped.
    const one = round % 3 === 0 ? reader() : named(['one', 'two', 'three'][round % 3] as string)
    await world.pass(LEAVE_MS / 2 + round * 1_000)
    if (round % 2 === 0) one.kill()
    else await Promise.all([one.stop(), world.pass(5_000)])
    await world.pass(20_000)
    await one.boot()
    await world.pass(LEAVE_MS)
  }
  for (const replica of world.replicas) t.same(shown(await eventsOf(replica)), wanted, replica.name)
  const [first, ...others] = await Promise.all(world.replicas.map(eventsOf))
  for (const other of others) t.same(other, first)
})

t.test('one that was cut off catches up, and a store that is out of reach keeps nothing back', async (t) => {
  const { world, devices, reader, follower } = await started()
  const cut = follower()
  cut.link.isCutThere = true
  cut.isBlind = true
  devices.delete('sensor-3')
  await world.pass(LEAVE_MS)
  t.same(shown(await eventsOf(cut)), [FIRST])
  cut.link.isCutThere = false
  cut.isBlind = false
  await world.pass(5_000)
  t.same(await eventsOf(cut), await eventsOf(reader()))
  world.fail('simulated')
  devices.delete('sensor-4')
  await world.pass(LEAVE_MS)
  for (const replica of world.replicas) {
    t.equal(world.servedBy(replica, 'sensors')?.size, 18, 'it is served')
    t.same(shown(await eventsOf(replica)).slice(0, 2), ['left sensor-4', 'left sensor-3'], 'and noted')
  }
  world.fail(undefined)
  await world.pass(LEAVE_MS)
  for (const replica of world.replicas) {
    t.same(shown(await eventsOf(replica)), ['left sensor-4', 'left sensor-3', FIRST], 'not again')
  }
})

t.test('a store that answers no more while events are taken is asked again', async (t) => {
  const { world, devices, reader, named } = await started({ absent: ['three'] })
  devices.delete('sensor-3')
  await world.pass(LEAVE_MS)
  const late = named('three')
  await late.boot()
  while (world.servedBy(late, 'sensors') === undefined) await world.pass(1)
  late.link.isCutThere = true
  await world.pass(2_500)
  t.equal(late.cluster.status().failure, 'took too long')
  t.same(await eventsOf(late), [])
  late.link.isCutThere = false
  await world.pass(5_000)
  t.equal(late.cluster.status().failure, undefined)
  t.same(await eventsOf(late), await eventsOf(reader()))
})

t.test('a publication whose answer is lost is noted once', async (t) => {
  const { world, devices, reader } = await started()
  const one = reader()
  devices.add('sensor-20')
  // The store does what it is told, and the reader does not know.
  one.link.isCutBack = true
  await world.pass(INTERVAL_MS)
  one.link.isCutBack = false
  await world.pass(LEAVE_MS)
  for (const replica of world.replicas)
    t.same(shown(await eventsOf(replica)), ['joined sensor-20', FIRST], replica.name)
})

t.test('a store that is flushed costs the history of those that start later, and nothing else', async (t) => {
  const { world, devices, reader, named } = await started({ absent: ['three'] })
  devices.delete('sensor-3')
  await world.pass(LEAVE_MS)
  world.shared.flush()
  world.disturb()
  await world.pass(5_000)
  devices.delete('sensor-4')
  await world.pass(LEAVE_MS)
  await named('three').boot()
  await world.pass(5_000)
  t.same(shown(await eventsOf(reader())), ['left sensor-4', 'left sensor-3', FIRST])
  t.same(shown(await eventsOf(named('three'))), ['left sensor-4'], 'a gap')
  world.assertAlike()
})

t.test('what a replica without a history publishes the others find out themselves', async (t) => {
  const { world, devices, named, reader } = await started({ absent: ['two', 'three'] })
  t.equal(reader().name, 'one')
  named('one').kill()
  world.shared.flush()
  named('one').hasHistory = false
  await named('one').boot()
  await world.pass(15_000)
  await named('two').boot()
  await world.pass(15_000)
  devices.add('sensor-20')
  await world.pass(LEAVE_MS)
  t.equal(reader().name, 'one')
  const events = await eventsOf(named('two'))
  t.same(
    events.map(({ why }) => why),
    ['the inventory has it (read by the replica one)', 'first list: 20 targets (read by the replica one)'],
  )
})

t.test('events that another key signed are a gap, and cost nothing else', async (t) => {
  const { world, devices, reader, named } = await started({ absent: ['three'] })
  devices.delete('sensor-3')
  await world.pass(LEAVE_MS)
  world.shared.spoilEvents('sensors')
  await named('three').boot()
  await world.pass(5_000)
  devices.delete('sensor-4')
  await world.pass(LEAVE_MS)
  t.same(shown(await eventsOf(named('three'))), ['left sensor-4'])
  t.same(shown(await eventsOf(reader())), ['left sensor-4', 'left sensor-3', FIRST])
})

t.test('a disk that takes nothing leaves the events in the store until it does', async (t) => {
  const { world, devices, reader, follower } = await started()
  const one = follower()
  one.files.fail('/data', 'ENOSPC', ['append', 'write'])
  devices.delete('sensor-3')
  await world.pass(LEAVE_MS)
  t.same(shown(await eventsOf(one)), ['left sensor-3', FIRST], 'it waits in memory')
  one.kill()
  one.files.fail('/data', undefined)
  await one.boot()
  await world.pass(5_000)
  t.same(await eventsOf(one), await eventsOf(reader()))
  one.files.fail('/data', 'EACCES')
  one.kill()
  await one.boot()
  await world.pass(5_000)
  t.equal(world.servedBy(one, 'sensors')?.size, 19, 'it serves all the same')
})

t.test('a comparison that takes long keeps no list back', async (t) => {
  const { world, reader, follower } = await started()
  const stored = await world.shared.connect().take('sensors', undefined)
  const now = { wallMs: world.clock.now(), monotonicMs: world.clock.monotonic() }
  const signing = { source: 'sensors', key: 'a key', storeMs: world.clock.now(), now }
  const list = await decodeGeneration(stored as Taken, undefined, signing)
  let end = (_events: readonly Draft[]) => {}
  const comparing = new Promise<readonly Draft[]>((resolve) => {
    end = resolve
  })
  const before = reader().cluster.statusOf('sensors')?.generation ?? 0
  let isServed: boolean | undefined
  void reader()
    .cluster.sharing('sensors')
    .publish(list, true, () => comparing)
    .then((outcome) => {
      isServed = outcome
    })
  await world.pass(4_500)
  t.equal(isServed, undefined)
  await world.pass(1_500)
  t.equal(isServed, true)
  t.ok((follower().cluster.statusOf('sensors')?.generation ?? 0) > before)
  end([{ kind: 'joined', address: 'late:1', place: {}, why: 'it is there' }])
  await world.pass(100)
  t.match(await eventsOf(reader()), [{ address: 'late:1' }, { address: '' }])
  t.equal((await eventsOf(follower())).length, 1, 'nobody else has it')
})

t.test('only what the key signed is taken for events, of this source and generation', (t) => {
  const signing = { source: 's', key: 'a key', storeMs: 0, now: { wallMs: 0, monotonicMs: 0 } }
  const events = [{ kind: 'left', address: 'a:1', place: {}, why: 'gone' }] as const
  const stored = { generation: 5, events: encodeEvents(events, 5, signing) }
  t.same(decodeEvents(stored, signing), events)
  const wrong: Record<string, () => unknown> = {
    'another key': () => decodeEvents(stored, { ...signing, key: 'another' }),
    'another source': () => decodeEvents(stored, { ...signing, source: 't' }),
    'another generation': () => decodeEvents({ ...stored, generation: 6 }, signing),
    'other bytes': () => decodeEvents({ ...stored, events: deflateRawSync('[]') }, signing),
    nothing: () => decodeEvents({ ...stored, events: Buffer.alloc(0) }, signing),
  }
  for (const [what, decode] of Object.entries(wrong)) t.throws(decode, { name: 'GenerationError' }, what)
  t.end()
})
