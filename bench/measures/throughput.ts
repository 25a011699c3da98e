import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import type { Scope } from '../../test/helpers/scope.ts'
import { formatNumber } from '../figures/format.ts'
import type { Figure, RowId } from '../figures/rows.ts'
import { median } from '../figures/statistics.ts'
import { startInventory } from '../processes/inventory.ts'
import { cpuSeconds } from '../processes/proc.ts'
import { firstOk, startRollcall } from '../processes/rollcall.ts'
import { type ServerProcess, startServer } from '../processes/start.ts'
import { putLoad, wrkMissing } from '../processes/wrk.ts'
import { type Context, type Measure, withScope } from './measure.ts'

/** Takes any certificate; servers of a measurement have their own. */
export const trusting = new Agent({ connect: { rejectUnauthorized: false } })

/** CPU for each request to `/targets` against that of a bare server that sends the same bytes. */
export const throughput: Measure = {
  name: 'throughput',
  rows: ['targets-100', 'targets-10000', 'targets-100000', 'targets-gzip-10000', 'targets-gzip-100000'],
  missing: wrkMissing,
  async run(context) {
    const figures: Figure[] = []
    for (const count of [100, 10_000, 100_000]) {
      figures.push(...(await manyStarts(context, (own) => atSize(own, count))))
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
  const contest = { scope, rollcall, ...loadingOf(quick) }
  const plain = await compete(contest, `targets-${count}` as RowId, {})
  if (count === 100 || quick) return [plain]
  return [plain, await compete(contest, `targets-gzip-${count}` as RowId, { 'accept-encoding': 'gzip' })]
}

type Headers = Readonly<Record<string, string>>

/** How a server is loaded. */
export interface Loading {
  readonly rounds: number
  readonly seconds: number
}

export const loadingOf = (quick: boolean): Loading => ({ rounds: 3, seconds: quick ? 1 : 2 })

/** The rounds before those that count. */
const WARM_ROUNDS = 3

/**
 * Measures with servers that are started anew several times: how the memory of a process happens to be laid out makes it up
 * to a fifth faster or slower for as long as it runs.
 */
export async function manyStarts(
  context: Context,
  work: (context: Context) => Promise<readonly Figure[]>,
): Promise<Figure[]> {
  const starts: (readonly Figure[])[] = []
  for (let start = 0; start < (context.quick ? 1 : 3); start++)
    starts.push(await withScope((scope) => work({ ...context, scope })))
  const [first = []] = starts
  return first.map((figure, index) => {
    const rounds = starts.flatMap((figures) => figures[index]?.rounds ?? [])
    return { ...figure, value: median(rounds), rounds }
  })
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
  const { cpu, rate } = await race(loading, { server: rollcall, headers }, { server: bare, headers })
  await bare.stop()
  return { id, value: median(cpu), rounds: cpu, note: rate }
}

/** A server, where its list is, and what its clients send. */
export interface Runner {
  readonly server: ServerProcess
  /** `/targets` when not given. */
  readonly path?: string
  readonly headers?: Headers
}

/** One server over another, in each round. */
export interface Race {
  /** CPU for each request. */
  readonly cpu: readonly number[]
  /** Requests per second. */
  readonly throughput: readonly number[]
  /** What the one did, in absolute figures. */
  readonly rate: string
}

/**
 * Requests for the list of one server beside those of another. In turn, so that a machine that gets slower or faster
 * meanwhile does so for both.
 */
export async function race({ rounds, seconds }: Loading, one: Runner, other: Runner): Promise<Race> {
  const load = async ({ server, path = '/targets', headers = {} }: Runner) => {
    const before = cpuSeconds(server.pid)
    const { requests, requestsPerSecond } = await putLoad(server.url + path, seconds, headers)
    return { requestsPerSecond, cpu: (cpuSeconds(server.pid) - before) / requests }
  }
  // The engine goes on compiling for some seconds of load.
  for (let warm = 0; warm < WARM_ROUNDS; warm++) {
    await load(one)
    await load(other)
  }
  const ours: Awaited<ReturnType<typeof load>>[] = []
  const [cpu, throughput]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    const isFirst = round % 2 === 0
    const first = await load(isFirst ? one : other)
    const second = await load(isFirst ? other : one)
    const [mine, theirs] = isFirst ? [first, second] : [second, first]
    cpu.push(mine.cpu / theirs.cpu)
    throughput.push(mine.requestsPerSecond / theirs.requestsPerSecond)
    ours.push(mine)
  }
  const requests = median(ours.map(({ requestsPerSecond }) => requestsPerSecond))
  const micros = median(ours.map((mine) => mine.cpu)) * 1e6
  return {
    cpu,
    throughput,
    rate: `${formatNumber(requests)} requests/s, ${formatNumber(micros)} µs of CPU each`,
  }
}

/**
 * Starts a bare server on the very bytes and headers that Rollcall answers.
 * @param pair files with a certificate and its key; undefined: without TLS
 */
export async function startBare(scope: Scope, url: string, headers: Headers, pair: readonly string[] = []) {
  const files = await writeAnswer(scope, url, headers)
  const args = ['build/bench/processes/bare-server.js', ...files, ...pair]
  return startServer(scope, { args, serves: /(https?:\/\/\S+)\n/ })
}

/** Writes what a server answers to files. @returns those of the body and of the headers */
export async function writeAnswer(scope: Scope, url: string, headers: Headers): Promise<string[]> {
  const folder = scope.testdir()
  const [bodyFile, headersFile] = [join(folder, 'body'), join(folder, 'headers')]
  // Not fetch, which would unpack the body.
  const answer = await request(url, { headers: { ...headers }, dispatcher: trusting })
  writeFileSync(bodyFile, Buffer.from(await answer.body.arrayBuffer()))
  const { date, connection, 'keep-alive': keepAlive, ...others } = answer.headers
  writeFileSync(headersFile, JSON.stringify(others))
  return [bodyFile, headersFile]
}
