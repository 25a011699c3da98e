// Measures what design and README claim, as ratios within one run:
//   npm run bench            about three minutes
//   npm run bench -- --quick one minute
// Prints a table, writes it to bench/results/, and exits 1 when a goal is missed.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import autocannon from 'autocannon'
import { JSON_FORMAT } from '../src/model/document.ts'
import { relabelChecked } from '../src/pipeline/apply-rules.ts'
import { compilePlan } from '../src/pipeline/plan.ts'
import { build } from '../src/refresh/build.ts'
import { compileRelabel } from '../src/relabel/relabel.ts'
import { freeze } from '../src/snapshot/snapshot.ts'
import { createStore } from '../src/snapshot/store.ts'
import { packed as pack } from '../test/helpers/packed.ts'
import { firstOk, residentMiB, serveInventory, startBareServer, startRollcall } from './processes.ts'

interface Row {
  readonly what: string
  readonly value: number
  readonly unit: string
  readonly goal: { readonly atLeast: number } | { readonly atMost: number }
  readonly note: string
}

const quick = process.argv.includes('--quick')
const rounds = quick ? 5 : 9
const seconds = quick ? 1 : 2
const rows: Row[] = []

for (const count of [100, 10_000, 100_000]) rows.push(await throughput(count))
rows.push(await bodyToBytes())
rows.push(relabelling())
rows.push(...(await memoryAndStart()))
rows.push(await warmStart())
report()

/** Requests per second of `/targets` against those of a bare server that sends the same bytes. */
async function throughput(count: number): Promise<Row> {
  const inventory = await serveInventory(count)
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-bench-'))
  const rollcall = await startRollcall(inventory.url)
  await firstOk(`${rollcall.url}/targets`, 0)
  const answer = await fetch(`${rollcall.url}/targets`, { headers: { 'accept-encoding': 'identity' } })
  const [bodyFile, headersFile] = [join(folder, 'body'), join(folder, 'headers')]
  writeFileSync(bodyFile, Buffer.from(await answer.arrayBuffer()))
  const { date, connection, 'keep-alive': keepAlive, ...headers } = Object.fromEntries(answer.headers)
  writeFileSync(headersFile, JSON.stringify(headers))
  const bare = await startBareServer(bodyFile, headersFile)
  const urls = { ours: `${rollcall.url}/targets`, bare: `${bare.url}/targets` }
  await load(urls.ours, 1)
  await load(urls.bare, 1)
  const pairs: { ours: number; bare: number }[] = []
  // In turn, so that a machine that gets slower or faster meanwhile does so for both.
  for (let round = 0; round < rounds; round++) {
    const first = await load(round % 2 === 0 ? urls.ours : urls.bare, seconds)
    const second = await load(round % 2 === 0 ? urls.bare : urls.ours, seconds)
    pairs.push(round % 2 === 0 ? { ours: first, bare: second } : { ours: second, bare: first })
  }
  await rollcall.stop()
  await bare.stop()
  inventory.close()
  rmSync(folder, { recursive: true })
  return {
    what: `/targets throughput against bare node:http, ${count.toLocaleString('en')} targets`,
    value: median(pairs.map((pair) => pair.ours / pair.bare)),
    unit: '×',
    goal: { atLeast: 0.9 },
    note: `${median(pairs.map((pair) => pair.ours)).toFixed(0)} requests/s; ${range(
      pairs.map((pair) => pair.ours / pair.bare),
      2,
    )}`,
  }
}

/** Requests per second over ten connections; every answer must be a 200. */
async function load(url: string, duration: number): Promise<number> {
  const result = await autocannon({ url, duration, connections: 10 })
  const wrong = result.non2xx + result.errors + result.timeouts
  if (wrong > 0) throw new Error(`${wrong} requests to ${url} failed`)
  return result.requests.total / result.duration
}

/** Time from the body of an inventory of 10,000 names to served bytes: decode, map, pack, encode, freeze. */
async function bodyToBytes(): Promise<Row> {
  const body = Buffer.from(JSON.stringify(Array.from({ length: 10_000 }, (_, index) => `sensor_${index}`)))
  const document = { bytes: body, format: JSON_FORMAT, name: 'the answer' }
  const plan = compilePlan({
    records: undefined,
    mapping: { source: 'bench', targets: [], labels: [], metaLabels: false, defaultPort: 9100 },
    relabelConfigs: [],
  })
  const times: number[] = []
  for (let round = 0; round < rounds * 4; round++) {
    const began = performance.now()
    const built = build([document], plan)
    const store = createStore()
    store.add('bench', { required: true, maxStalenessMs: Number.POSITIVE_INFINITY })
    await store.publish('bench', await freeze(built.body, built.counts, 0))
    times.push((performance.now() - began) / 1000)
  }
  return {
    what: '10,000 names from the body of the inventory to served bytes',
    value: median(times),
    unit: 's',
    goal: { atMost: 1 },
    note: range(times, 3),
  }
}

