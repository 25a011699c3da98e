import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/logger.ts'
import { exposition, single } from '../sensor/exposition.ts'
import type { Machine } from '../sensor/machine.ts'
import type { RegistrationOptions } from '../sensor/registration/options.ts'
import { createSensor, type SensorOptions } from '../sensor/sensor.ts'

/** One sensor of the demo: like `rollcall sensor`, with a temperature in addition. */
export interface DemoSensor {
  readonly hostname: string
  readonly port: number
  close(): Promise<void>
}

/** The dependencies of a demo sensor. */
export interface DemoSensorDeps {
  /** The machine that all sensors monitor. */
  readonly machine: Machine
  readonly clock: Clock
  readonly files: Pick<Files, 'read'>
  readonly log: Logger
  /** 0 to 1, as Math.random. */
  readonly random: () => number
}

/** The push source, and the labels of the registration; the name and address are known. */
export type DemoRegistration = Pick<RegistrationOptions, 'url' | 'labels'>

const HOST = '127.0.0.1'

/**
 * Starts a sensor on loopback: at the preferred port, or at any free one if that is in use, so that a
 * restarted demo mostly has the same addresses.
 * @param registration undefined: an inventory lists it
 */
export async function startSensor(
  hostname: string,
  preferredPort: number,
  deps: DemoSensorDeps,
  registration?: DemoRegistration,
): Promise<DemoSensor> {
  const options = (port: number): SensorOptions => ({
    listenAddress: { host: HOST, port },
    drainDelayMs: 0,
    // Set explicitly, since the server may be reached by another address of this machine.
    registrations:
      registration === undefined
        ? []
        : [{ ...registration, id: hostname, address: HOST, tokenFile: undefined, ttl: undefined }],
  })
  const own = { ...deps, machine: withTemperature(deps), log: quiet(deps.log) }
  const sensor = await createSensor(options(preferredPort), own).catch(() => createSensor(options(0), own))
  return { hostname, port: sensor.port, close: sensor.stop }
}

/** Logs at debug level, since the demo is about the log of the server. */
function quiet(log: Logger): Pick<Logger, 'info' | 'warn' | 'error'> {
  const debug = log.debug.bind(log)
  return { info: debug, warn: debug, error: log.error.bind(log) }
}

/** All sensors share the machine; the temperature distinguishes them. */
function withTemperature({ machine, random }: DemoSensorDeps): Machine {
  const base = 18 + 6 * random()
  let readings = 0
  return {
    async metrics() {
      const celsius = Math.round((base + random()) * 100) / 100
      const families = [
        single('counter', 'sensor_readings_total', 'Readings that the sensor has taken.', ++readings),
        single('gauge', 'sensor_temperature_celsius', 'Temperature at the sensor.', celsius),
      ]
      return (await machine.metrics()) + exposition(families)
    },
  }
}
