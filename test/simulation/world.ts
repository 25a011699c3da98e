import { RefreshError } from '../../src/base/errors.ts'
import type { RefreshResult } from '../../src/base/metrics.ts'
import { createMetrics } from '../../src/base/metrics.ts'
import type { Threads } from '../../src/base/threads.ts'
import type { SourceSettings } from '../../src/config/settings.ts'
import { compileTemplate } from '../../src/mapping/template.ts'
import { JSON_FORMAT } from '../../src/model/document.ts'
import { readRegistration } from '../../src/model/registration.ts'
import { DEFAULT_GUARD } from '../../src/roll/rules.ts'
import { createStore, type Store } from '../../src/snapshot/store.ts'
import { createSource } from '../../src/sources/kinds.ts'
import type { Reading, Source } from '../../src/sources/source.ts'
import { createSupervisor, type Supervisor } from '../../src/supervisor.ts'
import { httpOptions } from '../helpers/http-options.ts'
import { memoryFiles } from '../helpers/memory-files.ts'
import { virtualClock } from './clock.ts'
import { PlainFleet, type PlainMoment, type PlainReading, PlainRoll, type PlainTarget } from './model.ts'

/** One thing of an inventory. */
export interface Device {
  readonly id: string
  host: string
  site: string
  path: string
  isActive: boolean
  isBroken: boolean
  /** Without an id its host is its key. */
  hasId: boolean
  label: 'text' | 'object' | 'null'
}

/** How the inventory of a source answers. */
export type Mood = 'well' | 'fails' | 'empty' | 'flaps' | 'half' | 'rubbish'

/** What a source is configured as. */
export interface Config {
  readonly inventory: string
  readonly filter: 'none' | 'active' | 'nothing'
  readonly kind: 'http' | 'push'
}

const INTERVAL_MS = 300_000

/** How long a device is believed. */
const TTL_MS = 600_000
const FOLDER = '/data'

/** The guard of the simulated sources: shorter times than the defaults, so that more happens. */
export const GUARD = { ...DEFAULT_GUARD, minTargets: 4, holdMs: 1_800_000, holdEmptyMs: 7_200_000 }

/** Nothing here is large enough for a thread. */
const NO_THREADS: Threads = {
  run: () => Promise.reject(new Error('nothing that is simulated takes a thread')),
  close: async () => {},
}

/** No line is ever looked at. */
const quiet = () => {}
const LOG = { info: quiet, warn: quiet, error: quiet, fatal: quiet, child: () => LOG } as never

/** What is on disk of a source. */
interface PlainKept extends PlainMoment {
  readonly roll: PlainRoll
  /** Whether a runner wrote it that is no more: the next one writes it first of all. */
  readonly isInherited: boolean
  /** The last success that it tells of, on the wall clock. */
  readonly successMs: number
  readonly timeless: string
  readonly address: string
}

/** A violation of one of the four invariants. */
export class Violation extends Error {}

