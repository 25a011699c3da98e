import { setTimeout as delay } from 'node:timers/promises'
import { formatNumber } from '../figures/format.ts'
import type { Figure, RowId } from '../figures/rows.ts'
import { startInventory } from '../processes/inventory.ts'
import { peakBytes, residentBytes } from '../processes/proc.ts'
import { firstOk, ONE_LABEL, startRollcall } from '../processes/rollcall.ts'
import { type Measure, withScope } from './measure.ts'

const PATHS = ['/targets', '/metrics', '/health']
const POLLS = 60

/** Between polls; without pauses the heap would show how fast it is used, not how much of it is needed. */
const PAUSE_MS = 200

/** A configuration file needs its parser and its schema, which the environment alone does not. */
const WAYS: readonly (readonly [id: RowId, source: readonly string[] | undefined])[] = [
  ['memory-environment', undefined],
  ['memory-file', ONE_LABEL],
]

/** Memory with 100 sensors after sixty polls and scrapes, and six lists that changed. */
export const memory: Measure = {
  name: 'memory',
  rows: WAYS.map(([id]) => id),
  async run({ quick }): Promise<Figure[]> {
    const figures: Figure[] = []
    for (const [id, source] of WAYS) {
      const rounds: Awaited<ReturnType<typeof useMemory>>[] = []
      for (let round = 0; round < (quick ? 1 : 3); round++) rounds.push(await useMemory(source))
      const resident = rounds.map((round) => round.resident / 1e6)
      const peak = Math.max(...rounds.map((round) => round.peak)) / 1e6
      // The most of all rounds: what it must be given.
      figures.push({
        id,
        value: Math.max(...resident),
        rounds: resident,
        note: `at most ${formatNumber(peak)} MB since the start`,
      })
    }
    return figures
  },
}

function useMemory(source: readonly string[] | undefined) {
  return withScope(async (scope) => {
    const inventory = await startInventory(scope, 100)
    const options = { inventory: inventory.url }
    const rollcall = await startRollcall(scope, source === undefined ? options : { ...options, source })
    await firstOk(`${rollcall.url}/targets`)
    for (let poll = 1; poll <= POLLS; poll++) {
      for (const path of PATHS) await (await fetch(rollcall.url + path)).arrayBuffer()
      if (poll % 10 === 0) {
        await inventory.change()
        await rollcall.refresh('changed')
        await rollcall.settle()
      }
      await delay(PAUSE_MS)
    }
    return { resident: residentBytes(rollcall.pid), peak: peakBytes(rollcall.pid) }
  })
}
