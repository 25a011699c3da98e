import { compileTemplate } from '../mapping/template.ts'
import { PUSH_CONFIRMATIONS } from '../roll/rules.ts'
import { envSource } from './env.ts'
import type { Given } from './option.ts'
import type { SourceSettings } from './settings.ts'

/** The name of the demo's source with an inventory. */
const INVENTORY_NAME = 'demo'

/** The name of the demo's source of devices that register themselves. */
export const DEVICES_NAME = 'devices'

/** The demo changes every few seconds, so it is refreshed more often than a real inventory. */
const REFRESH_INTERVAL_MS = 5_000

/** Short, because after the start there is no list of devices for half of this time. */
const TTL_MS = 10_000

/** Enough to try it, and few because no token is needed. */
const MAX_DEVICES = 100

/**
 * The demo's sources: the inventory, and the devices that register themselves.
 * Reads the environment now, so that wrong variables fail at load; the URL is known only when the demo runs.
 * @throws UsageError that names the variable
 */
export function demoSources(given: Given): (inventory: URL) => SourceSettings[] {
  const settings = (name: string, url: URL) =>
    envSource({ name, url, refreshIntervalMs: REFRESH_INTERVAL_MS }, given)
  const devices = devicesSource(settings(DEVICES_NAME, new URL('http://127.0.0.1/')))
  return (inventory) => [inventorySource(settings(INVENTORY_NAME, inventory)), devices]
}

function inventorySource(settings: SourceSettings): SourceSettings {
  const { mapping } = settings.plan
  const site = ['site', compileTemplate('{site}')] as const
  return {
    ...settings,
    plan: { ...settings.plan, mapping: { ...mapping, labels: [...mapping.labels, site] } },
  }
}

/** Without a token, so that anybody on this machine can try it. Browsers block a PUT from other sites themselves. */
function devicesSource(settings: SourceSettings): SourceSettings {
  return {
    ...settings,
    source: {
      kind: 'push',
      name: DEVICES_NAME,
      token: undefined,
      ttlMs: TTL_MS,
      maxTtlMs: 3_600_000,
      maxInstances: MAX_DEVICES,
    },
    plan: { ...settings.plan, mapping: { ...settings.plan.mapping, ownLabels: true } },
    guard: { ...settings.guard, confirmations: PUSH_CONFIRMATIONS },
    // The list of the inventory is served at once, before the devices have registered.
    required: false,
    fileSd: undefined,
  }
}
