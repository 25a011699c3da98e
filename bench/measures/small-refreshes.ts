import type { Scope } from '../../test/helpers/scope.ts'
import { formatNumber } from '../figures/format.ts'
import type { Figure } from '../figures/rows.ts'
import { median } from '../figures/statistics.ts'
import { startInventory } from '../processes/inventory.ts'
import { firstOk, startRollcall } from '../processes/rollcall.ts'
import { type Measure, withScope } from './measure.ts'
import { timeRefresh } from './refresh-cost.ts'

/** Five rules as fleets have them: keep, rewrite, copy by pattern, change case, clean up. */
const RULES = [
  'meta_labels: true',
  'relabel_configs:',
  '  - { source_labels: [__meta_inventory_status], regex: "act.+", action: keep }',
  '  - { source_labels: [__address__], regex: "([^-]+)-.*", target_label: kind }',
  '  - { regex: "__meta_inventory_(mod.+)", action: labelmap }',
  '  - { source_labels: [model], target_label: model, action: lowercase }',
  '  - { regex: "__meta_inventory_.+", action: labeldrop }',
]

/** As many labels by mapping alone, so that packing costs much the same. */
const NO_RULES = ['labels: { kind: "{status}", model: "{model}" }']

/** Refreshes of sizes that most fleets have. */
export const smallRefreshes: Measure = {
  name: 'refreshes',
  rows: ['names-to-targets', 'relabelling'],
  isLong: true,
  async run() {
    return [
      await withScope((scope) => namesToTargets(scope, 15)),
      await withScope((scope) => relabelling(scope, 9)),
    ]
  },
}

/** The first refresh of a process, since a list of names that changes is another list. */
async function namesToTargets(scope: Scope, rounds: number): Promise<Figure> {
  const inventory = await startInventory(scope, 10_000, 'names')
  const seconds: number[] = []
  for (let round = 0; round < rounds; round++) {
    seconds.push(
      await withScope(async (inner) => {
        const rollcall = await startRollcall(inner, { inventory: inventory.url })
        await firstOk(`${rollcall.url}/targets`)
        return firstRefreshSeconds(rollcall.refreshSeconds)
      }),
    )
  }
  return { id: 'names-to-targets', value: median(seconds), rounds: seconds, note: 'the first of a process' }
}

/** The metric is set a moment after the list is served: when it is on disk. */
async function firstRefreshSeconds(ask: () => Promise<number>): Promise<number> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const seconds = await ask()
    if (seconds > 0) return seconds
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('the first refresh never ended')
}

async function relabelling(scope: Scope, rounds: number): Promise<Figure> {
  const inventory = await startInventory(scope, 100_000)
  const start = async (source: readonly string[]) => {
    const rollcall = await startRollcall(scope, { inventory: inventory.url, source })
    await firstOk(`${rollcall.url}/targets`)
    return rollcall
  }
  const [withRules, without] = [await start(RULES), await start(NO_RULES)]
  const ratios: number[] = []
  const seconds: number[] = []
  for (let round = 0; round < rounds; round++) {
    await inventory.change()
    const rules = await timeRefresh(withRules, 'changed')
    const plain = await timeRefresh(without, 'changed')
    for (const one of [withRules, without]) await one.settle()
    ratios.push(rules.seconds / plain.seconds)
    seconds.push(rules.seconds)
  }
  return {
    id: 'relabelling',
    value: median(ratios),
    rounds: ratios,
    note: `${formatNumber(median(seconds))} s`,
  }
}
