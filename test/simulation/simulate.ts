import { createRandom, type Random } from '../helpers/random.ts'
import { type Config, createWorld, type Device, type Mood, Violation } from './world.ts'

/** One step of a history: what happens, and how much time passes after it. Plain data, so that a history can be cut. */
export type Step = { readonly ms: number; readonly seed: number } & (
  | { readonly do: 'nothing' | 'kill' | 'webhook' | 'accept' }
  | { readonly do: 'jump'; readonly by: number }
  | { readonly do: 'mood'; readonly inventory: string; readonly mood: Mood }
  | { readonly do: 'devices'; readonly inventory: string; readonly change: Change; readonly share: number }
  | { readonly do: 'configure'; readonly source: string; readonly filter: Config['filter'] }
  | { readonly do: 'remove' | 'restore'; readonly source: string }
  | { readonly do: 'register' | 'leave'; readonly device: number; readonly label: number }
)

type Change =
  | 'join'
  | 'go'
  | 'break'
  | 'mend'
  | 'relabel'
  | 'object'
  | 'null'
  | 'text'
  | 'rename'
  | 'deactivate'
  | 'activate'

const INVENTORIES = ['a', 'b'] as const
const CHANGES: readonly Change[] = [
  'join',
  'join',
  'go',
  'break',
  'mend',
  'mend',
  'relabel',
  'object',
  'null',
  'text',
  'rename',
  'deactivate',
  'activate',
]
const MOODS: readonly Mood[] = ['well', 'well', 'well', 'fails', 'empty', 'flaps', 'half', 'rubbish']
const TIMES = [0, 500, 2_000, 60_000, 300_000, 900_000, 3_600_000, 10_800_000] as const

/** A history of so many steps; the same seed gives the same history. */
export function historyOf(seed: number, length: number): Step[] {
  const random = createRandom(seed)
  return Array.from({ length }, () => stepOf(random))
}

function stepOf(random: Random): Step {
  const common = { ms: random.pick(TIMES), seed: random.int(2 ** 31) }
  const inventory = random.pick(INVENTORIES)
  switch (random.int(20)) {
    case 0:
      return { ...common, do: 'kill' }
    case 1:
      return { ...common, do: 'webhook' }
    case 2:
      return { ...common, do: 'accept' }
    case 3:
      return { ...common, do: 'jump', by: random.pick([-3_600_000, 3_600_000, 86_400_000]) }
    case 4:
    case 5:
    case 6:
      return { ...common, do: 'mood', inventory, mood: random.pick(MOODS) }
    case 7:
      return {
        ...common,
        do: 'configure',
        source: inventory,
        filter: random.pick(['none', 'none', 'active', 'nothing'] as const),
      }
    case 8:
      return { ...common, do: random.pick(['remove', 'restore', 'restore'] as const), source: inventory }
    case 9:
    case 10:
    case 11:
      return { ...common, do: 'register', device: random.int(12), label: random.int(3) }
    case 12:
      return { ...common, do: 'leave', device: random.int(12), label: 0 }
    default:
      return {
        ...common,
        do: 'devices',
        inventory,
        change: random.pick(CHANGES),
        share: random.pick([1, 1, 2, 5, 10]),
      }
  }
}

/** What a history came to. */
export interface Ran {
  readonly hours: number
  readonly checks: number
  readonly violation: string | undefined
  /** How many steps it took to the violation. */
  readonly steps: number
  /** What was served in the end: the same history gives the same. */
  readonly served: readonly string[]
}

