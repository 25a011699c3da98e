import { hostname } from 'node:os'
import { UsageError } from '../base/errors.ts'
import type { LogFormat, LogLevel } from '../base/logger.ts'
import { displayUrl } from '../base/urls.ts'
import type { CollectorOptions } from '../sensor/collectors/collectors.ts'
import type { HostPaths } from '../sensor/collectors/host.ts'
import type { RegistrationOptions } from '../sensor/registration/options.ts'
import type { SensorOptions } from '../sensor/sensor.ts'
import { type Given, readAll, readOption, readRequired } from './option.ts'
import { sensorOptions as options } from './sensor-options.ts'

/** The settings of `rollcall sensor`. */
export interface SensorSettings {
  readonly sensor: SensorOptions
  /** The web configuration file. */
  readonly webConfigFile: string | undefined
  readonly paths: HostPaths
  readonly collectors: CollectorOptions
  readonly shutdownTimeoutMs: number
  readonly log: { readonly level: LogLevel; readonly format: LogFormat }
}

/**
 * Reads the flags of `rollcall sensor`.
 * @throws UsageError that names the flag, the value and what is expected
 */
export function readSensorSettings(given: Given): SensorSettings {
  return {
    sensor: {
      listenAddress: readRequired(options.listenAddress, given),
      drainDelayMs: readRequired(options.drainDelay, given),
      registrations: readRegistrations(given),
    },
    webConfigFile: readOption(options.webConfigFile, given),
    paths: {
      procfs: readRequired(options.procfs, given),
      sysfs: readRequired(options.sysfs, given),
      rootfs: readRequired(options.rootfs, given).replace(/(?<!\/)\/+$/, '') || '/',
    },
    collectors: {
      mountPointsExclude: readRequired(options.mountPointsExclude, given),
      fsTypesExclude: readRequired(options.fsTypesExclude, given),
      mountTimeoutMs: readRequired(options.mountTimeout, given),
      netDevicesExclude: readRequired(options.netDevicesExclude, given),
      disksExclude: readRequired(options.disksExclude, given),
    },
    shutdownTimeoutMs: readRequired(options.shutdownTimeout, given),
    log: { level: readRequired(options.logLevel, given), format: readRequired(options.logFormat, given) },
  }
}

/** One registration for each URL; all other settings are the same. */
function readRegistrations(given: Given): RegistrationOptions[] {
  const urls = readAll(options.registerUrl, given)
  const rest = {
    tokenFile: readOption(options.registerTokenFile, given),
    id: readOption(options.registerId, given) ?? hostname(),
    address: readOption(options.registerAddress, given),
    labels: Object.fromEntries(readOption(options.registerLabels, given) ?? []),
    ttl: readOption(options.registerTtl, given),
  }
  const stray = Object.keys(given.flags).find((flag) => flag.startsWith('register.'))
  if (urls.length === 0 && stray !== undefined) {
    throw new UsageError(`--${stray}: has no effect without --register.url`)
  }
  assertDistinct(urls)
  return urls.map((url) => ({ url, ...rest }))
}

/** Refuses duplicate URLs: neither the server nor the metrics could distinguish two registrations with one name. */
function assertDistinct(urls: readonly URL[]): void {
  const shown = urls.map((url) => displayUrl(url).replace(/(?<!\/)\/+$/, ''))
  const twice = shown.find((one, index) => shown.indexOf(one) !== index)
  if (twice !== undefined) throw new UsageError(`--register.url: ${twice} is given twice; leave one out`)
}
