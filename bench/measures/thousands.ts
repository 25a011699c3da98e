import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from '../../test/helpers/scope.ts'
import { formatNumber } from '../figures/format.ts'
import type { Figure } from '../figures/rows.ts'
import { cpuSeconds, peakBytes } from '../processes/proc.ts'
import { firstOk } from '../processes/rollcall.ts'
import { serveJson, startSources } from '../processes/sources.ts'
import type { Measure } from './measure.ts'

const SOURCES = 2_000
const TARGETS = 10
const INTERVAL_SECONDS = 30

/** What came with the start is written within this, in milliseconds. */
const SETTLE_MS = 60_000

/** What thousands of small sources cost: until all are read, and at rest. */
export const thousands: Measure = {
  name: 'thousands',
  rows: ['thousands-read', 'thousands-cpu'],
  isLong: true,
  async run({ scope }): Promise<Figure[]> {
    const inventory = await serveRecords(scope)
    const began = performance.now()
    const urls = Array.from({ length: SOURCES }, (_, index) => `${inventory}/${index}`)
    const { url, pid } = await startSources(scope, urls, {
      interval: `${INTERVAL_SECONDS}s`,
      keys: ', labels: { store: "{store.id}" }',
    })
    await firstOk(`${url}/ready`)
    const readIn = (performance.now() - began) / 1_000
    const spent = cpuSeconds(pid)
    await delay(SETTLE_MS)
    const before = cpuSeconds(pid)
    const rounds: number[] = []
    let last = before
    for (let round = 0; round < 3; round++) {
      await delay(INTERVAL_SECONDS * 1_000)
      const now = cpuSeconds(pid)
      rounds.push(((now - last) / INTERVAL_SECONDS) * 100)
      last = now
    }
    return [
      { id: 'thousands-read', value: readIn, rounds: [readIn], note: `${formatNumber(spent)} s of CPU` },
      {
        id: 'thousands-cpu',
        value: ((last - before) / (rounds.length * INTERVAL_SECONDS)) * 100,
        rounds,
        note: `${formatNumber(SOURCES / INTERVAL_SECONDS)} readings a second; at most ${formatNumber(peakBytes(pid) / 1e6)} MB since the start`,
      },
    ]
  },
}

/** A list of records for each source, which never changes. @returns where it is */
function serveRecords(scope: Scope): Promise<string> {
  return serveJson(scope, (path) => {
    const source = Number(path.slice(1))
    return Array.from({ length: TARGETS }, (_, index) => ({
      id: `${source}-${index}`,
      hostname: `sensor-${index}.store-${source}.example`,
      status: 'active',
      store: { id: source },
    }))
  })
}
