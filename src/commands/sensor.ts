import { writeSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { type Clock, systemClock } from '../base/clock.ts'
import { UsageError } from '../base/errors.ts'
import type { OwnFiles } from '../base/files.ts'
import { createLineLogger, type LineLogger } from '../base/line-logger.ts'
import { createLogger } from '../base/logger.ts'
import { version } from '../base/version.ts'
import { readCommandLine } from '../config/command-line.ts'
import { SENSOR_REPEATABLE, SENSOR_SWITCHES, sensorOptions } from '../config/sensor-options.ts'
import { readSensorSettings, type SensorSettings } from '../config/sensor-settings.ts'
import { createCollectors } from '../sensor/collectors/collectors.ts'
import { createHost } from '../sensor/collectors/host.ts'
import { createMachine } from '../sensor/machine.ts'
import type { SensorWeb } from '../sensor/own-metrics.ts'
import { createSensor } from '../sensor/sensor.ts'
import type { Web } from '../web/web.ts'
import { flagRow, table } from './help.ts'
import { notifyReady } from './notify-systemd.ts'
import { assertPaths } from './sensor-paths.ts'
import { stopGracefully } from './stop-gracefully.ts'

/**
 * Flags that keep the heap small: the engine collects the little garbage of a scrape instead of growing the heap.
 * Without them the resident memory grows by a half (npm run bench).
 */
const SMALL_HEAP = ['--optimize-for-size', '--semi-space-growth-factor=1']

/** The text of `rollcall sensor --help`. */
export function sensorHelpText(): string {
  const flags = [
    ...Object.values(sensorOptions).map(flagRow),
    ...Object.entries(SENSOR_SWITCHES).map(([name, help]) => [`--${name}`, help] as const),
  ]
  return `The agent of a device: GET /metrics under the names of node_exporter, POST /payload, GET /health and /ready; it registers itself with a push source of Rollcall.

Usage: rollcall sensor [flags]

Flags:
${table(flags)}
Exit codes: 0 fine, 1 it could not run, 2 wrong flags.
`
}

/**
 * `rollcall sensor`: runs the agent until a signal ends it.
 * @param argv the arguments after the command
 * @returns the help text, when it is requested
 * @throws UsageError for wrong flags, StartError when the address cannot be listened on
 */
export async function sensor(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  files: OwnFiles,
): Promise<string | undefined> {
  const { flags, repeated, switches, positionals } = readCommandLine(argv, {
    values: Object.values(sensorOptions).map(({ flag }) => flag),
    repeatable: SENSOR_REPEATABLE,
    switches: Object.keys(SENSOR_SWITCHES),
    listedBy: 'rollcall sensor --help',
  })
  if (switches.has('help')) return sensorHelpText()
  if (positionals[0] !== undefined) {
    throw new UsageError(`${positionals[0]}: unexpected; rollcall sensor takes only flags`)
  }
  const settings = readSensorSettings({ flags, repeated, env })
  assertPaths({ flags })
  for (const flag of SMALL_HEAP) setFlagsFromString(flag)
  const log = await openLog(settings.log)
  const deps = { clock: systemClock, files, random: Math.random, log }
  const collectors = createCollectors(createHost(settings.paths), settings.collectors, systemClock)
  const web =
    settings.webConfigFile === undefined ? undefined : await openWebFile(settings.webConfigFile, deps)
  const all = { ...deps, web, machine: createMachine(collectors, deps) }
  const running = await createSensor(settings.sensor, all)
  log.info({ url: running.url, version }, 'serving metrics')
  const { drainDelayMs } = settings.sensor
  const stop = async () => {
    await running.stop()
    await web?.close()
  }
  stopGracefully({ stop }, { shutdownTimeoutMs: settings.shutdownTimeoutMs, drainDelayMs, files }, log)
  await notifyReady(`Serving metrics at ${running.url}`, env, log)
  return undefined
}

/** Opens the web configuration file. Its code, and the memory for it, are loaded only with the flag. */
async function openWebFile(
  path: string,
  deps: { clock: Clock; files: OwnFiles; log: LineLogger },
): Promise<SensorWeb & Pick<Web, 'close'>> {
  const [{ openWeb }, { webFileLoader }, { createReport, REFUSALS }] = await Promise.all([
    import('../web/web.ts'),
    import('../config/web-file.ts'),
    import('../web/access.ts'),
  ])
  const refused = new Map<string, number>(REFUSALS.map((reason) => [reason, 0]))
  const count = (reason: string) => void refused.set(reason, (refused.get(reason) as number) + 1)
  let isInForce = true
  const onReload = (is: boolean) => {
    isInForce = is
  }
  const report = createReport(count, deps.log, deps.clock)
  const web = await openWeb(webFileLoader(path), { ...deps, report, onReload })
  return { ...web, refused, isInForce: () => isInForce }
}

/** On a terminal the log is that of the server; elsewhere a smaller logger writes the same lines with less memory. */
async function openLog({ level, format }: SensorSettings['log']): Promise<LineLogger> {
  if (format === 'pretty' || (format === 'auto' && process.stderr.isTTY)) return createLogger(level, format)
  return createLineLogger(level, (line) => void writeSync(2, line))
}
