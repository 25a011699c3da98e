import { setTimeout as delay } from 'node:timers/promises'
import { addressOf, createHeartbeats } from '../helpers/heartbeats.ts'
import { loadBalancer } from '../helpers/load-balancer.ts'
import { createRandom } from '../helpers/random.ts'
import { poll, watch } from '../helpers/replica-watch.ts'
import { createReplicas } from '../helpers/replicas.ts'
import type { Scope } from '../helpers/scope.ts'
import { createHistory } from './history.ts'
import { createReplicasModel } from './replicas-model.ts'
import { createInventoryLink, createStoreLink } from './replicas-network.ts'
import { createReplicasSteps, type Node } from './replicas-steps.ts'
import { MASTER, startWatchedStore } from './replicas-store.ts'

/** In the inventory all the time. */
const HOSTS = Array.from({ length: 40 }, (_, index) => `always-${index}.example`)

const TTL_MS = 10_000
const HEARTBEAT_MS = 1_000

/** Once everything is right, replicas serve the same bytes so soon; what differs then is the same again in so long. */
const ALIKE_WITHIN_MS = 5_000
const DIFFERS_FOR_MS = 2_000
const LOOKS_FOR_MS = 3_000

/** A device without heartbeats expires, and a target that left is held, before that. */
const CONVERGES_WITHIN_MS = TTL_MS + 20_000

/** What a run of several replicas is told. */
export interface ReplicasRunOptions {
  readonly replicas: number
  readonly seconds: number
  readonly seed: number
  readonly print: (line: string) => void
}

/** How it went. */
export interface ReplicasSummary {
  readonly seed: number
  readonly steps: Readonly<Record<string, number>>
  /** Answers by status, of the balancer and of each replica; 0 is none. */
  readonly polls: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly heartbeats: { readonly acknowledged: number; readonly failed: number }
  /** How long it took until all were alike, at most, in milliseconds. */
  readonly slowestAlikeMs: number
  readonly violation: string | undefined
  readonly tail: readonly string[]
}

