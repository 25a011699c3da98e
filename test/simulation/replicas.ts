import type { Clock } from '../../src/base/clock.ts'
import { RefreshError } from '../../src/base/errors.ts'
import { createMetrics, type Metrics } from '../../src/base/metrics.ts'
import type { Threads } from '../../src/base/threads.ts'
import { type Cluster, createCluster } from '../../src/cluster/member.ts'
import { type ClusterStore, type Message, StoreError } from '../../src/cluster/store.ts'
import type { SourceSettings } from '../../src/config/settings.ts'
import { createHistory, type OwnHistory } from '../../src/history/history.ts'
import { compileTemplate } from '../../src/mapping/template.ts'
import { JSON_FORMAT } from '../../src/model/document.ts'
import { readRegistration } from '../../src/model/registration.ts'
import { DEFAULT_GUARD } from '../../src/roll/rules.ts'
import { createStore, type Store } from '../../src/snapshot/store.ts'
import { createSource } from '../../src/sources/kinds.ts'
import type { Source } from '../../src/sources/source.ts'
import { createSupervisor, type Supervisor } from '../../src/supervisor.ts'
import { httpOptions } from '../helpers/http-options.ts'
import { type MemoryFiles, memoryFiles } from '../helpers/memory-files.ts'
import { createMemoryStore, type MemoryConnection, type MemoryStore } from '../helpers/memory-store.ts'
import { virtualClock } from './clock.ts'
import { Violation } from './world.ts'

/** The time between two readings of a source, in milliseconds. */
export const INTERVAL_MS = 30_000

/** Requests to the store that are not answered fail after so long, in milliseconds. */
const DEADLINE_MS = 2_000

/** What a network between a replica and the store does with requests and answers. */
export interface Link {
  /** No request arrives. */
  isCutThere: boolean
  /** No answer arrives, and no message. */
  isCutBack: boolean
  /** The longest time, in milliseconds, that anything travels. */
  delayMs: number
}

/** What the inventories say, and how. */
export interface Inventory {
  readonly devices: Set<string>
  /** What the next answers lack, one after the other; then they are whole again. */
  lies: ReadonlySet<string>[]
  isDown: boolean
}

/** A device that registers with any replica, again and again. */
export interface SimulatedDevice {
  readonly id: string
  isOn: boolean
  /** When the last heartbeat began that was acknowledged. */
  ackedMs: number | undefined
  /** When it came back after its lease had expired, on the clock of the store; 0: it never expired. */
  cameBackMs: number
}

/** The source that devices register with, for how long they are believed, and when they ask again what failed. */
export const PUSH = 'push'
const TTL_MS = 90_000
const RETRY_MS = 5_000

/** One of several processes. */
export interface SimulatedReplica {
  readonly name: string
  readonly link: Link
  /** Whether it reaches the inventories. */
  isBlind: boolean
  /** What its wall clock is ahead of the others, in milliseconds. */
  skewMs: number
  supervisor: Supervisor
  cluster: Cluster
  store: Store
  history: OwnHistory
  /** Whether the next process has a history. */
  hasHistory: boolean
  metrics: Metrics
  readonly files: MemoryFiles
  isAlive: boolean
  /** Another number for each process. */
  life(): number
  pause(): void
  resume(): void
}

const quiet = () => {}
const LOG = { info: quiet, warn: quiet, error: quiet, fatal: quiet, child: () => LOG } as never
const NO_THREADS: Threads = {
  run: () => Promise.reject(new Error('nothing that is simulated takes a thread')),
  close: async () => {},
}

/**
 * After so long, in milliseconds, replicas that reach the store serve the same bytes: what was sent before it could be
 * reached runs out first.
 */
const ALIKE_MS = DEADLINE_MS + 2_500

/** How often it is looked whether they do, in milliseconds. */
const LOOK_MS = 200

/** The guard of the simulated sources: nothing is held, so that the other rules show. */
export const GUARD = { ...DEFAULT_GUARD, minTargets: 1_000, holdMs: 120_000 }

