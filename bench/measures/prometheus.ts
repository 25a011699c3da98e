import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { seriesValue } from '../../test/helpers/exposition.ts'
import { type Prometheus, startPrometheus } from '../../test/helpers/prometheus.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import { formatNumber } from '../figures/format.ts'
import type { Figure, RowId } from '../figures/rows.ts'
import { killOnExit } from '../processes/child.ts'
import { findPrometheus } from '../processes/find-prometheus.ts'
import { startInventory } from '../processes/inventory.ts'
import { cpuSeconds, peakBytes } from '../processes/proc.ts'
import { firstOk, ONE_LABEL, startRollcall } from '../processes/rollcall.ts'
import { type ServerProcess, startServer } from '../processes/start.ts'
import { type Measure, withScope } from './measure.ts'

const TARGETS = 100_000
const POLLS = 10
/** Prometheus passes lists on every five seconds, so with polls this far apart each is also taken over. */
const POLL_EVERY_S = 6

/** What one Prometheus paid. */
interface Bill {
  readonly cpu: number
  readonly peak: number
}

type Group = { readonly targets: readonly string[]; readonly labels: Readonly<Record<string, string>> }

/** One measure for each version of Prometheus. */
export const prometheusMeasures: readonly Measure[] = ([2, 3] as const).map((major) => ({
  name: `prometheus-${major}`,
  rows: [`prometheus-${major}-cpu`, `prometheus-${major}-memory`],
  isLong: true,
  missing: () =>
    findPrometheus(major) === undefined
      ? `Prometheus ${major} is not installed; .ci/run installs it`
      : undefined,
  run: ({ scope }) =>
    bill(scope, findPrometheus(major) as string, [`prometheus-${major}-cpu`, `prometheus-${major}-memory`]),
}))

/**
 * What a real Prometheus pays to discover the same targets, as Rollcall packs them and as one group for each target.
 * Both run at the same time, so that a machine that gets slower does so for both; CPU time is what is compared.
 */
async function bill(scope: Scope, binary: string, [cpuRow, memoryRow]: readonly RowId[]): Promise<Figure[]> {
  const packed = await rollcallsList()
  const groups = (JSON.parse(packed) as Group[]).flatMap(({ targets, labels }) =>
    targets.map((target) => ({ targets: [target], labels })),
  )
  const lists = [packed, JSON.stringify(groups)]
  const paid = await Promise.all(
    lists.map(async (list) => payFor(scope, binary, await serveList(scope, list))),
  )
  const [ours, each] = paid as [Bill, Bill]
  return [
    figure(
      cpuRow as RowId,
      ours.cpu / each.cpu,
      `${formatNumber(ours.cpu)} s against ${formatNumber(each.cpu)} s`,
    ),
    figure(
      memoryRow as RowId,
      ours.peak / each.peak,
      `${formatNumber(ours.peak / 1e6)} MB against ${formatNumber(each.peak / 1e6)} MB`,
    ),
  ]
}

function figure(id: RowId, value: number, note: string): Figure {
  return { id, value, rounds: [value], note }
}

/** What Rollcall makes of an inventory. */
function rollcallsList(): Promise<string> {
  return withScope(async (scope) => {
    const inventory = await startInventory(scope, TARGETS)
    const rollcall = await startRollcall(scope, { inventory: inventory.url, source: ONE_LABEL })
    await firstOk(`${rollcall.url}/targets`)
    return (await fetch(`${rollcall.url}/targets`)).text()
  })
}

/** The same kind of server for both, so that only the list differs. */
function serveList(scope: Scope, list: string): Promise<ServerProcess> {
  const folder = scope.testdir()
  const [bodyFile, headersFile] = [join(folder, 'body'), join(folder, 'headers')]
  writeFileSync(bodyFile, list)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(list) }
  writeFileSync(headersFile, JSON.stringify(headers))
  const args = ['build/bench/processes/bare-server.js', bodyFile, headersFile]
  return startServer(scope, { args, serves: /(http:\/\/\S+)\n/ })
}

/** Lets a Prometheus poll so many times. Its targets are active, but the first scrape of most is months away. */
async function payFor(scope: Scope, binary: string, server: ServerProcess): Promise<Bill> {
  const prometheus = await startPrometheus(
    scope,
    binary,
    `
scrape_configs:
  - job_name: sensors
    scrape_interval: 1y
    http_sd_configs:
      - { url: ${server.url}/targets, refresh_interval: ${POLL_EVERY_S}s }
`,
  )
  killOnExit(prometheus.pid)
  await waitForPolls(prometheus)
  const page = await metricsOf(prometheus)
  const found = seriesValue(page, 'prometheus_sd_discovered_targets', { config: 'sensors', name: 'scrape' })
  if (found !== TARGETS) throw new Error(`Prometheus discovered ${found} targets, not ${TARGETS}`)
  return { cpu: cpuSeconds(prometheus.pid), peak: peakBytes(prometheus.pid) }
}

/** Until the last poll has been taken over too. */
async function waitForPolls(prometheus: Prometheus): Promise<void> {
  const end = performance.now() + 5 * POLLS * POLL_EVERY_S * 1_000
  while (polls(await metricsOf(prometheus)) < POLLS) {
    if (performance.now() > end) throw new Error(`Prometheus did not poll ${POLLS} times`)
    await delay(500)
  }
  await delay(5_500)
}

async function metricsOf({ url }: Prometheus): Promise<string> {
  return (await fetch(`${url}/metrics`)).text()
}

/** How often it has polled; versions differ in the labels. */
function polls(page: string): number {
  const counts = page.matchAll(/^prometheus_sd_refresh_duration_seconds_count(?:\{[^}]*\})? (\S+)$/gm)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}
