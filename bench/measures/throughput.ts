import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import type { Scope } from '../../test/helpers/scope.ts'
import { formatNumber } from '../figures/format.ts'
import type { Figure, RowId } from '../figures/rows.ts'
import { median } from '../figures/statistics.ts'
import { type Helper, startHelper } from '../processes/ask-process.ts'
import type { LoadOrder, LoadReport } from '../processes/closed-loop.ts'
import { startInventory } from '../processes/inventory.ts'
import { cpuSeconds } from '../processes/proc.ts'
import { firstOk, startRollcall } from '../processes/rollcall.ts'
import { type ServerProcess, startServer } from '../processes/start.ts'
import { type Context, type Measure, withScope } from './measure.ts'

/** Takes any certificate; servers of a measurement have their own. */
export const trusting = new Agent({ connect: { rejectUnauthorized: false } })

/** Requests per second of `/targets` against those of a bare server that sends the same bytes. */
export const throughput: Measure = {
  name: 'throughput',
  rows: ['targets-100', 'targets-10000', 'targets-100000', 'targets-gzip-10000', 'targets-gzip-100000'],
  async run(context) {
    const figures: Figure[] = []
    for (const count of [100, 10_000, 100_000]) {
      figures.push(...(await withScope((scope) => atSize({ ...context, scope }, count))))
    }
    return figures
  },
}

/** Both encodings are worth a row only where compressing is. */
async function atSize({ quick, scope }: Context, count: number): Promise<Figure[]> {
  const inventory = await startInventory(scope, count, 'names')
  const rollcall = await startRollcall(scope, { inventory: inventory.url })
  await firstOk(`${rollcall.url}/targets`)
  await inventory.stop()
  const generator = startHelper<LoadOrder, LoadReport>(scope, 'build/bench/processes/closed-loop.js')
  const contest = { scope, rollcall, generator, rounds: quick ? 3 : 15, seconds: quick ? 0.5 : 1 }
  const plain = await compete(contest, `targets-${count}` as RowId, {})
  if (count === 100 || quick) return [plain]
  return [plain, await compete(contest, `targets-gzip-${count}` as RowId, { 'accept-encoding': 'gzip' })]
}

type Headers = Readonly<Record<string, string>>

/** How a server is loaded. */
export interface Loading {
  readonly generator: Helper<LoadOrder, LoadReport>
  readonly rounds: number
  readonly seconds: number
}

interface Contest extends Loading {
  readonly scope: Scope
  readonly rollcall: ServerProcess
}

/** Against a bare server that sends the same. */
async function compete(
  { scope, rollcall, ...loading }: Contest,
  id: RowId,
  headers: Headers,
): Promise<Figure> {
  const bare = await startBare(scope, `${rollcall.url}/targets`, headers)
  const figure = await race(loading, id, { server: rollcall, headers }, { server: bare, headers })
  await bare.stop()
  return figure
}

/** A server, and what its clients send. */
interface Runner {
  readonly server: ServerProcess
  readonly headers: Headers
}

/**
 * Requests per second to `/targets` of one server over those of another. In turn, so that a machine that gets slower
 * or faster meanwhile does so for both.
 */
export async function race(
  { generator, rounds, seconds }: Loading,
  id: RowId,
  one: Runner,
  other: Runner,
): Promise<Figure> {
  const load = async ({ server, headers }: Runner) => {
    const cpu = cpuSeconds(server.pid)
    const began = performance.now()
    const report = await generator.ask({ url: `${server.url}/targets`, seconds, headers })
    const used = cpuSeconds(server.pid) - cpu
    return {
      ...report,
      busy: used / ((performance.now() - began) / 1000),
      cpuPerRequest: used / report.requests,
    }
  }
  await load(one)
  await load(other)
  const ratios: number[] = []
  const cpuRatios: number[] = []
  const ours: Awaited<ReturnType<typeof load>>[] = []
  for (let round = 0; round < rounds; round++) {
    const isFirst = round % 2 === 0
    const first = await load(isFirst ? one : other)
    const second = await load(isFirst ? other : one)
    const [mine, theirs] = isFirst ? [first, second] : [second, first]
    ratios.push(mine.requestsPerSecond / theirs.requestsPerSecond)
    cpuRatios.push(mine.cpuPerRequest / theirs.cpuPerRequest)
    ours.push(mine)
  }
  const rate = median(ours.map(({ requestsPerSecond }) => requestsPerSecond))
  // A server that is not busy was not what limited the throughput, so its CPU per request says more then.
  const busy = Math.round(median(ours.map(({ busy }) => busy)) * 100)
  const note = `${formatNumber(rate)} requests/s, a core ${busy}% busy; CPU per request ${formatNumber(median(cpuRatios))} ×`
  return { id, value: median(ratios), rounds: ratios, note }
}

/**
 * Starts a bare server on the very bytes and headers that Rollcall answers.
 * @param pair files with a certificate and its key; undefined: without TLS
 */
export async function startBare(scope: Scope, url: string, headers: Headers, pair: readonly string[] = []) {
  const folder = scope.testdir()
  const [bodyFile, headersFile] = [join(folder, 'body'), join(folder, 'headers')]
  // Not fetch, which would unpack the body.
  const answer = await request(url, { headers: { ...headers }, dispatcher: trusting })
  writeFileSync(bodyFile, Buffer.from(await answer.body.arrayBuffer()))
  const { date, connection, 'keep-alive': keepAlive, ...others } = answer.headers
  writeFileSync(headersFile, JSON.stringify(others))
  const args = ['build/bench/processes/bare-server.js', bodyFile, headersFile, ...pair]
  return startServer(scope, { args, serves: /(https?:\/\/\S+)\n/ })
}
