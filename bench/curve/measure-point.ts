import { request } from 'undici'
import type { Scope } from '../../test/helpers/scope.ts'
import { median, percentile } from '../figures/statistics.ts'
import { timeRefresh } from '../measures/refresh-cost.ts'
import { type Helper, startHelper } from '../processes/ask-process.ts'
import { startInventory } from '../processes/inventory.ts'
import type { Order, StreamSamples } from '../processes/open-loop.ts'
import { firstOk, ONE_LABEL, startRollcall } from '../processes/rollcall.ts'
import { putLoad } from '../processes/wrk.ts'
import type { Point } from './point.ts'

/** The fastest that latencies are probed. */
const MOST_PER_SECOND = 200

interface Effort {
  readonly rounds: number
  readonly seconds: number
}

/** Measures one size with processes of its own. */
export async function measurePoint(
  scope: Scope,
  records: number,
  { rounds, seconds }: Effort,
): Promise<Point> {
  const inventory = await startInventory(scope, records)
  const rollcall = await startRollcall(scope, { inventory: inventory.url, source: ONE_LABEL })
  const url = `${rollcall.url}/targets`
  await firstOk(url)
  const costs: (Awaited<ReturnType<typeof timeRefresh>> & { parse: number; bytes: number })[] = []
  for (let round = 0; round < rounds; round++) {
    await inventory.change()
    const { seconds: parse, bytes } = await inventory.parse()
    costs.push({ ...(await timeRefresh(rollcall, 'changed')), parse, bytes })
  }
  // Small refreshes take less CPU than a clock tick; many together do not.
  const cpu = costs.reduce((sum, cost) => sum + cost.cpu, 0) / costs.length
  const plain = await serve(scope, url, seconds, {})
  const gzip = await serve(scope, url, seconds, { 'accept-encoding': 'gzip' })
  return {
    records,
    bodyBytes: costs[0]?.bytes as number,
    parseSeconds: median(costs.map(({ parse }) => parse)),
    refreshSeconds: median(costs.map((cost) => cost.seconds)),
    cpuSeconds: cpu,
    peakBytes: Math.max(...costs.map(({ peak }) => peak)),
    wireBytes: plain.bytes,
    wireGzipBytes: gzip.bytes,
    requestsPerSecond: plain.rate,
    requestsPerSecondGzip: gzip.rate,
    p99Ms: plain.p99,
    p99GzipMs: gzip.p99,
  }
}

/** Bytes, throughput and latency of one form of the list. */
async function serve(scope: Scope, url: string, seconds: number, headers: Readonly<Record<string, string>>) {
  const answer = await request(url, { headers: { ...headers } })
  const bytes = (await answer.body.arrayBuffer()).byteLength
  await putLoad(url, seconds / 2, headers)
  const { requestsPerSecond: rate } = await putLoad(url, seconds, headers)
  const probe = Math.min(MOST_PER_SECOND, Math.max(1, rate / 2))
  const open: Helper<Order, readonly StreamSamples[]> = startHelper(
    scope,
    'build/bench/processes/open-loop.js',
  )
  await open.ask([{ name: url, url, rate: probe, headers }])
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
  const [stream] = await open.ask('stop')
  await open.stop()
  const samples = stream?.samples ?? []
  const failed = samples.filter(({ status }) => status !== 200).length
  if (failed > 0) throw new Error(`${failed} of ${samples.length} requests to ${url} failed`)
  return {
    bytes,
    rate,
    p99: percentile(
      samples.map(({ due, end }) => end - due),
      0.99,
    ),
  }
}
