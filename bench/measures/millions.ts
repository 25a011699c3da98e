import { formatNumber } from '../figures/format.ts'
import type { Figure } from '../figures/rows.ts'
import { median } from '../figures/statistics.ts'
import { startInventory } from '../processes/inventory.ts'
import { firstOk, ONE_LABEL, startRollcall } from '../processes/rollcall.ts'
import { type Measure, withScope } from './measure.ts'
import { type RefreshCost, timeRefresh } from './refresh-cost.ts'

/** How the cost of a full refresh grows from one million records to three. */
export const millions: Measure = {
  name: 'millions',
  rows: ['three-millions', 'three-millions-memory'],
  isLong: true,
  async run(): Promise<Figure[]> {
    const one = await refreshes(1_000_000)
    const three = await refreshes(3_000_000)
    const seconds = (all: readonly RefreshCost[]) => all.map((cost) => cost.seconds)
    const cpu = (all: readonly RefreshCost[]) => `${formatNumber(median(all.map((cost) => cost.cpu)))} s`
    const base = median(seconds(one))
    const peaks = three.map(({ peak }) => peak / 1e6)
    return [
      {
        id: 'three-millions',
        value: median(seconds(three)) / base,
        rounds: seconds(three).map((value) => value / base),
        note: `${formatNumber(median(seconds(three)))} s (CPU ${cpu(three)}) against ${formatNumber(base)} s (CPU ${cpu(one)})`,
      },
      {
        id: 'three-millions-memory',
        value: Math.max(...peaks),
        rounds: peaks,
        note: `${formatNumber(Math.max(...one.map(({ peak }) => peak)) / 1e6)} MB for 1,000,000`,
      },
    ]
  },
}

/** What changed lists of so many records cost, one after the other. */
function refreshes(records: number): Promise<RefreshCost[]> {
  return withScope(async (scope) => {
    const inventory = await startInventory(scope, records)
    const rollcall = await startRollcall(scope, { inventory: inventory.url, source: ONE_LABEL })
    await firstOk(`${rollcall.url}/targets`)
    const costs: RefreshCost[] = []
    for (let round = 0; round < 3; round++) {
      await inventory.change()
      costs.push(await timeRefresh(rollcall, 'changed'))
      await rollcall.settle()
    }
    return costs
  })
}
