import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type RedisServer, startRedis } from '../../test/helpers/redis-server.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import { findTool } from '../../test/helpers/tools.ts'
import { formatNumber } from '../figures/format.ts'
import type { Figure } from '../figures/rows.ts'
import { median, percentile } from '../figures/statistics.ts'
import { startHelper } from '../processes/ask-process.ts'
import type { HeartbeatOrder, HeartbeatResult } from '../processes/heartbeats.ts'
import { startInventory } from '../processes/inventory.ts'
import { cpuSeconds } from '../processes/proc.ts'
import { firstOk } from '../processes/rollcall.ts'
import { type ServerProcess, startServer } from '../processes/start.ts'
import { type Measure, withScope } from './measure.ts'

const NAMES = ['a', 'b', 'c'] as const
const TARGETS = 100_000
const TOKEN = 'token-of-devices'

/** How often a list is looked for, in milliseconds. */
const LOOK_MS = 10

/** How many devices register; `DEVICES` in the environment says otherwise. */
const DEVICES = Number(process.env.DEVICES ?? 50_000)
const HEARTBEAT_MS = 30_000

/** A device registers anew so often, in milliseconds. */
const PROBE_MS = 2_000

/** What follows the death of the reader is told apart for so long: its lease has to run out, and devices ask again. */
const TAKEOVER_MS = 15_000

/** What three replicas pay for a list of one of them, and for devices that register with any of them. */
export const cluster: Measure = {
  name: 'cluster',
  rows: ['adopted', 'follower-cpu', 'registration', 'new-device', 'lost-devices'],
  isLong: true,
  missing: () =>
    findTool('redis-server', 'REDIS_SERVER') === undefined
      ? 'redis-server is not installed; apt-get install redis-server'
      : undefined,
  async run({ quick }) {
    return [
      ...(await withScope((scope) => lists(scope, quick))),
      ...(await withScope((scope) => devices(scope, quick))),
    ]
  },
}