/** Misbehaves for so long around several replicas, then lets them converge; ends at the first broken promise. */
export async function runReplicasChaos(scope: Scope, options: ReplicasRunOptions): Promise<ReplicasSummary> {
  const random = createRandom(options.seed)
  const history = createHistory(options.print)
  const isOver = () => history.violation() !== undefined
  const model = createReplicasModel(
    HOSTS.map((host) => `${host}:9100`),
    TTL_MS,
  )
  const passing = new Set<string>()
  const store = await startWatchedStore(scope)
  const nodes = await createNodes(scope, options.replicas, store, () => [...HOSTS, ...passing])
  const balancer = await loadBalancer(scope)
  const heartbeats = createHeartbeats(scope, balancer.url, HEARTBEAT_MS, (id, sentMs) =>
    model.acked(addressOf(id), sentMs),
  )
  let slowestAlikeMs = 0

  async function within(ms: number, what: string, ask: () => Promise<string | undefined>): Promise<void> {
    const end = performance.now() + ms
    for (;;) {
      const why = await ask()
      if (why === undefined || isOver()) return
      if (performance.now() > end) return history.violated(`not within ${ms} ms: ${what}: ${why}`)
      await delay(50)
    }
  }

  const polls = () => Promise.all(nodes.map(({ replica }) => poll(replica.url)))

  /** Why the replicas do not serve the same bytes now; undefined: they do. */
  async function differs(): Promise<string | undefined> {
    const tags = (await polls()).map((one) => one?.etag?.slice(1, 9) ?? `no list (${one?.status})`)
    return new Set(tags).size === 1 ? undefined : tags.join(', ')
  }

  async function repair(): Promise<void> {
    for (const { replica, link, inventory } of nodes) {
      link.heal(random.once(2))
      inventory.isCut = false
      replica.resume()
    }
    store.resume()
    await store.start()
    await store.settled()
    await Promise.all(nodes.map(({ replica }) => (replica.isUp() ? undefined : replica.start())))
  }

  /** Puts everything right; then all are alike soon, and stay so, but for a moment whenever something changes. */
  async function rest(): Promise<void> {
    await repair()
    const began = performance.now()
    await within(ALIKE_WITHIN_MS, 'all replicas serve the same', differs)
    slowestAlikeMs = Math.max(slowestAlikeMs, Math.round(performance.now() - began))
    const end = performance.now() + LOOKS_FOR_MS
    while (!isOver() && performance.now() < end) {
      await within(DIFFERS_FOR_MS, 'all replicas serve the same once more', differs)
      await delay(100)
    }
  }

  async function converged(): Promise<string | undefined> {
    const wanted = [...model.targets(), ...heartbeats.ids().map(addressOf)].sort().join()
    const wrong = (await polls()).findIndex((one) => [...(one?.targets ?? [])].sort().join() !== wanted)
    return wrong === -1 ? undefined : `${nodes[wrong]?.replica.name} serves something else`
  }

  await Promise.all(nodes.map(({ replica }) => replica.start()))
  for (const { replica } of nodes) balancer.add(replica.url)
  for (let index = 0; index < 20; index++) {
    const id = `device-${index}`
    model.begins(addressOf(id))
    heartbeats.on(id)
  }
  const violated = (what: string | undefined) => {
    if (what !== undefined) history.violated(what)
  }
  await within(CONVERGES_WITHIN_MS, 'all serve what there is, at first', converged)
  const watched = new Map([
    ['balancer', watch(scope, balancer.url, (list) => violated(model.shows('the balancer', list)))] as const,
    ...nodes.map(({ replica }) => {
      const { name, url } = replica
      const seen = (list: Parameters<typeof model.shows>[1], beganMs: number, life: string) =>
        violated(model.showsOf(name, life, { ...list, beganMs, endedMs: performance.now() }))
      return [name, watch(scope, url, seen, 100, () => `${name} ${replica.life()}`)] as const
    }),
  ])
  const steps = createReplicasSteps({
    ...{ random, nodes, store, model, heartbeats, passing, rest },
    note: history.add,
  })
  const end = performance.now() + options.seconds * 1_000
  while (!isOver() && performance.now() < end) await steps.next()
  if (!isOver()) await rest()
  await within(CONVERGES_WITHIN_MS, 'all serve exactly what there is', converged)
  return {
    seed: options.seed,
    steps: steps.counts(),
    polls: Object.fromEntries(
      [...watched].map(([name, { statuses }]) => [name, Object.fromEntries(statuses)] as const),
    ),
    heartbeats: { acknowledged: heartbeats.acked(), failed: heartbeats.failures().length },
    slowestAlikeMs,
    violation: history.violation(),
    tail: [...history.tail(), ...nodes.flatMap(({ replica }) => loggedLast(replica.name, replica.log()))],
  }
}

/** Replicas, each with its own ways to the store and to the inventory. */
async function createNodes(
  scope: Scope,
  count: number,
  store: Awaited<ReturnType<typeof startWatchedStore>>,
  names: () => readonly string[],
): Promise<Node[]> {
  const parts = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const link = createStoreLink(scope)
      // What the Sentinel says goes through the same link: all ports have as many digits.
      const ways = new Map<string, string>()
      for (const port of store.ports) ways.set(String(port), String(await link.through(port)))
      const rewrite = (bytes: Buffer) => {
        const text = bytes.toString('latin1').replace(/\b\d{5}\b/g, (port) => ways.get(port) ?? port)
        return Buffer.from(text, 'latin1')
      }
      const sentinel = await link.through(store.sentinel.port, rewrite)
      const inventory = await createInventoryLink(scope, names)
      return { name: `replica-${index}`, link, sentinel, inventory }
    }),
  )
  const of = (name: string) => parts.find((one) => one.name === name) as (typeof parts)[number]
  const replicas = await createReplicas(
    scope,
    parts.map(({ name }) => name),
    {
      redis: (name) =>
        `{ sentinel: { master: ${MASTER}, urls: ["redis://127.0.0.1:${of(name).sentinel}"] } }`,
      inventory: (name) => of(name).inventory.url,
      refreshInterval: '1s',
      ttl: `${TTL_MS}ms`,
      guard: '{ hold: 3s, hold_empty: 3s }',
    },
  )
  return replicas.map((replica) => ({ replica, ...of(replica.name) }))
}

/** The last lines of a log, for a violation. */
function loggedLast(name: string, log: string): string[] {
  return [`${name} logged last:`, ...log.trim().split('\n').slice(-15)]
}
