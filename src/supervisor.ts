import type { Clock } from './base/clock.ts'
import type { Logger } from './base/logger.ts'
import type { Metrics } from './base/metrics.ts'
import type { Threads } from './base/threads.ts'
import { USER_AGENT } from './base/version.ts'
import type { SourceSettings } from './config/settings.ts'
import type { ExplainInput } from './explain/worker.ts'
import type { Instances } from './model/registration.ts'
import { compilePlan, type PlanOptions } from './pipeline/plan.ts'
import { createCompute } from './refresh/compute.ts'
import { createLoop, type Loop } from './refresh/loop.ts'
import { outputsOf } from './refresh/outputs-of.ts'
import { createRefresher, type OtherHeld, type Outcome, type Refresher } from './refresh/refresh-once.ts'
import type { Store } from './snapshot/store.ts'
import { writeTargetFile } from './snapshot/target-file.ts'
import { createPushReport } from './sources/push/report.ts'
import { createSource, type SourceDeps } from './sources/registry.ts'
import type { Source } from './sources/source.ts'

/** What the supervisor needs from outside. */
export interface SupervisorDeps {
  readonly store: Store
  readonly clock: Clock
  readonly metrics: Metrics
  readonly log: Logger
  readonly threads: Threads
  /** 0 to 1, as Math.random. */
  readonly random: () => number
  /** Absolute path of the folder that keeps the last good lists; undefined: nothing is kept. */
  readonly storagePath: string | undefined
}

/** The names of the sources that a new configuration added, changed and removed. */
export interface Applied {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
}

/** The sources at work: one loop each, from its source to the store. */
export interface Supervisor {
  /**
   * Makes these the sources. One that is as it was goes on undisturbed; a changed one begins anew, while what it
   * last served stays; a new one serves what was kept of it; the rest ends. Before the first `start` all of them
   * are waited for; one that is added later is left out of `/targets` until it has a list, since Prometheus
   * cannot lose what it never had.
   */
  apply(sources: readonly SourceSettings[]): Promise<Applied>
  /** Begins to refresh. */
  start(): void
  /** Refreshes one source, or all, now. */
  refresh(name?: string): Promise<Outcome[]>
  /** Serves the list of a source that the guard holds back, if it is the one with this digest; see Refresher. */
  accept(name: string, digest?: string): Promise<Outcome | OtherHeld | undefined>
  /** Where devices register with a source; undefined when it is no push source. */
  instances(name: string): Instances | undefined
  /** What can be explained of one source, or of all, in order of their names as everywhere. */
  served(name?: string): ExplainInput[]
  /** The server is about to stop, and may not be reached any more: what is not heard of stays known. */
  deafen(): void
  /** Ends every loop and lets go of every source. */
  stop(): Promise<void>
}

/** One source at work. */
interface Running {
  readonly fingerprint: string
  readonly source: Source
  readonly refresher: Refresher
  readonly loop: Loop
  readonly options: PlanOptions
}

/** Creates a supervisor without sources. */
export function createSupervisor(deps: SupervisorDeps): Supervisor {
  const { store, metrics } = deps
  // Has every source that is in the store.
  const running = new Map<string, Running>()
  let isStarted = false

  async function add(settings: SourceSettings): Promise<void> {
    const { required, maxStalenessMs } = settings
    const one = createRunning(settings, deps)
    running.set(settings.name, one)
    store.add(settings.name, { required: required && !isStarted, maxStalenessMs })
    metrics.addSource(settings.name)
    await Promise.all([one.source.open?.(), one.refresher.restore()])
    if (isStarted) begin(one)
  }

  async function change(settings: SourceSettings, before: Running): Promise<void> {
    const one = createRunning(settings, deps, before.source)
    await end(before)
    if (one.source.register === undefined) await before.source.remove?.()
    await one.source.open?.()
    const required = settings.required && store.get(settings.name)?.required === true
    store.configure(settings.name, { required, maxStalenessMs: settings.maxStalenessMs })
    running.set(settings.name, one)
    begin(one)
  }

  async function remove(name: string, before: Running): Promise<void> {
    await end(before)
    await before.source.remove?.()
    await store.remove(name)
    running.delete(name)
    await metrics.removeSource(name)
  }

  return {
    async apply(sources) {
      const names = new Set(sources.map(({ name }) => name))
      const removed = [...running].filter(([name]) => !names.has(name))
      const added = sources.filter(({ name }) => !running.has(name))
      const changed = sources.flatMap((settings) => {
        const before = running.get(settings.name)
        return before === undefined || before.fingerprint === settings.fingerprint
          ? []
          : [{ settings, before }]
      })
      await Promise.all([
        ...added.map(add),
        ...changed.map(({ settings, before }) => change(settings, before)),
        ...removed.map(([name, before]) => remove(name, before)),
      ])
      return {
        added: added.map(({ name }) => name),
        changed: changed.map(({ settings }) => settings.name),
        removed: removed.map(([name]) => name),
      }
    },
    start() {
      isStarted = true
      for (const one of running.values()) begin(one)
    },
    refresh(name) {
      const asked = [...running].filter(([one]) => name === undefined || one === name)
      return Promise.all(asked.map(([, { loop }]) => loop.refresh()))
    },
    instances: (name) => running.get(name)?.source.instances,
    accept: async (name, digest) => running.get(name)?.refresher.accept(digest),
    served(name) {
      const states = store.list().filter((state) => name === undefined || name === state.name)
      return states.map((state) => {
        const { options, refresher } = running.get(state.name) as Running
        return { options, lastRead: refresher.lastRead(), state }
      })
    },
    deafen() {
      for (const { source } of running.values()) source.deafen?.()
    },
    async stop() {
      await Promise.all([...running.values()].map(end))
    },
  }
}

function begin({ loop, source }: Running): void {
  loop.start()
  source.watch?.(() => void loop.refresh())
}

async function end({ loop, source, refresher }: Running): Promise<void> {
  await loop.stop()
  await refresher.close()
  await source.close()
}

function createRunning(settings: SourceSettings, deps: SupervisorDeps, before?: Source): Running {
  const source = createSource(settings.source, sourceDeps(settings.name, deps), before)
  const plan = compilePlan(settings.plan)
  const refresher = createRefresher(
    {
      name: settings.name,
      source,
      compute: createCompute({ options: settings.plan, plan, guard: settings.guard }, deps),
      guard: settings.guard,
      timeoutMs: settings.timeoutMs,
      intervalMs: settings.refreshIntervalMs,
      ...outputsOf({ ...settings, storagePath: deps.storagePath }),
    },
    deps,
  )
  const loop = createLoop(refresher.once, settings.refreshIntervalMs, deps)
  return { fingerprint: settings.fingerprint, source, refresher, loop, options: settings.plan }
}

function sourceDeps(name: string, { clock, metrics, log, storagePath: folder }: SupervisorDeps): SourceDeps {
  const storage = folder === undefined ? undefined : { folder, write: writeTargetFile }
  return { clock, userAgent: USER_AGENT, push: { storage, report: createPushReport(name, metrics, log) } }
}
