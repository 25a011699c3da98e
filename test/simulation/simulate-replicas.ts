import type { createCluster } from '../../src/cluster/member.ts'
import type { Backup } from '../helpers/memory-store.ts'
import { createRandom, type Random } from '../helpers/random.ts'
import { createReplicas, type Inventory, PUSH } from './replicas.ts'
import type { Ran } from './simulate.ts'
import { Violation } from './world.ts'

/** One step of a history of several replicas. */
export type ReplicaStep = { readonly ms: number; readonly seed: number } & (
  | {
      readonly do: 'kill' | 'stop' | 'lose' | 'boot' | 'pause' | 'resume' | 'blind' | 'see' | 'heal'
      readonly replica: number
    }
  | { readonly do: 'cut'; readonly replica: number; readonly way: 'there' | 'back' | 'both' }
  | { readonly do: 'delay' | 'skew'; readonly replica: number; readonly by: number }
  | { readonly do: 'storeFails' | 'storeWorks' | 'flush' | 'lastLost' | 'backup' | 'restore' | 'healAll' }
  | { readonly do: 'deviceOn' | 'deviceOff'; readonly device: number }
  | { readonly do: 'join' | 'go' | 'lie' | 'down' | 'up'; readonly source: string; readonly share: number }
)

const SOURCES = ['a', 'b'] as const
const TIMES = [0, 20, 300, 1_500, 5_000, 15_000, 40_000, 120_000] as const
const OF_REPLICA = [
  'kill',
  'stop',
  'lose',
  'boot',
  'boot',
  'boot',
  'pause',
  'resume',
  'resume',
  'blind',
  'see',
  'heal',
  'heal',
] as const
const OF_STORE = [
  'storeFails',
  'storeWorks',
  'storeWorks',
  'flush',
  'lastLost',
  'backup',
  'restore',
  'healAll',
  'healAll',
] as const
const OF_SOURCE = ['join', 'join', 'go', 'go', 'lie', 'down', 'up', 'up'] as const

/** A history of so many steps; the same seed gives the same history. */
export function replicaHistoryOf(seed: number, length: number, replicas: number): ReplicaStep[] {
  const random = createRandom(seed)
  return Array.from({ length }, () => stepOf(random, replicas))
}

function stepOf(random: Random, replicas: number): ReplicaStep {
  const common = { ms: random.pick(TIMES), seed: random.int(2 ** 31) }
  const replica = random.int(replicas)
  switch (random.int(11)) {
    case 0:
    case 1:
    case 2:
      return { ...common, do: random.pick(OF_REPLICA), replica }
    case 3:
    case 4:
      return { ...common, do: 'cut', replica, way: random.pick(['there', 'back', 'both'] as const) }
    case 5:
      return { ...common, do: 'delay', replica, by: random.pick([10, 10, 700, 3_000]) }
    case 6:
      return { ...common, do: random.pick(OF_STORE) }
    case 8:
      return { ...common, do: random.pick(['deviceOn', 'deviceOff'] as const), device: random.int(20) }
    case 7:
      return { ...common, do: 'skew', replica, by: random.pick([0, -3_600_000, 3_600_000]) }
    default:
      return {
        ...common,
        do: random.pick(OF_SOURCE),
        source: random.pick(SOURCES),
        share: random.pick([1, 1, 2, 5]),
      }
  }
}

