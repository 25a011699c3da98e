import { startDevices } from './devices.ts'
import { startFleet } from './fleet.ts'
import { startInventory } from './inventory.ts'
import type { DemoSensor, DemoSensorDeps } from './sensor.ts'
import { CHANGE_INTERVAL_MS } from './size.ts'

/** The running demo: a fleet of sensors, the inventory that lists them, and devices that register themselves. */
export interface Demo {
  readonly inventory: URL
  /** Starts the devices, once the push source exists. */
  register(source: URL): Promise<void>
  close(): Promise<void>
}

/**
 * Starts the embedded demo; every {@link CHANGE_INTERVAL_MS} a sensor joins, leaves or moves.
 * @throws StartError when the inventory's address cannot be listened on
 */
export async function startDemo(
  listenAddress: { readonly host: string | undefined; readonly port: number },
  deps: DemoSensorDeps,
): Promise<Demo> {
  const { clock, log } = deps
  const fleet = await startFleet(deps)
  const inventory = await startInventory(listenAddress, () => ({ sensors: fleet.records() })).catch(
    async (error) => {
      await fleet.close()
      throw error
    },
  )
  let devices: DemoSensor[] = []
  let changing = Promise.resolve()
  const change = async () => {
    log.info(await fleet.change(), 'demo: the inventory changed')
    if (!closed) cancel = clock.after(CHANGE_INTERVAL_MS, start)
  }
  const start = () => {
    changing = change()
  }
  let closed = false
  let cancel = clock.after(CHANGE_INTERVAL_MS, start)
  return {
    inventory: inventory.url,
    async register(source) {
      devices = await startDevices(source, deps)
    },
    async close() {
      closed = true
      cancel()
      await changing
      await inventory.close()
      await Promise.all([fleet.close(), ...devices.map((device) => device.close())])
    },
  }
}
