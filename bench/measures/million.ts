import { formatCount } from '../figures/format.ts'
import { startInventory } from '../processes/inventory.ts'
import { firstOk, ONE_LABEL, startRollcall } from '../processes/rollcall.ts'
import type { Measure } from './measure.ts'
import { refreshCost } from './refresh-cost.ts'
import { refreshLatency } from './refresh-latency.ts'

const RECORDS = 1_000_000

/** Refreshes of a million records: what they cost, and what clients see meanwhile. */
export const million: Measure = {
  name: 'million',
  rows: [
    'full-refresh',
    'unchanged-body',
    'unchanged-304',
    'peak-memory',
    'p99-targets',
    'p99-targets-gzip',
    'p99-health',
    'longest-request',
    'failed-requests',
    'event-loop',
  ],
  async run({ quick, scope }) {
    const inventory = await startInventory(scope, RECORDS)
    const rollcall = await startRollcall(scope, { inventory: inventory.url, source: ONE_LABEL })
    await firstOk(`${rollcall.url}/targets`)
    await assertServed(rollcall.url)
    const cost = await refreshCost(inventory, rollcall, quick ? 1 : 5)
    const rounds = quick ? 1 : 5
    return [
      ...cost,
      ...(await refreshLatency(scope, inventory, rollcall, { rounds, idleMs: quick ? 3_000 : 6_000 })),
    ]
  },
}

/** Figures of a list that is not the whole list would be worth nothing. */
async function assertServed(url: string): Promise<void> {
  const groups = (await (await fetch(`${url}/targets`)).json()) as { targets: string[] }[]
  const count = groups.reduce((sum, { targets }) => sum + targets.length, 0)
  if (count !== RECORDS)
    throw new Error(`${formatCount(count)} targets are served, not ${formatCount(RECORDS)}`)
}