/** Runs a history from the beginning, and then lets everything heal. */
export async function runReplicas(
  history: readonly ReplicaStep[],
  count: number,
  join?: typeof createCluster,
): Promise<Ran> {
  const current = { random: createRandom(1) }
  const names = Array.from({ length: count }, (_, index) => `replica-${index}`)
  const world = createReplicas(names, [...SOURCES, PUSH], { int: (below) => current.random.int(below) }, join)
  const startMs = world.clock.monotonic()
  let next = 0
  let backup: Backup | undefined
  let steps = 0
  let violation: string | undefined

  const join20 = (inventory: Inventory) => {
    for (let index = 0; index < 12; index++) inventory.devices.add(`device-${next++}`)
  }
  for (const inventory of world.inventories.values()) join20(inventory)
  for (let index = 0; index < 10; index++) world.addDevice(`sensor-${index}`)
  try {
    for (const replica of world.replicas) await replica.boot()
    await world.pass(20_000)
    for (const step of history) {
      current.random = createRandom(step.seed)
      await take(step)
      await world.pass(step.ms)
      steps++
    }
    current.random = createRandom(1)
    await healAll()
    await world.pass(600_000)
    world.assertAlike()
    world.assertFresh()
    await world.assertSameEvents()
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    violation = error.message
  }
  return {
    hours: (world.clock.monotonic() - startMs) / 3_600_000,
    checks: world.checks(),
    violation,
    steps,
    served: world.replicas.flatMap((one) => [...(world.servedBy(one, 'a') ?? [])]),
  }

  async function healAll(): Promise<void> {
    world.fail(undefined)
    for (const one of world.replicas) {
      one.link.isCutThere = false
      one.link.isCutBack = false
      one.link.delayMs = 10
      one.isBlind = false
      one.resume()
    }
    // Those that are told to stop do.
    await world.pass(10_000)
    for (const one of world.replicas) if (!one.isAlive) await one.boot()
    for (const inventory of world.inventories.values()) inventory.isDown = false
  }

  async function take(step: ReplicaStep): Promise<void> {
    if ('replica' in step) return takeReplica(step)
    if ('source' in step) return takeSource(step)
    if ('device' in step) return takeDevice(step)
    world.disturb()
    if (step.do === 'storeFails') world.fail('simulated')
    if (step.do === 'storeWorks') world.fail(undefined)
    if (step.do === 'flush') world.shared.flush()
    if (step.do === 'lastLost') world.shared.loseLast(1 + current.random.int(5))
    if (step.do === 'backup') backup = world.shared.backup()
    if (step.do === 'restore' && backup !== undefined) world.shared.restore(backup)
    if (step.do === 'healAll') await healAll()
  }

  async function takeReplica(step: Extract<ReplicaStep, { replica: number }>): Promise<void> {
    const one = world.replicas[step.replica] as (typeof world.replicas)[number]
    if (step.do === 'boot') return one.isAlive ? undefined : one.boot()
    if (!one.isAlive) return
    if (step.do === 'kill') one.kill()
    if (step.do === 'lose') one.lose()
    if (step.do === 'stop' && !one.isPaused()) void one.stop()
    if (step.do === 'pause') one.pause()
    if (step.do === 'resume') one.resume()
    if (step.do === 'blind') one.isBlind = true
    if (step.do === 'see') one.isBlind = false
    if (step.do === 'delay') one.link.delayMs = step.by
    if (step.do === 'skew') one.skewMs = step.by
    if (step.do === 'cut') {
      one.link.isCutThere = step.way !== 'back'
      one.link.isCutBack = step.way !== 'there'
    }
    if (step.do === 'heal') {
      one.link.isCutThere = false
      one.link.isCutBack = false
    }
  }

  function takeDevice(step: Extract<ReplicaStep, { device: number }>): void {
    const one = world.devices[step.device % world.devices.length]
    if (step.do === 'deviceOn') world.addDevice(`sensor-${next++}`)
    else if (one !== undefined) one.isOn = false
  }

  function takeSource({ source, share, do: what }: Extract<ReplicaStep, { source: string }>): void {
    const inventory = world.inventories.get(source) as Inventory
    const some = () => [...inventory.devices][current.random.int(inventory.devices.size)]
    if (what === 'down') inventory.isDown = true
    if (what === 'up') inventory.isDown = false
    if (what === 'lie')
      inventory.lies.push(new Set(Array.from({ length: share * 2 }, some).filter((one) => one !== undefined)))
    for (let time = 0; time < share; time++) {
      if (what === 'join') inventory.devices.add(`device-${next++}`)
      const one = some()
      if (what === 'go' && one !== undefined && inventory.devices.size > 3) inventory.devices.delete(one)
    }
  }
}
