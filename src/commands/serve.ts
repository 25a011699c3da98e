import { systemClock } from '../base/clock.ts'
import { createLogger, type Logger } from '../base/logger.ts'
import { createMetrics } from '../base/metrics.ts'
import { version } from '../base/version.ts'
import type { Arguments } from '../config/arguments.ts'
import { loadSettings } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'
import { type Service, type ServiceDeps, startService } from '../service.ts'
import { notifyReady } from './notify-systemd.ts'
import { stopGracefully } from './stop-gracefully.ts'

const deps = { clock: systemClock, random: Math.random }

/**
 * `rollcall serve` and `rollcall demo`: runs the server until a signal ends it.
 * @throws UsageError for wrong settings, StartError when an address cannot be listened on
 */
export async function serve(
  args: Arguments,
  mode: 'configured' | 'demo',
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const settings = await loadSettings(args, env, mode)
  const log = await createLogger(settings.log.level, settings.log.format)
  for (const warning of settings.warnings) log.warn(warning)
  const load = settings.configFile === undefined ? undefined : () => loadSettings(args, env, mode)
  const service = settings.demo === undefined ? await run(settings, log, load) : await demo(settings, log)
  reloadOnHangup(service)
  stopGracefully(service, settings.web, log, ['SIGHUP'])
  await notifyReady(`Serving targets at ${service.url}`, env, log)
}

async function run(settings: Settings, log: Logger, load: ServiceDeps['load']): Promise<Service> {
  const service = await startService(settings, { ...deps, log, load, metrics: createMetrics(version) })
  const sources = settings.sources.map((source) => source.name)
  log.info({ url: service.url, version, sources }, 'serving targets')
  return service
}

async function demo(settings: Settings, log: Logger): Promise<Service> {
  // Loaded only here: a real server has no use for a fleet of its own.
  const { runDemo } = await import('./demo.ts')
  return runDemo(settings, { ...deps, log }, (served) => run(served, log, undefined))
}

/** As in Prometheus, SIGHUP reloads the configuration; what comes of it is logged by the service. */
function reloadOnHangup(service: Service): void {
  process.on('SIGHUP', () => void service.reload().catch(() => {}))
}
