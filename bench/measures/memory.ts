import { setTimeout as delay } from 'node:timers/promises'
import { formatNumber } from '../figures/format.ts'
import type { Figure } from '../figures/rows.ts'
import { startInventory } from '../processes/inventory.ts'
import { peakBytes, residentBytes } from '../processes/proc.ts'
import { firstOk, startRollcall } from '../processes/rollcall.ts'
import { type Measure, withScope } from './measure.ts'

const PATHS = ['/targets', '/metrics', '/health']

/** Memory with 100 sensors after polls, scrapes and refreshes. */
export const memory: Measure = {
  name: 'memory',
  rows: ['memory'],
  async run({ quick }): Promise<Figure[]> {
    const rounds: number[] = []
    const peaks: number[] = []
    // As many polls either way: ten a second say in six seconds what one a second says in a minute.
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      const { resident, peak } = await withScope(async (scope) => {
        const inventory = await startInventory(scope, 100)
        const rollcall = await startRollcall(scope, { inventory: inventory.url })
        await firstOk(`${rollcall.url}/targets`)
        for (let poll = 0; poll < 60; poll++) {
          for (const path of PATHS) await (await fetch(rollcall.url + path)).arrayBuffer()
          if (poll % 10 === 9) {
            await inventory.serve(poll % 20 === 9 ? 'b' : 'a')
            await rollcall.refresh('changed')
          }
          await delay(quick ? 50 : 250)
        }
        return { resident: residentBytes(rollcall.pid) / 1e6, peak: peakBytes(rollcall.pid) / 1e6 }
      })
      rounds.push(resident)
      peaks.push(peak)
    }
    // The most of all rounds: what a container must be given.
    return [
      {
        id: 'memory',
        value: Math.max(...rounds),
        rounds,
        note: `at most ${formatNumber(Math.max(...peaks))} MB since the start`,
      },
    ]
  },
}
