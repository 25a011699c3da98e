import { setTimeout as delay } from 'node:timers/promises'
import { addressOf, type Heartbeats } from '../helpers/heartbeats.ts'
import type { Random } from '../helpers/random.ts'
import type { Replica } from '../helpers/replicas.ts'
import { createDeck } from './deck.ts'
import type { ReplicasModel } from './replicas-model.ts'
import type { Cut, InventoryLink, StoreLink } from './replicas-network.ts'
import type { WatchedStore } from './replicas-store.ts'

/** A replica, and what it hangs on. */
export interface Node {
  readonly replica: Replica
  readonly link: StoreLink
  readonly inventory: InventoryLink
}

/** What the steps act on. */
export interface ReplicasWorld {
  readonly random: Random
  readonly nodes: readonly Node[]
  readonly store: WatchedStore
  readonly model: ReplicasModel
  readonly heartbeats: Heartbeats
  /** The names in the inventory that come and go. */
  readonly passing: Set<string>
  readonly note: (event: string) => void
  /** Everything is put right, and all replicas have to be alike. */
  readonly rest: () => Promise<void>
}

/** Between two steps, in milliseconds, at most. */
const PAUSE_MS = 2_500

const CUTS: readonly Cut[] = ['there', 'back', 'both']

/** The steps of a run, chosen at random. */
export function createReplicasSteps(world: ReplicasWorld) {
  const { random, nodes, store, model, heartbeats, passing, note } = world
  const counts = new Map<string, number>()
  let made = 0

  const some = (fits: (node: Node) => boolean): Node | undefined => {
    const fitting = nodes.filter(fits)
    return fitting.length === 0 ? undefined : random.pick(fitting)
  }
  const isAtWork = ({ replica }: Node) => replica.isUp() && !replica.isPaused()

  /** A step for one replica, when there is one that it fits. */
  const of =
    (fits: (node: Node) => boolean, act: (node: Node) => unknown) =>
    async (): Promise<string | undefined> => {
      const node = some(fits)
      if (node === undefined) return undefined
      await act(node)
      return node.replica.name
    }

  /** A step for all. */
  const always = (act: () => unknown) => async () => {
    await act()
    return ''
  }

  const STEPS: Readonly<Record<string, () => Promise<string | undefined>>> = {
    kill: of(isAtWork, ({ replica }) => replica.kill()),
    stop: of(isAtWork, ({ replica }) => replica.stop()),
    'kill, and lose the disk': of(isAtWork, async ({ replica }) => {
      await replica.kill()
      replica.loseDisk()
    }),
    start: of(
      ({ replica }) => !replica.isUp(),
      ({ replica }) => replica.start(),
    ),
    'start again': of(
      ({ replica }) => !replica.isUp(),
      ({ replica }) => replica.start(),
    ),
    'stop in the middle': of(isAtWork, ({ replica }) => replica.pause()),
    'go on': of(
      ({ replica }) => replica.isPaused(),
      ({ replica }) => replica.resume(),
    ),
    'cut from the store': of(
      () => true,
      ({ link }) => link.cut(random.pick(CUTS)),
    ),
    'slow to the store': of(
      () => true,
      ({ link }) => link.delay(50 + random.int(700)),
    ),
    'reach the store again': of(
      ({ link }) => !link.isWhole(),
      ({ link }) => link.heal(random.once(2)),
    ),
    'cut from the inventory': of(
      ({ inventory }) => !inventory.isCut,
      ({ inventory }) => {
        inventory.isCut = true
      },
    ),
    'reach the inventory again': of(
      ({ inventory }) => inventory.isCut,
      ({ inventory }) => {
        inventory.isCut = false
      },
    ),
    'kill the store': always(store.killPrimary),
    'start the store': always(store.start),
    'the store hangs': always(store.pausePrimary),
    'the store goes on': always(store.resume),
    'flush the store': always(store.flush),
    'fail over': always(store.failover),
    'targets join': always(() => {
      for (let left = 1 + random.int(3); left > 0; left--) {
        const name = `passing-${made++}.example`
        model.joins(`${name}:9100`)
        passing.add(name)
      }
    }),
    'targets leave': always(() => {
      for (const name of [...passing].slice(0, 1 + random.int(2))) {
        model.leaves(`${name}:9100`)
        passing.delete(name)
      }
    }),
    'a device comes': always(() => {
      const id = `device-${random.int(40)}`
      model.begins(addressOf(id))
      heartbeats.on(id)
    }),
    'a device falls silent': always(() => {
      const ids = heartbeats.ids()
      if (ids.length > 5) heartbeats.off(random.pick(ids))
    }),
    rest: always(world.rest),
  }
  const deal = createDeck(random, Object.keys(STEPS))

  return {
    async next(): Promise<void> {
      const name = deal()
      const done = await STEPS[name]?.()
      if (done === undefined) return
      counts.set(name, (counts.get(name) ?? 0) + 1)
      note(`${name} ${done}`)
      await delay(random.int(PAUSE_MS))
    },
    counts: () => Object.fromEntries(counts),
  }
}
