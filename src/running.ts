import type { Clock } from './base/clock.ts'
import type { Files } from './base/files.ts'
import type { Logger } from './base/logger.ts'
import type { Metrics } from './base/metrics.ts'
import type { Threads } from './base/threads.ts'
import { USER_AGENT } from './base/version.ts'
import type { SourceSettings } from './config/settings.ts'
import { compilePlan, type PlanOptions } from './pipeline/plan.ts'
import { createCompute } from './refresh/compute.ts'
import { createLoop, type Loop } from './refresh/loop.ts'
import { outputsOf } from './refresh/outputs-of.ts'
import { createRefresher, type Refresher } from './refresh/refresh-once.ts'
import type { Store } from './snapshot/store.ts'
import { createPushReport } from './sources/push/report.ts'
import { createSource, originOf, type SourceDeps } from './sources/registry.ts'
import type { Source } from './sources/source.ts'

/** What sources at work need from outside. */
export interface RunningDeps {
  readonly store: Store
  readonly clock: Clock
  readonly files: Files
  readonly metrics: Metrics
  readonly log: Logger
  readonly threads: Threads
  /** 0 to 1, as Math.random. */
  readonly random: () => number
  /** Absolute path of the folder that keeps the last good lists; undefined: nothing is kept. */
  readonly storagePath: string | undefined
}

/** One source at work. */
export interface Running {
  /** Of the settings that it was made of; undefined: it has ended, or is about to. */
  readonly fingerprint: string | undefined
  readonly source: Source
  readonly refresher: Refresher
  readonly loop: Loop
  readonly options: PlanOptions
  /** Tells inventories apart. */
  readonly origin: string
}

/** Begins to refresh, at once and whenever the source says that something changed. */
export function begin({ loop, source }: Running): void {
  loop.start()
  source.watch?.(() => void loop.refresh())
}

/** Ends the loop, and lets go of the source. */
export async function end({ loop, source, refresher }: Running): Promise<void> {
  await loop.stop()
  await refresher.close()
  await source.close()
}

/**
 * Creates everything that one source needs; nothing of it runs yet.
 * @param before the source whose place it takes
 * @throws Error when the settings are none; those that were loaded have been checked
 */
export function createRunning(settings: SourceSettings, deps: RunningDeps, before?: Source): Running {
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
  const origin = originOf(settings.source)
  return { fingerprint: settings.fingerprint, source, refresher, loop, options: settings.plan, origin }
}

function sourceDeps(
  name: string,
  { clock, files, metrics, log, storagePath: folder }: RunningDeps,
): SourceDeps {
  const storage = folder === undefined ? undefined : { folder }
  return {
    clock,
    files,
    userAgent: USER_AGENT,
    push: { storage, report: createPushReport(name, metrics, log) },
  }
}
