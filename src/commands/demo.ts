import { DEVICES_NAME } from '../config/demo.ts'
import { readSensorSettings } from '../config/sensor-settings.ts'
import type { DemoSettings, Settings } from '../config/settings.ts'
import { startDemo } from '../demo/demo.ts'
import type { DemoSensorDeps } from '../demo/sensor.ts'
import { createCollectors } from '../sensor/collectors/collectors.ts'
import { createHost } from '../sensor/collectors/host.ts'
import { createMachine, type Machine } from '../sensor/machine.ts'
import type { Service } from '../service.ts'
import { demoIntroduction } from './introduction.ts'

type Deps = Omit<DemoSensorDeps, 'machine'>

/** How long the sensors of this process share one reading of the machine, in milliseconds. */
const MAX_AGE_MS = 1_000

/**
 * Runs the demo and its server, and prints the URLs to open.
 * @param run starts the server
 * @throws StartError when an address cannot be listened on
 */
export async function runDemo(
  settings: Settings,
  deps: Deps,
  run: (served: Settings) => Promise<Service>,
): Promise<Service> {
  const { listenAddress, sources } = settings.demo as DemoSettings
  const demo = await startDemo(listenAddress, { ...deps, machine: thisMachine(deps) })
  try {
    const service = await run({ ...settings, sources: sources(demo.inventory) })
    await demo.register(new URL(`${service.url}/api/v1/sources/${DEVICES_NAME}`))
    process.stdout.write(
      demoIntroduction(settings.web.externalUrl?.href.replace(/\/$/, '') ?? service.url, demo.inventory),
    )
    return {
      ...service,
      async stop() {
        await service.stop()
        await demo.close()
      },
    }
  } catch (error) {
    await demo.close()
    throw error
  }
}

/** This machine, as a sensor without flags reads it. */
function thisMachine({ clock, log }: Deps): Machine {
  const { paths, collectors } = readSensorSettings({ flags: {}, env: {} })
  // In the demo a collector that fails is logged only at debug level.
  const quiet = { info: log.debug.bind(log), warn: log.debug.bind(log) }
  return createMachine(
    createCollectors(createHost(paths), collectors, clock),
    { clock, log: quiet },
    MAX_AGE_MS,
  )
}
