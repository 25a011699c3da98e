import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from '../../test/helpers/scope.ts'
import { formatCount, formatNumber } from '../figures/format.ts'
import type { Figure } from '../figures/rows.ts'
import { median, percentile } from '../figures/statistics.ts'
import { type Helper, startHelper } from '../processes/ask-process.ts'
import type { HeartbeatOrder, HeartbeatResult } from '../processes/heartbeats.ts'
import { cpuSeconds, residentBytes, writtenBytes } from '../processes/proc.ts'
import { firstOk } from '../processes/rollcall.ts'
import { type ServerProcess, startServer } from '../processes/start.ts'
import { type Measure, withScope } from './measure.ts'

const TOKEN = 'token-of-devices'

/** The number of devices for the CPU of one heartbeat. */
const FEW = 10_000

/** The devices of one process. */
const MANY = 200_000
const HEARTBEAT_MS = 60_000

/** The devices that change while the others are at rest. */
const CHANGED = 10

/** Everything that registrations caused has been written after this time, in milliseconds. */
const SETTLE_MS = 10_000

/** The cost of devices that register with one process: a registration, many heartbeats, disk, a restart. */
export const devices: Measure = {
  name: 'devices',
  rows: ['registration-cpu', 'devices-cpu', 'devices-p99', 'devices-disk', 'devices-restart'],
  isLong: true,
  async run() {
    return [...(await withScope(registrations)), ...(await withScope(fleet))]
  },
}

type Fleet = Helper<HeartbeatOrder, HeartbeatResult>

/** A folder with the token and the configuration. */
function writeFiles(scope: Scope): string {
  const folder = scope.testdir()
  writeFileSync(join(folder, 'token'), TOKEN)
  writeFileSync(
    join(folder, 'rollcall.yml'),
    `sources: [{ name: devices, push: { token_file: token, ttl: 5m, max_instances: ${MANY}, max_bytes: 500MB } }]\n`,
  )
  return folder
}

function start(scope: Scope, folder: string): Promise<ServerProcess> {
  const args = [
    'dist/cli.js',
    `--config.file=${join(folder, 'rollcall.yml')}`,
    '--web.listen-address=127.0.0.1:0',
    `--storage.path=${join(folder, 'storage')}`,
    '--log.format=json',
  ]
  return startServer(scope, { args, serves: /"url":"([^"]+)".*"msg":"serving targets"/ })
}

async function startFleet(scope: Scope, { url }: ServerProcess): Promise<Fleet> {
  const fleet = startHelper<HeartbeatOrder, HeartbeatResult>(scope, 'build/bench/processes/heartbeats.js')
  await fleet.ask({ kind: 'use', urls: [url], token: TOKEN })
  return fleet
}

/** @throws Error when one is never acknowledged */
async function register(fleet: Fleet, from: number, to: number): Promise<void> {
  const { failed } = await fleet.ask({ kind: 'register', from, to })
  if (failed > 0) throw new Error(`${failed} of ${to - from} devices could not register`)
}

/** The CPU of a registration, the first of each device and its heartbeats, as fast as they are acknowledged. */
async function registrations(scope: Scope): Promise<Figure[]> {
  const server = await start(scope, writeFiles(scope))
  const fleet = await startFleet(scope, server)
  const rounds: number[] = []
  for (let round = 0; round < 8; round++) {
    const before = cpuSeconds(server.pid)
    await register(fleet, 0, FEW)
    rounds.push(((cpuSeconds(server.pid) - before) / FEW) * 1e6)
  }
  const [first, ...renewed] = rounds as [number, ...number[]]
  const note = `${formatNumber(first)} µs for the first of each of ${formatCount(FEW)} devices`
  return [{ id: 'registration-cpu', value: median(renewed), rounds: renewed, note }]
}

async function fleet(scope: Scope): Promise<Figure[]> {
  const folder = writeFiles(scope)
  const server = await start(scope, folder)
  const fleet = await startFleet(scope, server)
  await register(fleet, 0, MANY)
  await fleet.ask({ kind: 'start', devices: MANY, everyMs: HEARTBEAT_MS })
  await delay(HEARTBEAT_MS / 2)
  const before = cpuSeconds(server.pid)
  const began = performance.now()
  await delay(2 * HEARTBEAT_MS)
  const share = ((cpuSeconds(server.pid) - before) / ((performance.now() - began) / 1_000)) * 100
  const { tookMs, failed } = await fleet.ask({ kind: 'stop' })
  if (failed > 0) throw new Error(`${failed} heartbeats were never acknowledged`)
  const p99 = percentile(tookMs, 0.99)
  await delay(SETTLE_MS)
  const written = writtenBytes(server.pid)
  await change(server)
  await delay(SETTLE_MS)
  const disk = (writtenBytes(server.pid) - written) / 1_000
  const memory = residentBytes(server.pid)
  const restarts: number[] = []
  const cpu: number[] = []
  await server.stop()
  for (let round = 0; round < 3; round++) {
    const beganMs = performance.now()
    const again = await start(scope, folder)
    await firstOk(`${again.url}/targets`)
    await untilAll(again)
    restarts.push((performance.now() - beganMs) / 1_000)
    cpu.push(cpuSeconds(again.pid))
    await again.stop()
  }
  return [
    {
      id: 'devices-cpu',
      value: share,
      rounds: [share],
      note: `${formatCount(MANY)} devices, ${formatNumber(memory / 1e6)} MB resident`,
    },
    {
      id: 'devices-p99',
      value: p99,
      rounds: [p99],
      note: `p50 ${formatNumber(median(tookMs))} ms of ${formatCount(tookMs.length)} heartbeats`,
    },
    { id: 'devices-disk', value: disk, rounds: [disk], note: '' },
    {
      id: 'devices-restart',
      value: median(restarts),
      rounds: restarts,
      note: `CPU ${formatNumber(median(cpu))} s`,
    },
  ]
}

/** Some devices register with other addresses. */
async function change({ url }: ServerProcess): Promise<void> {
  for (let id = 0; id < CHANGED; id++) {
    const answer = await fetch(`${url}/api/v1/sources/devices/instances/device-${id}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ address: `moved-${id}.example:9100` }),
    })
    if (!answer.ok) throw new Error(`device-${id} could not register: ${await answer.text()}`)
  }
}

/** Waits until the list has every device, as it was last registered. @throws Error after a minute */
async function untilAll({ url }: ServerProcess): Promise<void> {
  const end = performance.now() + 60_000
  let served = 0
  while (performance.now() < end) {
    const list = await (await fetch(`${url}/targets`)).text()
    served = list.split('.example:9100"').length - 1
    const isMoved = Array.from({ length: CHANGED }, (_, id) => list.includes(`"moved-${id}.example:9100"`))
    if (served === MANY && !isMoved.includes(false)) return
  }
  throw new Error(`${served} of ${MANY} devices are served after the restart`)
}