/** A process with its inventories, disk and devices, and the plain model beside it. */
export function createWorld(random: { int(below: number): number }) {
  const clock = virtualClock()
  const files = memoryFiles({ clock })
  const inventories = new Map<string, { devices: Device[]; mood: Mood; seed: number }>()
  const metrics = createMetrics('simulation')
  const { refreshes, duration } = metrics.source
  const heartbeats = new Map<string, { lastMs: number; label: string }>()

  // One life of the process.
  let registered: { get(id: string): unknown } | undefined
  let life = 0
  let supervisor: Supervisor
  let store: Store
  let configs: ReadonlyMap<string, Config> = new Map()
  let busy = 0
  const results = new Map<string, RefreshResult>()
  const gave = new Map<string, Reading>()
  const lastDocuments = new Map<string, string>()

  // The model.
  const rolls = new Map<string, PlainRoll>()
  const kept = new Map<string, PlainKept>()
  const gone = new Map<string, PlainRoll>()
  let fleet = new PlainFleet()
  let checks = 0
  let found: Error | undefined

  const inc = refreshes.inc.bind(refreshes)
  refreshes.inc = ((labels: { source: string; result: RefreshResult }, count?: number) => {
    if (count !== 0) results.set(labels.source, labels.result)
    inc(labels, count)
  }) as typeof refreshes.inc
  const observe = duration.observe.bind(duration)
  duration.observe = ((labels: { source: string }, seconds: number) => {
    observe(labels, seconds)
    busy--
    try {
      readOver(labels.source)
    } catch (error) {
      // Not here: what is thrown here is thrown into the runner.
      found ??= error as Error
    }
  }) as typeof duration.observe

  /** The documents of an inventory at this moment. */
  function documentsOf(name: string): string {
    const { devices, mood } = inventories.get(name) as { devices: Device[]; mood: Mood }
    if (mood === 'fails') throw new RefreshError('connect', 'simulated')
    if (mood === 'rubbish') return '<html>'
    if (mood === 'empty') return '[]'
    const shown = devices.filter((_, index) => {
      if (mood === 'flaps') return random.int(4) > 0
      return mood !== 'half' || index % 2 === 0
    })
    return JSON.stringify(shown.map(recordOf))
  }

  /** Wraps a source of any kind, so that the model hears what was read. */
  function simulated(
    settings: Parameters<typeof createSource>[0],
    deps: Parameters<typeof createSource>[1],
    before?: Source,
  ): Source {
    const born = life
    const name =
      settings.kind === 'push'
        ? settings.name
        : ((settings as { url: URL }).url.pathname.split('/')[2] as string)
    const inner: Source =
      settings.kind === 'push'
        ? createSource(settings, deps, before)
        : {
            async read() {
              const inventory = (settings as { url: URL }).url.pathname.split('/')[1] as string
              const bytes = Buffer.from(documentsOf(inventory))
              return { kind: 'documents', documents: [{ bytes, format: JSON_FORMAT, name: 'the answer' }] }
            },
            close: async () => {},
          }
    if (inner.registry !== undefined) registered = inner.registry.table
    return {
      ...inner,
      async read(signal, since) {
        if (born === life) busy++
        const reading = await inner.read(signal, since)
        if (born === life) gave.set(name, reading)
        return reading
      },
    }
  }

  function settingsOf(name: string, { inventory, filter, kind }: Config): SourceSettings {
    const http = httpOptions(new URL(`http://inventory.example/${inventory}/${name}`))
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
      fingerprint: JSON.stringify([inventory, filter]),
      source: kind === 'push' ? push : http,
      plan: {
        records: filter === 'none' ? undefined : filter === 'active' ? '[?active]' : '[?nothing]',
        mapping: {
          source: name,
          targets: [],
          labels: [
            ['__metrics_path__', compileTemplate('{path}')],
            ['site', compileTemplate('{site}')],
          ],
          metaLabels: false,
          defaultPort: 9100,
          ...(kind === 'push' && { ownLabels: true }),
        },
        relabelConfigs: [],
      },
      guard: kind === 'push' ? { ...GUARD, confirmations: 1 } : GUARD,
      refreshIntervalMs: INTERVAL_MS,
      timeoutMs: 10_000,
      required: false,
      maxStalenessMs: Number.POSITIVE_INFINITY,
      fileSd: undefined,
    }
  }

  // What the model makes of a reading.

  function readOver(source: string): void {
    const reading = gave.get(source)
    const result = results.get(source)
    gave.delete(source)
    const config = configs.get(source)
    if (result === 'failed' && config !== undefined && rolls.has(source)) keep(source, config)
    if (result === 'failed' || reading === undefined || config === undefined) return
    if (reading.kind === 'documents') {
      lastDocuments.set(source, reading.documents.map(({ bytes }) => Buffer.from(bytes).toString()).join())
    }
    takeBack(source)
    const roll = rolls.get(source)
    // A first list that is empty is not believed at once: the model takes over when there is one.
    if (roll === undefined && store.get(source)?.snapshot === undefined) return
    const plain = plainOf(source, config)
    const now = roll ?? newRoll(source, config)
    now.read(plain, clock.monotonic(), fleet)
    check(source)
    keep(source, config)
  }

  /** What was removed and is still held goes on where it was, when its source is configured again. */
  function takeBack(source: string): void {
    const roll = gone.get(source)
    if (roll === undefined || !configs.has(source) || store.get(source)?.snapshot === undefined) return
    gone.delete(source)
    rolls.set(source, roll)
    // All of it was served within the hour.
    fleet.note(source, roll.targets.size, 0, clock.monotonic())
  }

  function newRoll(source: string, { kind }: Config): PlainRoll {
    const roll = new PlainRoll(kind === 'push' ? { ...GUARD, confirmations: 1 } : GUARD)
    roll.name = source
    rolls.set(source, roll)
    return roll
  }

  function keep(source: string, { inventory }: Config): void {
    const roll = rolls.get(source) as PlainRoll
    const timeless = roll.timeless()
    const before = kept.get(source)
    const isSame = before?.timeless === timeless && before.address === inventory
    const successMs = store.get(source)?.status.lastSuccess?.wallMs as number
    // A runner writes it first of all, and then that it is still right once a minute.
    if (isSame && !before.isInherited && successMs - before.successMs < 60_000) return
    const at = { atMs: clock.monotonic(), wallMs: clock.now(), successMs, isInherited: false }
    kept.set(source, { roll: roll.clone(), ...at, timeless, address: inventory })
  }

  /** Another runner goes on with what is kept of a source. */
  function inherit(source: string): void {
    const before = kept.get(source)
    if (before !== undefined) kept.set(source, { ...before, isInherited: true })
  }

  function plainOf(source: string, { filter, inventory, kind }: Config): PlainReading {
    const records = JSON.parse(lastDocuments.get(source) as string) as Record<string, unknown>[]
    const isSelected = ({ active }: Record<string, unknown>) =>
      filter === 'none' || (filter === 'active' && active === true)
    const selected = records.filter(isSelected)
    const present = new Map<string, PlainTarget>()
    const unreadable = new Set<string>()
    let keyless = 0
    let broken = 0
    for (const record of selected) {
      const { id, host, site, path } = record
      const isText = typeof host === 'string'
      const key = typeof id === 'string' ? id : isText ? host : undefined
      const isMisplaced = typeof path === 'object' && path !== null
      if (!isText || isMisplaced) {
        if (key === undefined) keyless++
        else unreadable.add(key)
      }
      if (!isText) broken++
      if (!isText) continue
      const address = String(kind === 'push' ? record.address : `${host}:9100`)
      const place = typeof path === 'string' && path !== '' ? path : ''
      const own = kind === 'push' ? Object.entries(record.labels as Record<string, string>) : []
      const labels: [string, string][] = [['__meta_rollcall_source', source], ...own]
      if (place !== '') labels.push(['__metrics_path__', place])
      if (typeof site === 'string' && site !== '') labels.push(['site', site])
      labels.sort(([a], [b]) => (a < b ? -1 : 1))
      present.set(address + place, {
        address,
        labels: JSON.stringify(Object.fromEntries(labels)),
        key: key as string,
      })
    }
    const notSelected = filter === 'none' ? 0 : records.length - selected.length
    return { present, unreadable, keyless, idle: notSelected + broken, selection: `${inventory} ${filter}` }
  }

  // The invariants.

  /** What is served of a source, as the model writes it. */
  function servedOf(source: string): string[] {
    return addresses(store.get(source)?.snapshot?.body)
  }

  /** No loss, no invention, freshness and an end: what is served is what the plain rules say, no more and no less. */
  function check(source: string): void {
    checks++
    const [served, expected] = [servedOf(source), (rolls.get(source) as PlainRoll).served()]
    if (served.length === expected.length && served.every((one, index) => one === expected[index])) return
    const lost = expected.filter((one) => !served.includes(one))
    const extra = served.filter((one) => !expected.includes(one))
    throw new Violation(
      `${source}: lost ${lost.slice(0, 3).join(', ') || 'none'}; too many ${extra.slice(0, 3).join(', ') || 'none'}`,
    )
  }

  /** Every target of every source is in the list of all, and every device that is heard of is known. */
  function checkAll(): void {
    for (const source of rolls.keys())
      if (configs.has(source) && store.get(source)?.snapshot !== undefined) check(source)
    const { snapshot } = store.combined()
    if (snapshot === undefined) return
    const all = new Set(addresses(Buffer.concat(snapshot.plain)))
    for (const { name, snapshot: own } of store.list()) {
      for (const one of addresses(own?.body)) {
        if (!all.has(one)) throw new Violation(`${one} of ${name} is not in the list of all`)
      }
    }
  }

  /** Targets of removed sources leave together, when they are not too many of all. */
  function noteGone(): void {
    const held = store.removed().snapshots.flatMap(({ body }) => addresses(body))
    // One that is ready may leave while another is waited for.
    const left = [...gone].filter(([name, { targets }]) => {
      const label = `"__meta_rollcall_source":"${name.split('.')[0]}"`
      return targets.size > 0 && !held.some((one) => one.includes(label))
    })
    const missing = left.reduce((sum, [, { targets }]) => sum + targets.size, 0)
    if (missing === 0) return
    if (fleet.isTooMany(missing, GUARD, clock.monotonic()))
      throw new Violation(`${missing} left with their source`)
    fleet.lose(missing, clock.monotonic())
    for (const [name] of left) {
      kept.delete(name)
      gone.delete(name)
    }
  }

  /** Lets everything that has begun end. */
  async function settle(): Promise<void> {
    for (let turn = 0; busy > 0 || turn < 2; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (turn > 100_000) throw new Violation('something never ends')
    }
    if (found !== undefined) throw found
    if (gone.size > 0) {
      await supervisor.accept('f'.repeat(64))
      noteGone()
    }
  }

  function restarted({ roll, ...at }: PlainMoment & { readonly roll: PlainRoll }): PlainRoll {
    const next = roll.clone()
    next.restart(at, { atMs: clock.monotonic(), wallMs: clock.now() })
    return next
  }

  /** Begins a life of the process with what is on disk. */
  async function boot(): Promise<void> {
    life++
    busy = 0
    gave.clear()
    for (const name of kept.keys()) inherit(name)
    store = createStore()
    fleet = fleet.restart(clock.monotonic())
    rolls.clear()
    supervisor = createSupervisor({
      store,
      clock,
      metrics,
      log: LOG,
      threads: NO_THREADS,
      streams: NO_THREADS,
      random: () => random.int(1_000) / 1_000,
      files,
      createSource: simulated as typeof createSource,
      storagePath: FOLDER,
    })
    const settings = [...configs].map(([name, config]) => settingsOf(name, config))
    await supervisor.apply(settings, GUARD)
    for (const [name, { inventory }] of configs) {
      const before = kept.get(name)
      if (before === undefined || before.address !== inventory) continue
      const roll = restarted(before)
      rolls.set(name, roll)
      fleet.note(name, roll.targets.size, 0, clock.monotonic())
      check(name)
    }
    // What is kept of other sources, or of other inventories, is as of sources that were removed.
    gone.clear()
    for (const [name, before] of kept) {
      if (configs.get(name)?.inventory === before.address) continue
      const roll = restarted(before)
      gone.set(configs.has(name) ? `${name}.other` : name, roll)
      fleet.note(roll.name, roll.targets.size, 0, clock.monotonic())
      fleet.present.set(roll.name, rolls.get(roll.name)?.targets.size ?? 0)
    }
    supervisor.start()
    await settle()
  }

  return {
    clock,
    inventories,
    heartbeats,
    checks: () => checks,
    configs: () => configs,
    boot,
    settle,
    checkAll,
    served: (source: string) => servedOf(source),
    async pass(ms: number): Promise<void> {
      const endMs = clock.monotonic() + ms
      // What was removed is looked at by a timer of its own, without a reading.
      while (clock.step(endMs)) if (busy > 0 || gone.size > 0) await settle()
      await settle()
      checkAll()
    },
    /** The process dies; another takes its place. */
    async kill(): Promise<void> {
      const leased = [...heartbeats].filter(([, { lastMs }]) => clock.monotonic() - lastMs < TTL_MS)
      files.kill()
      clock.clear()
      await boot()
      const lost = configs.has('push') ? leased.find(([id]) => registered?.get(id) === undefined) : undefined
      if (lost !== undefined) throw new Violation(`${lost[0]} was acknowledged, and is lost with the process`)
    },
    configure(next: ReadonlyMap<string, Config>): void {
      configs = next
    },
    async reload(next: ReadonlyMap<string, Config>): Promise<void> {
      // What was registered is deleted when its targets have left.
      if (!next.has('push')) heartbeats.clear()
      for (const name of configs.keys()) {
        if (next.has(name)) continue
        const roll = rolls.get(name)
        if (roll !== undefined) gone.set(name, roll)
        rolls.delete(name)
        fleet.forget(name, clock.monotonic())
      }
      const added = [...next.keys()].filter((name) => !configs.has(name))
      for (const [name, config] of next)
        if (JSON.stringify(configs.get(name)) !== JSON.stringify(config)) inherit(name)
      configs = next
      await supervisor.apply(
        [...next].map(([name, config]) => settingsOf(name, config)),
        GUARD,
      )
      for (const name of added) {
        takeBack(name)
        gone.delete(name)
      }
      if (gone.size > 0) noteGone()
      await settle()
      checkAll()
    },
    /** An operator accepts what is held first, if anything is. */
    async accept(): Promise<void> {
      for (const { name, status } of store.list()) {
        const [held] = status.held
        const roll = rolls.get(name)
        if (held === undefined || roll === undefined) continue
        const before = servedOf(name)
        await supervisor.accept(held.digest, name)
        await settle()
        const now = new Set(servedOf(name))
        const left = before.filter((one) => !now.has(one))
        if (left.length !== held.targets)
          throw new Violation(`${left.length} of ${held.targets} accepted targets left`)
        roll.accept(new Set(left), clock.monotonic(), fleet)
        check(name)
        keep(name, configs.get(name) as Config)
        return
      }
    },
    async webhook(): Promise<void> {
      await supervisor.refresh()
      await settle()
    },
    /** A device says that it is there. */
    async register(source: string, id: string, label: string): Promise<void> {
      const instances = supervisor.instances(source)
      if (instances === undefined) return
      await instances.register(id, readRegistration({ address: `${id}.example:9100`, labels: { label } }))
      heartbeats.set(id, { lastMs: clock.monotonic(), label })
    },
    async leave(source: string, id: string): Promise<void> {
      await supervisor.instances(source)?.leave(id)
      heartbeats.delete(id)
    },
  }
}

function recordOf({ id, host, site, path, isActive, isBroken, hasId, label }: Device) {
  return {
    ...(hasId && { id }),
    host: isBroken ? {} : host,
    site: label === 'text' ? site : label === 'null' ? null : { name: site },
    ...(path !== '' && { path: label === 'object' ? { is: path } : path }),
    active: isActive,
  }
}

/** The targets of an encoded list, each with its labels. */
function addresses(body: Uint8Array | undefined): string[] {
  if (body === undefined) return []
  const groups = JSON.parse(Buffer.from(body).toString()) as { targets: string[]; labels: object }[]
  return groups
    .flatMap(({ targets, labels }) => targets.map((one) => `${one} ${JSON.stringify(labels)}`))
    .sort()
}