/** Runs a history from the beginning. */
export async function run(history: readonly Step[]): Promise<Ran> {
  // What a step chooses depends on its own seed, so that others can be left out.
  const current = { random: createRandom(1) }
  const world = createWorld({ int: (below) => current.random.int(below) })
  const startMs = world.clock.monotonic()
  let next = 0
  for (const name of INVENTORIES) {
    const devices = Array.from({ length: 12 }, (): Device => deviceOf(next++))
    world.inventories.set(name, { devices, mood: 'well', seed: 0 })
  }
  const all = new Map<string, Config>([
    ['a', { inventory: 'a', filter: 'none', kind: 'http' }],
    ['b', { inventory: 'b', filter: 'none', kind: 'http' }],
    ['push', { inventory: 'push', filter: 'none', kind: 'push' }],
  ])
  let steps = 0
  let violation: string | undefined
  try {
    world.configure(all)
    await world.boot()
    await world.pass(60_000)
    for (const step of history) {
      current.random = createRandom(step.seed)
      await take(step)
      await world.pass(step.ms)
      steps++
    }
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    violation = error.message
  }
  return {
    hours: (world.clock.monotonic() - startMs) / 3_600_000,
    checks: world.checks(),
    violation,
    steps,
    served: ['a', 'b', 'push'].flatMap((name) => world.served(name)),
  }

  async function take(step: Step): Promise<void> {
    switch (step.do) {
      case 'nothing':
        return
      case 'kill':
        return world.kill()
      case 'webhook':
        return world.webhook()
      case 'accept':
        return world.accept()
      case 'jump':
        return world.clock.jump(step.by)
      case 'mood': {
        const inventory = world.inventories.get(step.inventory)
        if (inventory !== undefined) inventory.mood = step.mood
        return
      }
      case 'devices':
        return changeDevices(step)
      case 'register':
        return world.register('push', `device-${step.device}`, String(step.label))
      case 'leave':
        return world.leave('push', `device-${step.device}`)
      case 'configure':
        return configure(step.source, (before) => ({ ...before, filter: step.filter }))
      case 'remove':
        return configure(step.source, () => undefined)
      case 'restore':
        return configure(step.source, () => all.get(step.source) as Config)
    }
  }

  async function configure(source: string, change: (before: Config) => Config | undefined): Promise<void> {
    const configs = new Map(world.configs())
    const before = configs.get(source)
    const after = change(before ?? (all.get(source) as Config))
    if (after === undefined) configs.delete(source)
    else configs.set(source, after)
    await world.reload(configs)
  }

  function changeDevices({ inventory, change, share }: Extract<Step, { do: 'devices' }>): void {
    const { devices } = world.inventories.get(inventory) as { devices: Device[] }
    for (let time = 0; time < share; time++) {
      const one = devices[current.random.int(Math.max(1, devices.length))]
      if (change === 'join') devices.push(deviceOf(next++))
      else if (one !== undefined) CHANGE[change](one, devices, current.random)
    }
  }
}

const CHANGE: Record<Exclude<Change, 'join'>, (one: Device, all: Device[], random: Random) => void> = {
  go: (one, all) => void all.splice(all.indexOf(one), 1),
  break: (one) => {
    one.isBroken = true
  },
  mend: (one) => {
    one.isBroken = false
  },
  relabel: (one, _all, random) => {
    one.site = `site-${random.int(3)}`
  },
  object: (one) => {
    one.label = 'object'
  },
  null: (one) => {
    one.label = 'null'
  },
  text: (one) => {
    one.label = 'text'
  },
  rename: (one, _all, random) => {
    one.host = `${one.host.split('-renamed')[0]}-renamed${random.int(1_000)}`
  },
  deactivate: (one) => {
    one.isActive = false
  },
  activate: (one) => {
    one.isActive = true
  },
}

function deviceOf(index: number): Device {
  return {
    id: `id-${index}`,
    host: `host-${index}`,
    site: `site-${index % 3}`,
    path: index % 5 === 0 ? `/metrics/${index}` : '',
    isActive: true,
    isBroken: false,
    hasId: index % 4 !== 0,
    label: 'text',
  }
}

/** The shortest history that still fails, found by leaving steps out. */
export async function shorten<Any>(
  history: readonly Any[],
  run: (history: readonly Any[]) => Promise<Pick<Ran, 'steps' | 'violation'>>,
): Promise<readonly Any[]> {
  const { steps } = await run(history)
  let shortest = history.slice(0, steps + 1)
  for (let size = Math.ceil(shortest.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < shortest.length; ) {
      const without = [...shortest.slice(0, at), ...shortest.slice(at + size)]
      if ((await run(without)).violation !== undefined) shortest = without
      else at += size
    }
  }
  return shortest
}
