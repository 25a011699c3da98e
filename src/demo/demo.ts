import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { startFleet } from './fleet.ts'
import { startInventory } from './inventory.ts'

/** Time between two changes of the demo's fleet, in milliseconds. */
export const CHANGE_INTERVAL_MS = 20_000

/** The running demo: a fleet of sensors and the inventory that lists them. */
export interface Demo {
  readonly inventory: URL
  close(): Promise<void>
}

/** What the demo needs from outside. */
export interface DemoDeps {
  readonly clock: Pick<Clock, 'after'>
  readonly log: Logger
  /** 0 to 1, as Math.random. */
  readonly random: () => number
}

/**
 * Starts the embedded demo; every so often a sensor joins, leaves or moves.
 * @throws StartError when the inventory's address cannot be listened on
 */
export async function startDemo(
  listenAddress: { readonly host: string | undefined; readonly port: number },
  { clock, log, random }: DemoDeps,
): Promise<Demo> {
  const fleet = await startFleet(random)
  const inventory = await startInventory(listenAddress, () => ({ sensors: fleet.records() })).catch(
    async (error) => {
      await fleet.close()
      throw error
    },
  )
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
    async close() {
      closed = true
      cancel()
      await changing
      await inventory.close()
      await fleet.close()
    },
  }
}
