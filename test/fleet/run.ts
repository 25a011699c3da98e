import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { heartbeatMs } from '../../src/sensor/registration/schedule.ts'
import { type Running, start } from '../helpers/cli.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { freePort, startPrometheus } from '../helpers/prometheus.ts'
import { replayed } from '../helpers/push-source.ts'
import type { Scope } from '../helpers/scope.ts'
import { until } from '../helpers/until.ts'
import { type AgentProcess, type Registered, startAgents } from './processes.ts'
import { countReturns, drawReturns, mostWithoutBurst, type Returns } from './returns.ts'
import { createWatch, servedBy, type Watch } from './watch.ts'

/** A device that ran out is gone from the list within a second; another one for the look that finds out. */
const GONE_WITHIN_MS = 2_000

/** Prometheus polls every second, and takes what is new over to its targets every five seconds, in two steps. */
const PROMETHEUS_TAKES_MS = 15_000

const PATIENCE = { timeoutMs: 60_000, everyMs: 250 }

/** What a run is told. */
export interface FleetOptions {
  /** How many; a tenth of them is killed. */
  readonly agents: number
  readonly processes: number
  readonly ttlMs: number
  /** For how long the server is away, longer than a heartbeat, so that every agent finds out. */
  readonly awayMs: number
  /** How the server ends before each restart. */
  readonly restarts: readonly NodeJS.Signals[]
  /** How many polls of Prometheus a restarted server must have answered before it goes on. */
  readonly polls: number
  /** What the machine may add to the times that are promised. */
  readonly slackMs: number
  /** A burst is only printed: where time is short and the machine busy, agents that waited are answered together. */
  readonly mayBurst: boolean
  /** The Prometheus to run. */
  readonly prometheus: string
  readonly scrapeSeconds: number
  readonly print: (line: string) => void
}

/** How a run went. */
export interface FleetSummary {
  /** Each kind once. */
  readonly violations: readonly string[]
  /** How many agents were scraped at first, and at the end. */
  readonly scraped: readonly [first: number, last: number]
  readonly killed: number
  readonly returns: Returns
}

/**
 * Agents register with a server and a Prometheus scrapes them; a tenth is killed; the server is restarted, crashes
 * and is away for a while. Nothing may disappear but what was killed.
 * @throws Error when something does not come in any time
 */
