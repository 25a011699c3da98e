import { formatNumber } from '../figures/format.ts'
import type { Figure } from '../figures/rows.ts'
import { median } from '../figures/statistics.ts'
import type { Inventory } from '../processes/inventory.ts'
import { cpuSeconds, peakBytes, resetPeak } from '../processes/proc.ts'
import type { Rollcall } from '../processes/rollcall.ts'

/** What one full refresh took. */
export interface RefreshCost {
  /** From asking the inventory to serving the list, by Rollcall's own metric. */
  readonly seconds: number
  /** CPU time of all its threads. */
  readonly cpu: number
  /** The most memory that the process had. */
  readonly peak: number
}

/** Refreshes once, and tells what that took. */
export async function timeRefresh(
  rollcall: Rollcall,
  expected: 'changed' | 'unchanged',
): Promise<RefreshCost> {
  const before = await rollcall.refreshSeconds()
  const cpu = cpuSeconds(rollcall.pid)
  resetPeak(rollcall.pid)
  await rollcall.refresh(expected)
  return {
    seconds: (await rollcall.refreshSeconds()) - before,
    cpu: cpuSeconds(rollcall.pid) - cpu,
    peak: peakBytes(rollcall.pid),
  }
}

/** One round: parsing alone, a full refresh, one that reads the same bytes, one that is answered 304. */
interface Round {
  readonly parse: number
  readonly bytes: number
  readonly full: RefreshCost
  readonly same: number
  readonly notModified: number
}

/** What refreshes of a large inventory cost, in rounds, so that what is compared was measured in the same seconds. */
export async function refreshCost(
  inventory: Inventory,
  rollcall: Rollcall,
  rounds: number,
): Promise<Figure[]> {
  const done: Round[] = []
  for (let round = 0; round < rounds; round++) done.push(await runRound(inventory, rollcall))
  const ratios = (ratio: (round: Round) => number) => ({
    value: median(done.map(ratio)),
    rounds: done.map(ratio),
  })
  const seconds = (pick: (round: Round) => number) => `${formatNumber(median(done.map(pick)))} s`
  const size = `${formatNumber((done[0] as Round).bytes / 1e6)} MB`
  const peaks = done.map(({ full, bytes }) => full.peak / bytes)
  const peak = Math.max(...done.map(({ full }) => full.peak))
  return [
    {
      id: 'full-refresh',
      ...ratios(({ full, parse }) => full.seconds / parse),
      note: `${seconds(({ full }) => full.seconds)} (CPU ${seconds(({ full }) => full.cpu)}) against ${seconds(({ parse }) => parse)} for ${size}`,
    },
    {
      id: 'unchanged-body',
      ...ratios(({ same, full }) => same / full.seconds),
      note: seconds(({ same }) => same),
    },
    {
      id: 'unchanged-304',
      ...ratios(({ notModified, full }) => notModified / full.seconds),
      note: seconds(({ notModified }) => notModified),
    },
    // The most of all rounds: memory that is needed once is needed.
    {
      id: 'peak-memory',
      value: Math.max(...peaks),
      rounds: peaks,
      note: `${formatNumber(peak / 1e6)} MB for ${size}`,
    },
  ]
}

async function runRound(inventory: Inventory, rollcall: Rollcall): Promise<Round> {
  await inventory.change()
  const { seconds: parse, bytes } = await inventory.parse()
  const full = await timeRefresh(rollcall, 'changed')
  await rollcall.settle()
  const same = await timeRefresh(rollcall, 'unchanged')
  await inventory.setTags(true)
  // The first one reads the body once more and learns its tag.
  await rollcall.refresh('unchanged')
  const notModified = await timeRefresh(rollcall, 'unchanged')
  await inventory.setTags(false)
  return { parse, bytes, full, same: same.seconds, notModified: notModified.seconds }
}
