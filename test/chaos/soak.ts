// Refreshes 10,000 changing sensors for a long time, and checks that nothing grows (fault 41):
//   npm run tool -- soak                  ten minutes
//   npm run tool -- soak --seconds=120    two minutes; a fifth of the time is warm-up, so less tells nothing
// Prints memory, descriptors and timers; exits 1 when one of them grew out of bounds.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { start } from '../helpers/cli.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { createScope, type Scope } from '../helpers/scope.ts'

const SENSORS = 10_000
const CHANGED = 100
const REFRESH = '300ms'
const SAMPLE_EVERY_MS = 1_000
/** How much more there may be at the end than after the warm-up. */
const GROWTH = 1.1
/** Connections come and go; a leak of one per refresh is hundreds. */
const MORE_DESCRIPTORS = 5
const MORE_TIMERS = 3

/** What is looked at once a second. */
interface Sample {
  readonly rssMiB: number
  readonly heapMiB: number
  readonly descriptors: number
  readonly timers: number
}

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '600' } } })
const scope = createScope()
// Whatever happens, no process is left behind.
const isFlat = await soak(scope, Number(values.seconds)).finally(() => scope.end())
process.exitCode = isFlat ? 0 : 1

async function soak(scope: Scope, seconds: number): Promise<boolean> {
  const inventory = await changingInventory(scope)
  const folder = scope.testdir()
  const config = join(folder, 'rollcall.yml')
  writeFileSync(
    config,
    `global: { refresh_interval: ${REFRESH} }\nsources: [{ name: soak, http: { url: "${inventory.url}" }, labels: { site: "{site}" } }]\n`,
  )
  const { url, child } = await start(scope, [
    `--config.file=${config}`,
    `--storage.path=${join(folder, 'data')}`,
  ])
  const samples: Sample[] = []
  const end = performance.now() + seconds * 1_000
  while (performance.now() < end && child.exitCode === null) {
    for (const path of ['/targets', '/health']) await (await fetch(url + path)).arrayBuffer()
    samples.push(sampleOf(Number(child.pid), await (await fetch(`${url}/metrics`)).text()))
    await delay(SAMPLE_EVERY_MS)
  }
  const parts = {
    start: samples.slice(0, 3),
    'after warm-up': samples.slice(Math.floor(samples.length / 5), Math.floor((samples.length * 2) / 5)),
    end: samples.slice(Math.floor((samples.length * 4) / 5)),
  }
  console.log(`${inventory.asked()} refreshes of ${SENSORS} sensors, ${CHANGED} changed before each`)
  console.log('                rss MiB (peak)   heap MiB   descriptors   timers')
  for (const [name, part] of Object.entries(parts)) console.log(name.padEnd(16) + describe(part))
  const [before, after] = [parts['after warm-up'], parts.end]
  const wrong = [
    child.exitCode !== null && `it exited with ${child.exitCode}`,
    median(after, 'rssMiB') > median(before, 'rssMiB') * GROWTH && 'resident memory grew by more than 10 %',
    median(after, 'descriptors') > median(before, 'descriptors') + MORE_DESCRIPTORS && 'descriptors grew',
    median(after, 'timers') > median(before, 'timers') + MORE_TIMERS && 'timers grew',
  ].filter((text) => text !== false)
  console.log(wrong.length === 0 ? 'flat' : `NOT FLAT: ${wrong.join(', ')}`)
  return wrong.length === 0
}

/** An inventory in which some sensors are new, and as many gone, at each reading. */
async function changingInventory(scope: Scope) {
  let asked = 0
  const server = createServer((_request, response) => {
    const first = asked++ * CHANGED
    const records = Array.from({ length: SENSORS }, (_, index) => {
      const number = first + index
      return { host: `sensor-${number}.example.com`, site: `site-${number % 50}` }
    })
    response.end(JSON.stringify(records))
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  scope.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/inventory`, asked: () => asked }
}

function sampleOf(pid: number, metrics: string): Sample {
  const rss = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return {
    rssMiB: Number(rss) / 1024,
    heapMiB: (seriesValue(metrics, 'nodejs_heap_size_used_bytes') ?? 0) / 2 ** 20,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    timers: seriesValue(metrics, 'nodejs_active_resources', { type: 'Timeout' }) ?? 0,
  }
}

function median(samples: readonly Sample[], key: keyof Sample): number {
  const sorted = samples.map((sample) => sample[key]).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function describe(samples: readonly Sample[]): string {
  const peak = Math.max(...samples.map(({ rssMiB }) => rssMiB)).toFixed(1)
  const rss = `${median(samples, 'rssMiB').toFixed(1)} (${peak})`
  return `${rss.padEnd(17)}${median(samples, 'heapMiB').toFixed(1).padEnd(11)}${String(median(samples, 'descriptors')).padEnd(14)}${median(samples, 'timers')}`
}
