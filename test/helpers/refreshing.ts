import type { Test } from 'tap'
import { createFiles } from '../../src/base/files.ts'
import { createMetrics } from '../../src/base/metrics.ts'
import { createThreads, type Threads } from '../../src/base/threads.ts'
import { compileTemplate } from '../../src/mapping/template.ts'
import type { PlanOptions } from '../../src/pipeline/plan.ts'
import { createRoom } from '../../src/refresh/compute.ts'
import { fileSdOutput, type Output } from '../../src/refresh/outputs.ts'
import { createRunner, type RunnerDeps } from '../../src/refresh/runner.ts'
import { createFleet, type Fleet } from '../../src/roll/fleet.ts'
import { createShelves, type Kept } from '../../src/roll/kept.ts'
import type { Roll } from '../../src/roll/roll.ts'
import { DEFAULT_GUARD, type GuardOptions } from '../../src/roll/rules.ts'
import { createStore } from '../../src/snapshot/store.ts'
import { createHttpSource } from '../../src/sources/http/source.ts'
import type { Source } from '../../src/sources/source.ts'
import { type ManualClock, manualClock } from './clock.ts'
import { seriesValue } from './exposition.ts'
import { httpOptions } from './http-options.ts'
import { inventoryServer } from './inventory-server.ts'
import { recordingLog } from './log.ts'

/** The names of so many sensors, as the simplest inventory gives them. */
export const names = (count: number, first = 0) =>
  Array.from({ length: count }, (_, index) => `sensor_${first + index}`)

/** The time between refreshes, in milliseconds. */
export const INTERVAL_MS = 30_000

/** A fleet of which each disturbance happens once, between the moment for which a reading is judged and its judgement. */
export const disturbed = (fleet: Fleet, disturbances: (() => void)[]): Fleet => ({
  ...fleet,
  scope(nowMs) {
    const scope = fleet.scope(nowMs)
    disturbances.shift()?.()
    return scope
  },
})

/** The runner of one source, of a real inventory of three sensors unless another source is given. */
export async function refreshing(
  t: Test,
  options: {
    name?: string
    file?: string
    /** The folder that keeps the list. */
    storage?: string
    /** Of the inventory, one for each way that leads to it. */
    addresses?: string[]
    guard?: Partial<GuardOptions>
    selection?: string
    source?: Source
    clock?: ManualClock
    threads?: Threads
    maxInMemoryBytes?: number
    load?: () => Promise<Kept | undefined>
    outputs?: Output[]
    /** JMESPath expressions. */
    records?: string
    failIf?: string
    filter?: string
    /** Labels of all targets, as templates. */
    labels?: Record<string, string>
    isPaged?: boolean
    /** In place of the plan that these keys make. */
    plan?: PlanOptions
    /** All sources together. */
    fleet?: Fleet
    history?: RunnerDeps['history']
    sharing?: RunnerDeps['sharing']
  } = {},
) {
  const inventory = await inventoryServer(t, names(3))
  const clock = options.clock ?? manualClock()
  const store = createStore()
  const metrics = createMetrics('test')
  const { log, messages, lines } = recordingLog()
  metrics.addSource('sensors')
  store.add('sensors', { required: true, maxStalenessMs: Number.POSITIVE_INFINITY, holdMs: 900_000 })
  const source =
    options.source ?? createHttpSource(httpOptions(inventory.url), { clock, userAgent: 'Rollcall/test' })
  t.teardown(() => source.close())
  const { file, storage, addresses = ['here'] } = options
  const guard = { ...DEFAULT_GUARD, ...options.guard }
  const plan: PlanOptions = options.plan ?? {
    records: options.records,
    failIf: options.failIf,
    ...((options.isPaged ?? options.source !== undefined) && { paging: { hasMore: false, total: false } }),
    filter: options.filter,
    mapping: {
      source: 'sensors',
      targets: [],
      labels: Object.entries(options.labels ?? {}).map(([name, text]) => [name, compileTemplate(text)]),
      metaLabels: false,
      defaultPort: 9100,
    },
    relabelConfigs: [],
  }
  const threads = options.threads ?? createThreads()
  t.teardown(() => threads.close())
  const files = createFiles({ clock })
  t.teardown(() => files.close())
  const shelf = storage === undefined ? undefined : createShelves(files, storage).of('sensors', addresses)
  const runner = createRunner(
    {
      name: options.name ?? 'sensors',
      plan,
      selection: options.selection ?? 'all',
      guard,
      timeoutMs: 5_000,
      refreshIntervalMs: INTERVAL_MS,
      outputs: [
        ...(options.outputs ?? []),
        ...(file === undefined ? [] : [fileSdOutput(files, file)]),
        ...(shelf === undefined
          ? []
          : [{ kind: 'storage' as const, path: storage as string, keep: shelf.keep, remove: shelf.remove }]),
      ],
    },
    source,
    {
      ...{ store, metrics, clock, log, threads, streams: threads, random: () => 0.5 },
      ...(options.maxInMemoryBytes !== undefined && { maxInMemoryBytes: options.maxInMemoryBytes }),
      ...{ fleet: options.fleet ?? createFleet(DEFAULT_GUARD), room: createRoom(), history: options.history },
      ...(options.sharing && { sharing: options.sharing }),
    },
  )
  return {
    inventory,
    clock,
    store,
    metrics,
    messages,
    lines,
    runner,
    shelf,
    /** The next refresh in its time; the one that the runner begins by itself is this one. */
    async refresh(afterMs = INTERVAL_MS) {
      clock.skip(afterMs)
      return runner.refresh()
    },
    refreshAtOnce: () => runner.refresh(),
    restore: () => runner.restore(options.load ?? shelf?.load ?? (async () => undefined)),
    accept: (digest: string) => runner.accept(digest),
    stop: () => runner.stop(),
    lastRead: () => runner.lastRead(),
    roll: () => runner.roll() as Roll,
    served: () => store.get('sensors')?.snapshot,
    /** The addresses that are served. */
    addresses: () => addressesIn(store.get('sensors')?.snapshot?.body),
    status: () => store.get('sensors')?.status,
    held: () => store.get('sensors')?.status.held ?? [],
    metric: async (name: string, labels = {}) =>
      seriesValue(await metrics.registry.metrics(), `rollcall_source_${name}`, {
        source: 'sensors',
        ...labels,
      }),
  }
}

/** The addresses in an encoded list, sorted. */
export function addressesIn(body: Uint8Array | string | undefined): string[] {
  if (body === undefined) return []
  const groups = JSON.parse(Buffer.from(body).toString()) as { targets: string[] }[]
  return groups.flatMap(({ targets }) => targets).sort()
}