export async function runFleet(scope: Scope, options: FleetOptions): Promise<FleetSummary> {
  const { ttlMs, awayMs, slackMs, print } = options
  const heartbeat = heartbeatMs(ttlMs)
  if (awayMs <= heartbeat)
    throw new Error(`away for ${awayMs} ms: must be more than ${heartbeat} ms, a heartbeat`)
  const began = performance.now()
  const say = (line: string) =>
    print(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`)
  const registered: Registered[] = []
  const origin = `http://127.0.0.1:${await freePort()}`
  const [server, prometheus] = await Promise.all([
    createServer(scope, origin, ttlMs),
    startPrometheus(scope, options.prometheus, scraping(origin, options.scrapeSeconds)),
  ])
  const violated = (what: string) => say(`VIOLATED: ${what}`)
  const watch = createWatch({ server: origin, prometheus, job: 'devices' }, violated)
  scope.teardown(watch.stop)
  const agents = divide(options).map((ids) =>
    startAgents(scope, ids, server, (event) => void registered.push(event)),
  )
  const all = agents.flatMap(({ ids }) => ids)

  const upCount = () => prometheus.query('sum(up{job="devices"})')
  const knownCount = () => prometheus.query('sum(rollcall_sensor_registered{job="devices"})')
  /** Prometheus has as many targets, scraped all of them, and each says that the server knows it. */
  async function scrapes(count: number): Promise<number> {
    const isSo = async () => {
      const [targets, up, known] = [watch.targets().length, await upCount(), await knownCount()]
      if (targets === count && up === count && known === count) return count
      throw new Error(`${targets} targets, ${up} of them up, ${known} known to the server`)
    }
    return until(`Prometheus scrapes ${count} agents`, isSo, PATIENCE)
  }

  say(`${all.length} agents in ${agents.length} processes start; time to live ${ttlMs / 1000} s`)
  await until('all are registered', () => watch.served().size === all.length, PATIENCE)
  say(`all ${all.length} are registered`)
  const first = await scrapes(all.length)
  say(`Prometheus discovered all ${first}, and scrapes them`)
  watch.require(all)

  const dying = agents.at(-1) as AgentProcess
  const killedMs = await kill(dying, watch)
  say(`a process with ${dying.ids.length} agents is killed`)
  await whenGone(dying, watch.gone.fromServer, 'the list', PATIENCE.timeoutMs + ttlMs)
  const left = all.length - dying.ids.length
  tellGone('the server', watch.gone.fromServer, killedMs, ttlMs + GONE_WITHIN_MS + slackMs)

  // A crash may lose what changed in the last second.
  await until('it is on disk', () => !dying.ids.some(server.keeps), PATIENCE)
  for (const signal of options.restarts) {
    await server.stop(signal)
    await server.start()
    const wanted = options.polls
    await until(`${wanted} polls`, async () => (await server.polls()) >= wanted, PATIENCE)
    const served = (await servedBy(origin))?.size
    say(`restarted after ${signal}: serves ${served}, answered ${await server.polls()} polls of Prometheus`)
    if (served !== left) watch.violated(`the restarted server serves ${served}, not ${left}`)
  }
  await whenGone(dying, watch.gone.fromPrometheus, 'Prometheus', PROMETHEUS_TAKES_MS + PATIENCE.timeoutMs)
  const promisedMs = ttlMs + GONE_WITHIN_MS + PROMETHEUS_TAKES_MS + slackMs
  tellGone('Prometheus', watch.gone.fromPrometheus, killedMs, promisedMs)

  say(`the server goes away for ${awayMs / 1000} s; at least ${watch.fewest()} targets until now`)
  await server.stop('SIGTERM')
  await delay(awayMs)
  const up = await until('all are scraped', async () => (await upCount()) === left && left, PATIENCE)
  say(`it was away: at least ${watch.fewest()} targets meanwhile, ${up} of them up at the end`)
  const awayFrom = registered.length
  const returnedMs = await server.start()
  const back = () => new Map(registered.slice(awayFrom).map(({ id, atMs }) => [id, atMs - returnedMs]))
  await until('all are back', () => back().size >= left, { ...PATIENCE, timeoutMs: 60_000 + ttlMs })
  const returns = tellReturns([...back().values()])
  const last = await scrapes(left)
  say(`Prometheus scrapes all ${last}; at least ${watch.fewest()} targets since`)
  await watch.stop()
  const { served, unserved, prometheus: asked } = watch.looks
  say(`looked at ${served} lists of the server (${unserved} times none) and ${asked} times at Prometheus`)
  return { violations: watch.violations, scraped: [first, last], killed: dying.ids.length, returns }

  function tellGone(
    where: string,
    gone: ReadonlyMap<string, number>,
    sinceMs: number,
    promised: number,
  ): void {
    const times = [...gone.values()].map((ms) => ms - sinceMs)
    const [least, most] = [Math.min(...times), Math.max(...times)]
    say(`gone from ${where} ${seconds(least)} to ${seconds(most)} after the kill`)
    if (most > promised) watch.violated(`gone from ${where} after ${most} ms, not ${promised} ms`)
  }

  function tellReturns(times: readonly number[]): Returns {
    const spanMs = Math.min(1_000, heartbeat / 10)
    const returns = countReturns(times, spanMs)
    const { firstMs, lastMs, largest } = returns
    const allowed = mostWithoutBurst(times.length, spanMs, heartbeat)
    say(
      `${times.length} came back, ${seconds(firstMs)} to ${seconds(lastMs)} after the return; a heartbeat is ${seconds(heartbeat)}`,
    )
    for (const line of drawReturns(returns, spanMs)) print(line)
    say(`at most ${largest} within any ${seconds(spanMs)}; a burst is more than ${allowed}`)
    if (lastMs > heartbeat + slackMs) watch.violated(`the last one came back after ${lastMs} ms`)
    if (largest > allowed && !options.mayBurst) {
      watch.violated(`a burst: ${largest} of ${times.length} within ${seconds(spanMs)}`)
    }
    return returns
  }
}

/** A server with a push source that is stopped and started again at one address, on one storage folder. */
async function createServer(scope: Scope, origin: string, ttlMs: number) {
  const folder = scope.testdir()
  const tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, 'one-token\n')
  const file = join(folder, 'rollcall.yml')
  writeFileSync(
    file,
    `sources:\n  - name: devices\n    push: { token_file: token, ttl: ${ttlMs}ms }\n    labels: { instance: "{id}" }\n`,
  )
  const args = [
    `--config.file=${file}`,
    `--storage.path=${join(folder, 'data')}`,
    `--web.listen-address=${new URL(origin).host}`,
  ]
  let running: Running = await start(scope, args)
  return {
    push: new URL(`${origin}/api/v1/sources/devices`).href,
    tokenFile,
    /** Whether an agent is on disk. */
    keeps: (id: string) =>
      id in replayed(readFileSync(join(folder, 'data', 'push', 'devices.journal'), 'utf8')),
    /** @returns when it began to serve, in milliseconds since the epoch */
    async start(): Promise<number> {
      running = await start(scope, args)
      return Date.parse(/"time":"([^"]+)"[^\n]*"msg":"serving targets"/.exec(running.err())?.[1] ?? '')
    },
    async stop(signal: NodeJS.Signals): Promise<void> {
      running.child.kill(signal)
      await running.ended
    },
    /** How many polls of Prometheus this process answered with a list. */
    async polls(): Promise<number> {
      const page = await (await fetch(`${origin}/metrics`)).text()
      const labels = { route: '/targets', method: 'GET', code: '200' }
      return seriesValue(page, 'rollcall_http_requests_total', labels) ?? 0
    },
  }
}

const scraping = (server: string, scrapeSeconds: number) => `
global: { scrape_interval: ${scrapeSeconds}s }
scrape_configs:
  - job_name: devices
    http_sd_configs:
      - { url: "${server}/targets", refresh_interval: 1s }
`

/** The ids of each process; the last one, which is killed, has a tenth of all. */
function divide({ agents, processes }: FleetOptions): string[][] {
  const ids = Array.from({ length: agents }, (_, index) => `agent-${String(index + 1).padStart(3, '0')}`)
  const dying = Math.max(1, Math.round(agents / 10))
  const each = Math.ceil((agents - dying) / (processes - 1))
  const groups: string[][] = []
  for (let from = 0; from < agents - dying; from += each) {
    groups.push(ids.slice(from, Math.min(from + each, agents - dying)))
  }
  return [...groups, ids.slice(agents - dying)]
}

/** @returns when they were dead at the latest, in milliseconds since the epoch */
async function kill(agents: AgentProcess, watch: Watch): Promise<number> {
  watch.died(agents.ids)
  await agents.kill()
  return Date.now()
}

/** Waits until all of them are gone. */
async function whenGone(
  { ids }: AgentProcess,
  gone: ReadonlyMap<string, number>,
  where: string,
  timeoutMs: number,
): Promise<void> {
  await until(`${ids.length} are gone from ${where}`, () => gone.size === ids.length, { timeoutMs })
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}
