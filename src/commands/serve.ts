import { systemClock } from '../base/clock.ts'
import type { OwnFiles } from '../base/files.ts'
import { letHeapGrowOnceBusy } from '../base/heap.ts'
import { createLogger } from '../base/logger.ts'
import { measureMemoryAlways } from '../base/memory.ts'
import { createMetrics } from '../base/metrics.ts'
import { version } from '../base/version.ts'
import type { Arguments } from '../config/arguments.ts'
import { loadSettings } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'
import { type Service, type ServiceDeps, startService } from '../service.ts'
import type { Hangups } from './hangups.ts'
import { notifyReady } from './notify-systemd.ts'
import { stopGracefully } from './stop-gracefully.ts'

/** The dependencies of the server on the process. */
export interface ServeDeps {
  readonly files: OwnFiles
  readonly hangups: Hangups
}

/**
 * `rollcall serve` and `rollcall demo`: runs the server until a signal ends it.
 * @throws UsageError for wrong settings, StartError when an address cannot be listened on
 */
export async function serve(
  args: Arguments,
  mode: 'configured' | 'demo',
  env: NodeJS.ProcessEnv,
  { files, hangups }: ServeDeps,
): Promise<void> {
  measureMemoryAlways(process)
  const settings = await loadSettings(args, env, files, mode)
  const log = await createLogger(settings.log.level, settings.log.format)
  for (const warning of settings.warnings) log.warn(warning)
  const load = settings.configFile === undefined ? undefined : () => loadSettings(args, env, files, mode)
  const deps = { clock: systemClock, random: Math.random, files, log }
  const service =
    settings.demo === undefined ? await run(settings, { ...deps, load }) : await demo(settings, deps)
  letHeapGrowOnceBusy()
  // As in Prometheus. The service logs the result.
  hangups.use(() => void service.reload().catch(() => {}))
  stopGracefully(service, { ...settings.web, files }, log, ['SIGHUP'])
  await notifyReady(`Serving targets at ${service.url}`, env, log)
}

type Deps = Omit<ServiceDeps, 'load' | 'metrics'>

async function run(settings: Settings, deps: Deps & Pick<ServiceDeps, 'load'>): Promise<Service> {
  const service = await startService(settings, { ...deps, metrics: createMetrics(version) })
  const sources = settings.sources.map((source) => source.name)
  deps.log.info({ url: service.url, version, sources }, 'serving targets')
  return service
}

async function demo(settings: Settings, deps: Deps): Promise<Service> {
  // Loaded only here: a real server does not need the demo fleet.
  const { runDemo } = await import('./demo.ts')
  return runDemo(settings, deps, (served) => run(served, { ...deps, load: undefined }))
}
