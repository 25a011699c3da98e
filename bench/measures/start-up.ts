import { existsSync, readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from '../../test/helpers/scope.ts'
import type { Figure } from '../figures/rows.ts'
import { median } from '../figures/statistics.ts'
import { startInventory } from '../processes/inventory.ts'
import { firstOk, ONE_LABEL, startRollcall } from '../processes/rollcall.ts'
import { type Measure, withScope } from './measure.ts'

/** From the start of the process to the first list, with and without one on disk. */
export const startUp: Measure = {
  name: 'start',
  rows: ['warm-start', 'cold-start'],
  async run({ quick, scope }): Promise<Figure[]> {
    const small = await startInventory(scope, 100)
    const large = await startInventory(scope, 100_000)
    const storage = await keepOnDisk(scope, large.url)
    await large.stop()
    const warm: number[] = []
    const cold: number[] = []
    for (let round = 0; round < (quick ? 3 : 9); round++) {
      warm.push(await startSeconds(large.url, storage))
      cold.push(await startSeconds(small.url))
    }
    return [
      { id: 'warm-start', value: median(warm), rounds: warm, note: '' },
      { id: 'cold-start', value: median(cold), rounds: cold, note: '' },
    ]
  },
}

/** Lets a Rollcall keep its list, and kills it. @returns the folder */
async function keepOnDisk(scope: Scope, inventory: string): Promise<string> {
  const storage = scope.testdir()
  const rollcall = await startRollcall(scope, { inventory, storage, source: ONE_LABEL })
  await firstOk(`${rollcall.url}/targets`)
  const isKept = () => existsSync(storage) && readdirSync(storage).some((name) => name.endsWith('.snapshot'))
  while (!isKept()) await delay(20)
  await rollcall.stop()
  return storage
}

function startSeconds(inventory: string, storage?: string): Promise<number> {
  return withScope(async (scope) => {
    const began = performance.now()
    const options = storage === undefined ? { inventory } : { inventory, storage }
    const rollcall = await startRollcall(scope, { ...options, source: ONE_LABEL })
    await firstOk(`${rollcall.url}/targets`)
    return (performance.now() - began) / 1_000
  })
}
