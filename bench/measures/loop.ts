import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startPrometheus } from '../../test/helpers/prometheus.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import { until } from '../../test/helpers/until.ts'
import { formatNumber } from '../figures/format.ts'
import type { Figure, RowId } from '../figures/rows.ts'
import { killOnExit } from '../processes/child.ts'
import { findPrometheus } from '../processes/find-prometheus.ts'
import { startInventory } from '../processes/inventory.ts'
import { cpuSeconds, peakBytes, resetPeak, residentBytes } from '../processes/proc.ts'
import { firstOk, ONE_LABEL } from '../processes/rollcall.ts'
import { type ServerProcess, startServer } from '../processes/start.ts'
import type { Measure } from './measure.ts'

const TARGETS = 100_000

/** So many answers are paid for together. */
const ANSWERS = 6

/** By default a server is asked once in so many seconds. */
const DEFAULT_INTERVAL_S = 60

/** How long the idle processes are watched, in seconds. */
const IDLE_S = 20

const ROWS = ['loop-prometheus', 'loop-rollcall', 'loop-memory'] as const satisfies readonly RowId[]

/** What it costs to know what a real Prometheus makes of 100,000 targets. */
export const loop: Measure = {
  name: 'loop',
  rows: ROWS,
  isLong: true,
  missing: () => (binary() === undefined ? 'Prometheus is not installed; .ci/run installs it' : undefined),
  run: ({ scope }) => run(scope, binary() as string),
}

function binary(): string | undefined {
  return findPrometheus(3) ?? findPrometheus(2)
}

async function run(scope: Scope, path: string): Promise<Figure[]> {
  const inventory = await startInventory(scope, TARGETS)
  const file = join(scope.testdir(), 'rollcall.yml')
  configure(file, inventory.url, [])
  const flags = [
    '--web.listen-address=127.0.0.1:0',
    '--web.enable-lifecycle',
    '--storage.path=',
    '--log.format=json',
  ]
  const args = ['dist/cli.js', 'serve', `--config.file=${file}`, ...flags]
  const rollcall = await startServer(scope, { args, serves: /"url":"([^"]+)".*"msg":"serving targets"/ })
  await firstOk(`${rollcall.url}/targets`)
  const prometheus = await startPrometheus(
    scope,
    path,
    `
scrape_configs:
  - job_name: sensors
    scrape_interval: 1y
    http_sd_configs: [{ url: "${rollcall.url}/targets", refresh_interval: 1d }]
`,
  )
  killOnExit(prometheus.pid)
  await until('all targets are there', async () => {
    const page = await (await fetch(`${prometheus.url}/metrics`)).text()
    return page.includes(`prometheus_target_scrape_pool_targets{scrape_job="sensors"} ${TARGETS}`)
  })
  const pids = [prometheus.pid, rollcall.pid]
  const idle = await costOf(pids, () => delay(IDLE_S * 1_000))
  const before = residentBytes(rollcall.pid)
  configure(file, inventory.url, [`prometheus: [{ url: "${prometheus.url}", interval: 10s }]`])
  await fetch(`${rollcall.url}/-/reload`, { method: 'POST' })
  await answered(rollcall, 1)
  resetPeak(rollcall.pid)
  const busy = await costOf(pids, () => answered(rollcall, ANSWERS))
  const perAnswer = busy.cpu.map(
    (cpu, index) => (cpu - ((idle.cpu[index] as number) * busy.seconds) / idle.seconds) / ANSWERS,
  )
  const shares = perAnswer.map((seconds) => (100 * seconds) / DEFAULT_INTERVAL_S)
  const notes = perAnswer.map(
    (seconds) => `${formatNumber(seconds)} s of CPU for one answer, once in ${DEFAULT_INTERVAL_S} s`,
  )
  const more = (peakBytes(rollcall.pid) - before) / 1e6
  return [
    figure('loop-prometheus', shares[0] as number, notes[0] as string),
    figure('loop-rollcall', shares[1] as number, notes[1] as string),
    figure('loop-memory', more, `peak over ${ANSWERS} answers, more than before the first`),
  ]
}

function configure(file: string, inventory: string, more: readonly string[]): void {
  const source = [
    `  - name: sensors`,
    `    http: { url: "${inventory}" }`,
    ...ONE_LABEL.map((line) => `    ${line}`),
  ]
  const lines = ['global: { refresh_interval: 10d, timeout: 5m }', 'sources:', ...source, ...more]
  writeFileSync(file, `${lines.join('\n')}\n`)
}

/** What work costs processes, in seconds of CPU, and how long it takes. */
async function costOf(pids: readonly number[], work: () => Promise<unknown>) {
  const [start, before] = [performance.now(), pids.map(cpuSeconds)]
  await work()
  const cpu = pids.map((pid, index) => cpuSeconds(pid) - (before[index] as number))
  return { cpu, seconds: (performance.now() - start) / 1_000 }
}

interface Asked {
  readonly last_success: string | null
  readonly failure: string | null
  readonly targets: Readonly<Record<string, number>>
}

/** Whether all targets are known; now and then one is scraped all the same. */
function isKnown(server: Asked | undefined): boolean {
  const { pending = 0, up = 0, down = 0 } = server?.targets ?? {}
  return pending + up + down === TARGETS
}

/** Waits for so many answers; each must be about all targets. */
async function answered({ url }: ServerProcess, count: number): Promise<void> {
  const ask = async () => {
    const { servers } = (await (await fetch(`${url}/api/v1/prometheus`)).json()) as { servers: Asked[] }
    return servers[0]
  }
  let last = (await ask())?.last_success
  for (let left = count; left > 0; left--)
    last = await until(
      'it is answered',
      async () => {
        const one = await ask()
        if (one?.failure) throw new Error(one.failure)
        return one?.last_success !== last && isKnown(one) && one?.last_success
      },
      { everyMs: 1_000 },
    )
}

function figure(id: RowId, value: number, note: string): Figure {
  return { id, value, rounds: [value], note }
}