function devicesIn(body: Buffer): ReadonlySet<string> {
  const groups = JSON.parse(body.toString()) as { targets: string[] }[]
  return new Set(groups.flatMap(({ targets }) => targets))
}

/** Several replicas, their store, and the network between them, on one virtual clock. */
export function createReplicas(
  names: readonly string[],
  sources: readonly string[],
  random: { int(below: number): number },
  join: typeof createCluster = createCluster,
) {
  const clock = virtualClock()
  const shared = createMemoryStore({ now: () => clock.now() })
  const inventories = new Map<string, Inventory>()
  const devices: SimulatedDevice[] = []
  for (const source of sources) inventories.set(source, { devices: new Set(), lies: [], isDown: false })
  // When answers lacked a device that is there, the last one and the one before, by source and device.
  const lackedMs = new Map<string, readonly [last: number, before: number]>()
  let lives = 0
  let isFailing = false

  function answer(source: string): string {
    const { devices, lies, isDown } = inventories.get(source) as Inventory
    if (isDown) throw new RefreshError('connect', 'simulated')
    const lacked = lies.shift() ?? new Set<string>()
    const shown = [...devices].filter((device) => !lacked.has(device))
    for (const device of lacked) {
      const id = `${source} ${device}`
      const [last] = lackedMs.get(id) ?? [Number.NEGATIVE_INFINITY]
      lackedMs.set(id, [clock.monotonic(), last])
    }
    return JSON.stringify(shown.map((host) => ({ id: host, host })))
  }

  function settingsOf(name: string): SourceSettings {
    const push = {
      kind: 'push' as const,
      name,
      token: undefined,
      ttlMs: TTL_MS,
      maxTtlMs: 3_600_000,
      maxInstances: 1_000,
    }
    return {
      name,
      fingerprint: name,
      source: name === PUSH ? push : httpOptions(new URL(`http://inventory.example/${name}`)),
      plan: {
        records: undefined,
        mapping: {
          source: name,
          targets: [],
          labels: [['id', compileTemplate('{id}')]],
          metaLabels: false,
          defaultPort: 9100,
          ...(name === PUSH && { ownLabels: true }),
        },
        relabelConfigs: [],
      },
      guard: name === PUSH ? { ...GUARD, confirmations: 1 } : GUARD,
      refreshIntervalMs: INTERVAL_MS,
      timeoutMs: 10_000,
      required: true,
      maxStalenessMs: Number.POSITIVE_INFINITY,
      fileSd: undefined,
    }
  }

  function createReplica(name: string) {
    const files = memoryFiles({ clock })
    const link: Link = { isCutThere: false, isCutBack: false, delayMs: 10 }
    let paused: (() => void)[] | undefined

    /** What a process that stands still does not do yet. */
    const whenRunning = (fn: () => void) => (paused === undefined ? fn() : void paused.push(fn))

    function lifeClock(isAlive: () => boolean): Clock {
      return {
        now: () => clock.now() + replica.skewMs,
        monotonic: () => clock.monotonic(),
        after: (delayMs, fn) => clock.after(delayMs, () => whenRunning(() => isAlive() && fn())),
      }
    }

    const travel = () => new Promise<void>((resolve) => clock.after(random.int(link.delayMs + 1), resolve))

    function linked(connection: MemoryConnection, isAlive: () => boolean): ClusterStore {
      function over<Method extends (...given: never[]) => Promise<unknown>>(method: Method): Method {
        const call = async (...given: Parameters<Method>) => {
          let cancel = () => {}
          const failed = new Promise<never>((_, reject) => {
            cancel = clock.after(DEADLINE_MS, () =>
              whenRunning(() => reject(new StoreError('took too long'))),
            )
          })
          failed.catch(() => {})
          const done = (async () => {
            await travel()
            if (link.isCutThere || !isAlive()) return new Promise<never>(() => {})
            const outcome = await method(...given).then(
              (value) => () => value,
              (error) => () => {
                throw error
              },
            )
            await travel()
            if (link.isCutBack) return new Promise<never>(() => {})
            await new Promise<void>((resolve) => whenRunning(resolve))
            return outcome()
          })()
          return Promise.race([done, failed]).finally(cancel)
        }
        return call as unknown as Method
      }
      return {
        meet: over(connection.meet),
        look: over(connection.look),
        release: over(connection.release),
        publish: over(connection.publish),
        take: over(connection.take),
        eventsAfter: over(connection.eventsAfter),
        register: over(connection.register),
        changesSince: over(connection.changesSince),
        knownForMs: over(connection.knownForMs),
        heardSince: over(connection.heardSince),
        expire: over(connection.expire),
        tell: over(connection.tell),
        listen(listener: (message: Message) => void) {
          connection.listen((message) => {
            // Messages overtake each other, and some are lost.
            void travel().then(() => {
              const isKept = message.kind === 'reset' || random.int(10) > 0
              if (!link.isCutBack && isAlive() && isKept) whenRunning(() => listener(message))
            })
          })
        },
        close: connection.close,
      }
    }

    function inventorySource(source: string, own: Clock): Source {
      return {
        async read() {
          await new Promise<void>((resolve) => own.after(random.int(300), resolve))
          if (replica.isBlind) throw new RefreshError('connect', 'simulated')
          const bytes = Buffer.from(answer(source))
          return { kind: 'documents', documents: [{ bytes, format: JSON_FORMAT, name: 'the answer' }] }
        },
        close: async () => {},
      }
    }

    async function boot(): Promise<void> {
      const life = ++lives
      const isAlive = () => replica.isAlive && current === life
      current = life
      replica.isAlive = true
      paused = undefined
      const own = lifeClock(isAlive)
      const metrics = createMetrics('simulation')
      replica.store = createStore()
      replica.metrics = metrics
      const storagePath = `/data/${disk}`
      replica.history = createHistory(
        { storagePath, maxAgeMs: 86_400_000, maxBytes: 2 ** 20, isShared: true },
        { files, clock: own, threads: NO_THREADS, metrics: metrics.history, log: LOG },
      )
      replica.cluster = join(
        { replica: { id: `${name}-${life}`, name, version: 'test' }, key: 'a key' },
        {
          store: linked(shared.connect(), isAlive),
          clock: own,
          log: LOG,
          metrics: metrics.startCluster(),
          history: replica.hasHistory ? replica.history : undefined,
        },
      )
      replica.supervisor = createSupervisor({
        history: replica.hasHistory ? replica.history : undefined,
        store: replica.store,
        clock: own,
        metrics,
        log: LOG,
        threads: NO_THREADS,
        streams: NO_THREADS,
        random: () => random.int(1_000) / 1_000,
        files,
        storagePath,
        cluster: replica.cluster,
        createSource: ((
          settings: Parameters<typeof createSource>[0],
          deps: never,
          before?: Source,
        ): Source =>
          settings.kind === 'push'
            ? createSource(settings, deps, before)
            : inventorySource((settings as { url: URL }).url.pathname.slice(1), own)) as never,
      })
      const { supervisor } = replica
      void supervisor.apply(sources.map(settingsOf), GUARD).then(() => isAlive() && supervisor.start())
    }

    let current = 0
    let disk = 0
    const replica = {
      name,
      link,
      isBlind: false,
      hasHistory: true,
      skewMs: 0,
      files,
      isAlive: false,
      life: () => current,
      boot,
      kill(): void {
        replica.isAlive = false
        paused = undefined
        files.kill()
      },
      /** Dies, and its disk is lost. */
      lose(): void {
        replica.kill()
        disk++
        for (const source of sources) before.delete(`${name} ${source}`)
      },
      pause(): void {
        paused ??= []
      },
      resume(): void {
        const waiting = paused ?? []
        paused = undefined
        for (const fn of waiting) fn()
      },
      isPaused: () => paused !== undefined,
      /** Ends as a process that is told to. */
      async stop(): Promise<void> {
        await replica.supervisor.stop()
        replica.isAlive = false
      },
    } as SimulatedReplica & {
      boot(): Promise<void>
      kill(): void
      lose(): void
      stop(): Promise<void>
      isPaused(): boolean
    }
    return replica
  }

  const replicas = names.map(createReplica)
  // What each replica served last, by source: the devices, and the generation.
  const before = new Map<string, { devices: ReadonlySet<string>; generation: number; life: string }>()
  let checks = 0
  const parsed = new WeakMap<Buffer, ReadonlySet<string>>()

  async function settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
  }

  function servedBy(replica: SimulatedReplica, source: string): ReadonlySet<string> | undefined {
    const body = replica.store.get(source)?.snapshot?.body
    if (body === undefined) return undefined
    const known = parsed.get(body) ?? devicesIn(body)
    parsed.set(body, known)
    return known
  }

  /** No loss, and no step back. */
  function check(): void {
    for (const replica of replicas) {
      if (!replica.isAlive) continue
      for (const source of sources) checkSource(replica, source)
    }
  }

  function checkSource(replica: SimulatedReplica, source: string): void {
    const id = `${replica.name} ${source}`
    const served = servedBy(replica, source)
    if (served === undefined) return
    const last = before.get(id)
    if (last?.devices === served) return
    const life = String(replica.life())
    const { generation = 0 } = replica.cluster.statusOf(source) ?? {}
    if (last !== undefined) {
      checks++
      for (const device of last.devices) {
        if (!served.has(device) && mustStay(source, device.split(':')[0] as string, last.generation))
          throw new Violation(`${device} of ${source} is in the inventory, and left ${replica.name}`)
      }
      if (last.life === life && generation < last.generation)
        throw new Violation(
          `${replica.name} went back from generation ${last.generation} to ${generation} of ${source}`,
        )
    }
    before.set(id, { devices: served, generation, life })
  }

  /** A device says that it is there, to whichever replica a balancer chooses. */
  async function beat(device: SimulatedDevice): Promise<void> {
    if (!device.isOn) return
    const candidates = replicas.filter((one) => one.isAlive && !one.isPaused())
    const startMs = clock.monotonic()
    const instances = candidates[random.int(candidates.length)]?.supervisor.instances(PUSH)
    const registration = readRegistration({ address: `${device.id}:9100`, labels: {} })
    const given = new Promise<never>((_, reject) => clock.after(10_000, () => reject(new Error('gave up'))))
    given.catch(() => {})
    try {
      await Promise.race([instances?.register(device.id, registration) ?? given, given])
      if (device.isOn) acknowledge(device, startMs)
      clock.after(TTL_MS / 3, () => void beat(device))
    } catch {
      clock.after(RETRY_MS, () => void beat(device))
    }
  }

  function acknowledge(device: SimulatedDevice, startMs: number): void {
    if (device.ackedMs !== undefined && !isLeased(device)) device.cameBackMs = clock.now()
    device.ackedMs = startMs
  }

  /** Its last heartbeat is not old enough. */
  function isLeased({ ackedMs }: SimulatedDevice): boolean {
    return ackedMs !== undefined && clock.monotonic() - ackedMs < TTL_MS
  }

  /** It has a lease, and let none expire since a generation was made: a newer one may lack who only came back. */
  function isLeasedSince(id: string, generation: number): boolean {
    const device = devices.find((one) => one.id === id)
    return device !== undefined && isLeased(device) && device.cameBackMs <= generation
  }

  /**
   * It is there, and no two answers lacked it lately: each replica may have read others.
   * @param generation the last one by which it was served, which is about the time of the store when it was made
   */
  function mustStay(source: string, device: string, generation: number): boolean {
    if (source === PUSH) return isLeasedSince(device, generation)
    const [, before] = lackedMs.get(`${source} ${device}`) ?? []
    const isThere = inventories.get(source)?.devices.has(device) === true
    return isThere && (before === undefined || clock.monotonic() - before > 600_000)
  }

  // When something was last not as it should be, and when the newest generation was last another one.
  let disturbedMs = 0
  let newest = ''
  let newestMs = 0
  let lookedMs = 0

  const isDisturbed = () =>
    isFailing ||
    replicas.some(
      (one) =>
        !one.isAlive || one.isPaused() || one.link.isCutThere || one.link.isCutBack || one.link.delayMs > 50,
    )

  /** Replicas that reached the store for a while serve the same bytes, when nothing was published lately. */
  function checkAlike(): void {
    const nowMs = clock.monotonic()
    if (nowMs - lookedMs < LOOK_MS) return
    lookedMs = nowMs
    if (isDisturbed()) disturbedMs = nowMs
    const states = replicas.map(({ cluster }) =>
      sources.map((source) => cluster.statusOf(source)?.generation),
    )
    const now = String(states.map((state) => state.reduce((most = 0, one = 0) => Math.max(most, one))))
    if (now !== newest) newestMs = nowMs
    newest = now
    if (nowMs - disturbedMs >= ALIKE_MS && nowMs - newestMs >= ALIKE_MS) assertAlike()
  }

  function assertAlike(): void {
    for (const source of sources) {
      const states = replicas.map(({ name, store, cluster }) => ({
        name,
        digest: store.get(source)?.snapshot?.digest,
        at: cluster.statusOf(source),
      }))
      const [first, ...others] = states.filter(({ at }) => at !== undefined)
      const other = others.find(({ digest }) => digest !== first?.digest)
      if (other !== undefined)
        throw new Violation(`${source}: not the same bytes: ${JSON.stringify([first, other])}`)
    }
  }

  function thereIn(source: string): string[] {
    if (source === PUSH) return devices.filter(({ isOn }) => isOn).map(({ id }) => id)
    return [...(inventories.get(source) as Inventory).devices]
  }

  /** Everything is served that there is, and nothing else. */
  function assertFresh(): void {
    for (const replica of replicas) {
      for (const source of sources) {
        const there = thereIn(source).map((device) => `${device}:9100`)
        const served = [...(servedBy(replica, source) ?? [])]
        if (String(served.sort()) !== String(there.sort()))
          throw new Violation(`${replica.name} serves ${served} of ${source}, and there are ${there}`)
      }
    }
  }

  /** An event that all replicas have says the same everywhere, and none has it twice. */
  async function assertSameEvents(): Promise<void> {
    const known = new Map<string, string>()
    for (const { name, history } of replicas) {
      const { events } = await history.find({ limit: 100_000 })
      const own = new Set<string>()
      for (const { id, source, isShared, ...event } of events) {
        const key = `${id} of ${source}`
        const said = JSON.stringify(event)
        if (own.has(key)) throw new Violation(`${name} has the event ${key} twice`)
        own.add(key)
        if (isShared !== true) continue
        const other = known.get(key)
        if (other !== undefined && other !== said)
          throw new Violation(`${name} says of the event ${key}: ${said}, and another one ${other}`)
        known.set(key, said)
      }
    }
  }

  return {
    clock,
    shared: shared as MemoryStore,
    inventories,
    replicas,
    checks: () => checks,
    devices,
    settingsOf,
    /** A new device begins to register. */
    addDevice(id: string): void {
      const device: SimulatedDevice = { id, isOn: true, ackedMs: undefined, cameBackMs: 0 }
      devices.push(device)
      clock.after(random.int(TTL_MS / 3), () => void beat(device))
    },
    assertAlike,
    assertFresh,
    assertSameEvents,
    servedBy,
    /** From now on the store fails; undefined: it works again. */
    fail(why: string | undefined): void {
      isFailing = why !== undefined
      shared.fail(why)
    },
    /** Something happened to the store that replicas have to find out. */
    disturb(): void {
      disturbedMs = clock.monotonic()
    },
    async pass(ms: number): Promise<void> {
      const endMs = clock.monotonic() + ms
      await settle()
      while (clock.step(endMs)) {
        await settle()
        check()
        checkAlike()
      }
      await settle()
      check()
    },
  }
}
