import type { Test } from 'tap'
import { createMetrics } from '../../src/base/metrics.ts'
import { createThreads } from '../../src/base/threads.ts'
import { compileTemplate } from '../../src/mapping/template.ts'
import { compilePlan, type PlanOptions } from '../../src/pipeline/plan.ts'
import { createCompute } from '../../src/refresh/compute.ts'
import { fileSdOutput, type Output } from '../../src/refresh/outputs.ts'
import { createRefresher } from '../../src/refresh/refresh-once.ts'
import type { Kept } from '../../src/snapshot/disk.ts'
import { DEFAULT_GUARD, type GuardOptions } from '../../src/snapshot/guard.ts'
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

/** The refresh of one source, of a real inventory of three sensors unless another source is given. */
export async function refreshing(
  t: Test,
  options: {
    name?: string
    file?: string
    guard?: GuardOptions
    source?: Source
    clock?: ManualClock
    load?: () => Promise<Kept | undefined>
    outputs?: Output[]
    /** JMESPath expressions. */
    records?: string
    failIf?: string
    /** Labels of all targets, as templates. */
    labels?: Record<string, string>
  } = {},
) {
  const inventory = await inventoryServer(t, names(3))
  const clock = options.clock ?? manualClock()
  const store = createStore()
  const metrics = createMetrics('test')
  const { log, messages, lines } = recordingLog()
  metrics.addSource('sensors')
  store.add('sensors', { required: true, maxStalenessMs: Number.POSITIVE_INFINITY })
  const source =
    options.source ?? createHttpSource(httpOptions(inventory.url), { clock, userAgent: 'Rollcall/test' })
  t.teardown(() => source.close())
  const { file, guard = DEFAULT_GUARD } = options
  const planOptions: PlanOptions = {
    records: options.records,
    failIf: options.failIf,
    isPaged: options.source !== undefined,
    mapping: {
      source: 'sensors',
      targets: [],
      labels: Object.entries(options.labels ?? {}).map(([name, text]) => [name, compileTemplate(text)]),
      metaLabels: false,
      defaultPort: 9100,
    },
    relabelConfigs: [],
  }
  const threads = createThreads()
  t.teardown(() => threads.close())
  const refresher = createRefresher(
    {
      name: options.name ?? 'sensors',
      source,
      compute: createCompute(
        { options: planOptions, plan: compilePlan(planOptions), guard },
        { threads, clock },
      ),
      guard,
      timeoutMs: 5_000,
      intervalMs: 30_000,
      outputs: [...(options.outputs ?? []), ...(file === undefined ? [] : [fileSdOutput(file)])],
      load: options.load ?? (async () => undefined),
    },
    { store, metrics, clock, log },
  )
  const stop = new AbortController()
  return {
    inventory,
    clock,
    store,
    metrics,
    once: refresher.once,
    messages,
    lines,
    stop,
    /** The next refresh in its time. */
    refresh: () => {
      clock.advance(30_000)
      return refresher.once(stop.signal)
    },
    refreshAtOnce: () => refresher.once(stop.signal),
    restore: () => refresher.restore(),
    accept: (digest?: string) => refresher.accept(digest),
    close: () => refresher.close(),
    lastRead: () => refresher.lastRead(),
    served: () => store.get('sensors')?.snapshot,
    status: () => store.get('sensors')?.status,
    metric: async (name: string, labels = {}) =>
      seriesValue(await metrics.registry.metrics(), `rollcall_source_${name}`, {
        source: 'sensors',
        ...labels,
      }),
  }
}