/** Time to relabel 100,000 targets with five rules against the time to pack the same targets without rules. */
function relabelling(): Row {
  const targets = Array.from({ length: 100_000 }, (_, index) => ({
    address: `sensor-${index}.example.com:9100`,
    labels: [
      ['__meta_inventory_rack', `R${index % 50}`],
      ['__meta_inventory_site', `Site-${index % 1_000}`],
      ['__meta_rollcall_source', 'bench'],
    ] as const,
  }))
  const rules = compileRelabel([
    { source_labels: ['__meta_inventory_site'], regex: 'Site-.+', action: 'keep' },
    { source_labels: ['__address__'], regex: '([^.]+)\\..*', target_label: 'instance' },
    { regex: '__meta_inventory_(.+)', action: 'labelmap' },
    { source_labels: ['site'], target_label: 'site', action: 'lowercase' },
    { regex: '__meta_inventory_.+', action: 'labeldrop' },
  ])
  const ratios: number[] = []
  const times: number[] = []
  for (let round = 0; round < rounds * 2; round++) {
    const packing = elapsed(() => pack(targets))
    const rulesTime = elapsed(() => {
      for (const target of targets) relabelChecked(target, rules, () => {})
    })
    ratios.push(rulesTime / packing)
    times.push(rulesTime)
  }
  return {
    what: 'relabelling 100,000 targets with five rules against packing them without rules',
    value: median(ratios),
    unit: '×',
    goal: { atMost: 3 },
    note: `${median(times).toFixed(2)} s; ${range(ratios, 2)}`,
  }
}

/** Seconds that a computation takes. */
function elapsed(compute: () => unknown): number {
  const began = performance.now()
  compute()
  return (performance.now() - began) / 1000
}

/** Memory with 100 sensors after some polls, and the time from the start to the first list. */
async function memoryAndStart(): Promise<Row[]> {
  const inventory = await serveInventory(100)
  const starts: number[] = []
  const memory: number[] = []
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    const began = performance.now()
    const rollcall = await startRollcall(inventory.url)
    starts.push(await firstOk(`${rollcall.url}/targets`, began))
    for (let second = 0; second < 20; second++) {
      for (const path of ['/targets', '/metrics', '/health'])
        await (await fetch(rollcall.url + path)).arrayBuffer()
      await delay(1_000)
    }
    memory.push(residentMiB(rollcall.child))
    await rollcall.stop()
  }
  inventory.close()
  return [
    {
      what: 'resident memory with 100 sensors, polled and scraped every second for 20 s',
      value: median(memory),
      unit: 'MiB',
      goal: { atMost: 80 },
      note: range(memory, 1),
    },
    {
      what: 'start of the process to the first 200 of /targets',
      value: median(starts) / 1000,
      unit: 's',
      goal: { atMost: 1 },
      note: range(
        starts.map((ms) => ms / 1000),
        2,
      ),
    },
  ]
}

/** Time from the start of the process to the first list, with 100,000 targets on disk and the inventory down. */
async function warmStart(): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-bench-'))
  const inventory = await serveInventory(100_000)
  const first = await startRollcall(inventory.url, folder)
  await firstOk(`${first.url}/targets`, 0)
  while (!readdirSync(folder).some((name) => name.endsWith('.snapshot'))) await delay(10)
  await first.stop()
  inventory.close()
  const times: number[] = []
  for (let round = 0; round < (quick ? 3 : 7); round++) {
    const began = performance.now()
    const rollcall = await startRollcall(inventory.url, folder)
    times.push((await firstOk(`${rollcall.url}/targets`, began)) / 1000)
    await rollcall.stop()
  }
  rmSync(folder, { recursive: true })
  return {
    what: 'start with 100,000 targets on disk and the inventory down, to the first 200',
    value: median(times),
    unit: 's',
    goal: { atMost: 0.5 },
    note: range(times, 2),
  }
}

function range(values: readonly number[], digits: number): string {
  return `${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)} in ${values.length} runs`
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number
}

function report(): void {
  const isMet = ({ value, goal }: Row) => ('atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost)
  const machine = `Node.js ${process.version}, ${cpus().length} × ${cpus()[0]?.model}`
  console.log(`\n${machine}\n`)
  for (const row of rows) {
    const goal = 'atLeast' in row.goal ? `≥ ${row.goal.atLeast}` : `≤ ${row.goal.atMost}`
    const value = `${row.value.toFixed(2)} ${row.unit}`
    console.log(
      `${isMet(row) ? 'met   ' : 'MISSED'}  ${row.what.padEnd(76)}${value.padStart(11)}  (goal ${goal}; ${row.note})`,
    )
  }
  mkdirSync('bench/results', { recursive: true })
  writeFileSync('bench/results/bench.json', `${JSON.stringify({ machine, quick, rows }, null, 2)}\n`)
  const missed = rows.filter((row) => !isMet(row))
  console.log(missed.length === 0 ? '\nEvery goal is met.' : `\n${missed.length} goals are missed.`)
  process.exitCode = missed.length === 0 ? 0 : 1
}