/** Three replicas on one store, which keeps nothing on disk. */
async function startReplicas(scope: Scope, source: readonly string[]) {
  const redis = await startRedis(scope, ['save ""'])
  const folder = scope.testdir()
  for (const [file, text] of [
    ['key', 'the key of all replicas'],
    ['token', TOKEN],
  ] as const)
    writeFileSync(join(folder, file), text)
  const start = (name: string) => {
    const file = join(folder, `${name}.yml`)
    const lines = [
      'global: { refresh_interval: 10d, timeout: 5m }',
      'cluster:',
      `  redis: { url: "redis://127.0.0.1:${redis.port}" }`,
      `  signing_key_file: ${join(folder, 'key')}`,
      `  replica: ${name}`,
      'sources:',
      ...source,
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
    const args = [
      'dist/cli.js',
      `--config.file=${file}`,
      '--web.listen-address=127.0.0.1:0',
      '--web.enable-lifecycle',
      `--storage.path=${join(folder, name)}`,
      '--log.format=json',
    ]
    return startServer(scope, { args, env: {}, serves: /"url":"([^"]+)".*"msg":"serving targets"/ })
  }
  const replicas: ServerProcess[] = []
  for (const name of NAMES) replicas.push(await start(name))
  return { redis, replicas }
}

/** Of `/health`, what is of one source. */
interface Shown {
  readonly targets: number
  readonly cluster: { readonly is_reader: boolean }
}

async function shown({ url }: ServerProcess, source: string): Promise<Shown> {
  const { sources } = (await (await fetch(`${url}/health`)).json()) as { sources: Record<string, Shown> }
  return sources[source] as Shown
}

/** The replica that reads a source, and the others. */
async function roles(replicas: readonly ServerProcess[], source: string) {
  for (;;) {
    const all = await Promise.all(replicas.map((one) => shown(one, source)))
    const at = all.findIndex(({ cluster: { is_reader: isReader } }) => isReader)
    const reader = replicas[at]
    if (reader !== undefined) return { reader, followers: replicas.filter((one) => one !== reader) }
    await delay(100)
  }
}

const tagOf = async ({ url }: ServerProcess) =>
  (await fetch(`${url}/targets`, { method: 'HEAD' })).headers.get('etag')

// Lists.

async function lists(scope: Scope, quick: boolean): Promise<Figure[]> {
  const inventory = await startInventory(scope, TARGETS)
  const { replicas } = await startReplicas(scope, [
    '  - name: sensors',
    `    http: { url: "${inventory.url}" }`,
    '    labels: { store: "{store.id}" }',
  ])
  await Promise.all(replicas.map(({ url }) => firstOk(`${url}/targets`)))
  const { reader, followers } = await roles(replicas, 'sensors')
  const seconds: number[] = []
  const cpu = () => replicas.map(({ pid }) => cpuSeconds(pid))
  await change(reader, followers, inventory.change)
  const before = cpu()
  for (let round = 0; round < (quick ? 3 : 10); round++) {
    seconds.push(await change(reader, followers, inventory.change))
    // What is missing leaves with a second reading, a second later: another list.
    await delay(1_100)
    seconds.push(await change(reader, followers, async () => {}))
  }
  const spent = cpu().map((after, index) => after - (before[index] as number))
  const own = spent[replicas.indexOf(reader)] as number
  const ratios = followers.map((one) => (spent[replicas.indexOf(one)] as number) / own)
  return [
    {
      id: 'adopted',
      value: percentile(seconds, 0.99),
      rounds: seconds,
      note: `p50 ${formatNumber(median(seconds))} s of ${seconds.length} changes, after the reader served them`,
    },
    {
      id: 'follower-cpu',
      value: Math.max(...ratios),
      rounds: ratios,
      note: `${formatNumber((own / seconds.length) * 1_000)} ms of CPU a change for the reader`,
    },
  ]
}

/** The reader reads another list. @returns after how many seconds the others served it too */
async function change(
  reader: ServerProcess,
  followers: readonly ServerProcess[],
  prepare: () => Promise<void>,
): Promise<number> {
  const before = await tagOf(reader)
  await prepare()
  const refreshed = fetch(`${reader.url}/-/refresh`, { method: 'POST' }).then((answer) => answer.text())
  const servedMs = async (one: ServerProcess) => {
    for (let looks = 0; looks < 6_000; looks++) {
      if ((await tagOf(one)) !== before) return performance.now()
      await delay(LOOK_MS)
    }
    throw new Error('a list that changed was not served within a minute')
  }
  const began = await servedMs(reader)
  const ended = await Promise.all(followers.map(servedMs))
  await refreshed
  return (Math.max(...ended) - began) / 1_000
}

// Devices.

async function devices(scope: Scope, quick: boolean): Promise<Figure[]> {
  const count = quick ? Math.min(DEVICES, 5_000) : DEVICES
  const seconds = quick ? 20 : 60
  const { redis, replicas } = await startReplicas(scope, [
    '  - name: devices',
    `    push: { token_file: token, ttl: 90s, max_instances: ${count + 1_000}, max_bytes: 500MB }`,
  ])
  const fleet = startHelper<HeartbeatOrder, HeartbeatResult>(scope, 'build/bench/processes/heartbeats.js')
  await fleet.ask({ kind: 'use', urls: replicas.map(({ url }) => url), token: TOKEN })
  const began = performance.now()
  const first = await fleet.ask({ kind: 'register', from: 0, to: count })
  const registeredIn = (performance.now() - began) / 1_000
  if (first.failed > 0) throw new Error(`${first.failed} of ${count} devices could not register`)
  for (const one of replicas) await has(one, count)

  const cpu = startCpu({ redis, replicas, fleet: fleet.pid })
  await fleet.ask({ kind: 'start', devices: count, everyMs: HEARTBEAT_MS })
  const probes = await probing(replicas, count, (seconds / 2) * 1_000)
  const calm = cpu()
  const { reader, followers: left } = await roles(replicas, 'devices')
  await reader.stop()
  const after = await probing(left, count + probes.length, (seconds / 2) * 1_000, count + probes.length)
  const beats = await fleet.ask({ kind: 'stop' })
  const expected = count + probes.length + after.length
  const lost = await Promise.all(left.map(async (one) => expected - (await shown(one, 'devices')).targets))
  const settled = after.filter(({ atMs }) => atMs > TAKEOVER_MS).map(({ seconds: took }) => took)
  const times = [...probes.map(({ seconds: took }) => took), ...settled]
  const worst = Math.max(...after.map(({ seconds: took }) => took))
  return [
    {
      id: 'registration',
      value: percentile(beats.tookMs, 0.99),
      rounds: [percentile(beats.tookMs, 0.99)],
      note: `p50 ${formatNumber(median(beats.tookMs))} ms of ${beats.tookMs.length} heartbeats, ${beats.retries} asked again, ${beats.failed} failed; ${count} devices registered in ${formatNumber(registeredIn)} s; CPU: ${calm}`,
    },
    {
      id: 'new-device',
      value: percentile(times, 0.99),
      rounds: times,
      note: `p50 ${formatNumber(median(times))} s; ${formatNumber(worst)} s at most after the reader was killed`,
    },
    {
      id: 'lost-devices',
      value: Math.max(...lost, ...probes.map((one) => one.lost), ...after.map((one) => one.lost)),
      rounds: lost,
      note: `of ${expected}; the reader, ${NAMES[replicas.indexOf(reader)]}, was killed in the middle`,
    },
  ]
}

/** Waits until a replica serves so many devices. @returns by how many the fewest that it served were fewer than `least` */
async function has(one: ServerProcess, count: number, least = 0): Promise<number> {
  const end = performance.now() + 60_000
  let lost = 0
  while (performance.now() < end) {
    const { targets } = await shown(one, 'devices')
    lost = Math.max(lost, least - targets)
    if (targets >= count) return lost
    await delay(5 * LOOK_MS)
  }
  throw new Error(`a replica does not serve ${count} devices`)
}

/** One device after the other registers for so long. @returns when each did, and how long it took all replicas */
async function probing(replicas: readonly ServerProcess[], known: number, forMs: number, least = known) {
  const probes: { readonly atMs: number; readonly seconds: number; readonly lost: number }[] = []
  const began = performance.now()
  while (performance.now() - began < forMs) {
    const atMs = performance.now() - began
    const { url } = replicas[probes.length % replicas.length] as ServerProcess
    const id = `probe-${known + probes.length}`
    const answer = await fetch(`${url}/api/v1/sources/devices/instances/${id}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ address: `${id}.example:9100` }),
    })
    if (!answer.ok) throw new Error(`${id} could not register: ${await answer.text()}`)
    const lost = await Promise.all(replicas.map((one) => has(one, known + probes.length + 1, least)))
    const tookMs = performance.now() - began - atMs
    probes.push({ atMs, seconds: tookMs / 1_000, lost: Math.max(...lost) })
    await delay(Math.max(0, PROBE_MS - tookMs))
  }
  return probes
}

/** @returns says what share of a core each process took since */
function startCpu({
  redis,
  replicas,
  fleet,
}: {
  redis: RedisServer
  replicas: readonly ServerProcess[]
  fleet: number
}): () => string {
  const pids = [
    ...replicas.map(({ pid }, index) => [NAMES[index] as string, pid] as const),
    ['redis', redis.pid()] as const,
    ['devices', fleet] as const,
  ]
  const before = pids.map(([, pid]) => cpuSeconds(pid))
  const began = performance.now()
  return () => {
    const seconds = (performance.now() - began) / 1_000
    const shares = pids.map(([name, pid], index) => {
      const share = (cpuSeconds(pid) - (before[index] as number)) / seconds
      return `${name} ${formatNumber(share * 100)}%`
    })
    return shares.join(', ')
  }
}
