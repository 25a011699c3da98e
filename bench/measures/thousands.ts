import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from '../../test/helpers/scope.ts'
import { formatNumber } from '../figures/format.ts'
import type { Figure } from '../figures/rows.ts'
import { cpuSeconds, peakBytes } from '../processes/proc.ts'
import { firstOk } from '../processes/rollcall.ts'
import { startServer } from '../processes/start.ts'
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
    const { url, pid } = await start(scope, inventory)
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
        note: `${formatNumber((SOURCES * rounds.length) / (rounds.length * INTERVAL_SECONDS))} readings a second; at most ${formatNumber(peakBytes(pid) / 1e6)} MB since the start`,
      },
    ]
  },
}

/** A list of records for each source, which never changes. @returns where it is */
async function serveRecords(scope: Scope): Promise<string> {
  const server = createServer((request, response) => {
    const source = Number(request.url?.slice(1))
    const records = Array.from({ length: TARGETS }, (_, index) => ({
      id: `${source}-${index}`,
      hostname: `sensor-${index}.store-${source}.example`,
      status: 'active',
      store: { id: source },
    }))
    response.setHeader('content-type', 'application/json').end(JSON.stringify(records))
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  scope.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function start(scope: Scope, inventory: string) {
  const folder = scope.testdir()
  const file = join(folder, 'rollcall.yml')
  const source = (_: unknown, index: number) =>
    `  - { name: s${index}, http: { url: "${inventory}/${index}" }, labels: { store: "{store.id}" } }\n`
  const sources = Array.from({ length: SOURCES }, source).join('')
  writeFileSync(file, `global: { refresh_interval: ${INTERVAL_SECONDS}s }\nsources:\n${sources}`)
  const args = [
    'dist/cli.js',
    `--config.file=${file}`,
    '--web.listen-address=127.0.0.1:0',
    `--storage.path=${join(folder, 'data')}`,
    '--log.format=json',
  ]
  return startServer(scope, { args, serves: /"url":"([^"]+)".*"msg":"serving targets"/ })
}
