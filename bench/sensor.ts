// Measures what the sensor costs at rest: its resident memory and its share of a processor while it is scraped.
//   npm run build && npm run build:test
//   node build/bench/sensor.js [--seconds=300] [--interval=15]
// Prints a table, writes it to bench/results/, and exits 1 when a goal is missed. Linux only.
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createScope } from '../test/helpers/scope.ts'
import { assertLinux, cpuSeconds, residentBytes } from './processes/proc.ts'
import { startServer } from './processes/start.ts'

/** What the sensor may use at most: MiB, and percent of one processor. */
const GOALS = { memory: 60, cpu: 0.5 }

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '300' },
    interval: { type: 'string', default: '15' },
  },
})
const [seconds, interval] = [Number(values.seconds), Number(values.interval)]

// A push source that knows everybody for 90 s, so that the heartbeats are measured too.
const push = createServer((request, response) => {
  request.resume().on('end', () => response.end('{"ttl_seconds":90}'))
})
await new Promise<void>((resolve) => void push.listen(0, '127.0.0.1', resolve))
const source = `http://127.0.0.1:${(push.address() as AddressInfo).port}/api/v1/sources/devices`

assertLinux()
const scope = createScope()
const sensor = await startServer(scope, {
  args: [
    'dist/cli.js',
    'sensor',
    '--web.listen-address=127.0.0.1:0',
    `--register.url=${source}`,
    '--log.format=json',
  ],
  serves: /"url":"([^"]+)".*"msg":"serving metrics"/,
})

async function scrape(): Promise<number> {
  const started = performance.now()
  const answer = await fetch(`${sensor.url}/metrics`, { headers: { 'accept-encoding': 'gzip' } })
  await answer.text()
  return performance.now() - started
}

await scrape()
await delay(1_000)
const [startedMs, startedSeconds] = [performance.now(), cpuSeconds(sensor.pid)]
const memory: number[] = []
const latencies: number[] = []
while (performance.now() - startedMs < seconds * 1000) {
  await delay(interval * 1000)
  latencies.push(await scrape())
  memory.push(residentBytes(sensor.pid) / 2 ** 20)
}
const elapsed = (performance.now() - startedMs) / 1000
const cpu = (100 * (cpuSeconds(sensor.pid) - startedSeconds)) / elapsed
await scope.end()
push.closeAllConnections()
push.close()

const peak = Math.max(...memory)
const median = latencies.sort((a, b) => a - b)[Math.floor(latencies.length / 2)] as number
const rows = [
  ['resident memory, highest of all scrapes', `${peak.toFixed(1)} MiB`, `at most ${GOALS.memory} MiB`],
  ['processor, share of one core', `${cpu.toFixed(3)} %`, `at most ${GOALS.cpu} %`],
  ['a scrape, median', `${median.toFixed(1)} ms`, ''],
]
const table = [
  `The sensor at rest: ${latencies.length} scrapes in ${Math.round(elapsed)} s, one every ${interval} s, Node.js ${process.version}.`,
  '',
  '| what | measured | goal |',
  '|---|---|---|',
  ...rows.map((row) => `| ${row.join(' | ')} |`),
  '',
].join('\n')
console.log(table)
mkdirSync('bench/results', { recursive: true })
writeFileSync('bench/results/sensor.md', table)
process.exitCode = peak <= GOALS.memory && cpu <= GOALS.cpu ? 0 : 1
