import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { start } from '../helpers/cli.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { startPrometheus } from '../helpers/prometheus.ts'
import type { Scope } from '../helpers/scope.ts'
import { until } from '../helpers/until.ts'
import { DAVE } from '../helpers/web.ts'

/** How a siege is laid. */
export interface SiegeOptions {
  readonly seconds: number
  readonly prometheus: string
  readonly python: string
  readonly print: (line: string) => void
}

/** What became of those who may ask while others attacked. */
export interface Besieged {
  /** Each promise that was broken. */
  readonly violations: readonly string[]
  /** How often each attack was answered what. */
  readonly attacks: Readonly<Record<string, number>>
  /** How often a list of one source was answered, to Prometheus too. */
  readonly polls: number
  readonly heartbeats: number
  readonly slowestHealthyMs: number
  readonly rssMb: { readonly before: number; readonly most: number; readonly after: number }
}

const DEVICES = 500
const TTL_S = 30
/** Each device sends a heartbeat so often, in milliseconds. */
const HEARTBEAT_MS = 5_000
/** Its list is more than the buffers of connections hold. */
const TARGETS = 100_000
const SLOW_READERS = 600
const SLOW_WRITERS = 300
/** Loops of each flood. */
const FLOODERS = 6
const TOKEN = 'siege-token'
/** The longest that `/-/healthy` may take, in milliseconds. */
const HEALTHY_WITHIN_MS = 1_000
/** Memory after the siege, more than before it, in MB: hot code is compiled by then, which at rest it is not. */
const MORE_MEMORY_MB = 40
/** How long memory has to come back, in milliseconds. */
const REST_MS = 120_000

/** Lays siege to a Rollcall that a real Prometheus polls every second, and with which 500 devices are registered. */
export async function besiege(scope: Scope, options: SiegeOptions): Promise<Besieged> {
  const { seconds, print } = options
  const folder = scope.testdir()
  const names = (count: number) =>
    Array.from({ length: count }, (_, index) => `sensor-${index}.a-rather-long-domain.example:9100`)
  writeFileSync(join(folder, 'large.json'), JSON.stringify(names(TARGETS)))
  writeFileSync(join(folder, 'small.json'), JSON.stringify(names(1_000)))
  writeFileSync(join(folder, 'token'), `${TOKEN}\n`)
  writeFileSync(join(folder, 'web.yml'), `basic_auth_users: { dave: "${DAVE}" }\n`)
  writeFileSync(
    join(folder, 'rollcall.yml'),
    `sources:
  - { name: large, file: { files: [large.json] } }
  - { name: small, file: { files: [small.json] } }
  - { name: devices, push: { token_file: token, ttl: ${TTL_S}s } }
`,
  )
  // As the image and the unit have it: otherwise glibc, and the heap of what is young, keep what a rush took.
  const env = {
    MALLOC_ARENA_MAX: '1',
    MALLOC_TRIM_THRESHOLD_: '65536',
    NODE_OPTIONS: '--max-semi-space-size=4',
  }
  const args = [
    `--config.file=${join(folder, 'rollcall.yml')}`,
    `--storage.path=${join(folder, 'data')}`,
    '--web.enable-lifecycle',
    `--web.config.file=${join(folder, 'web.yml')}`,
  ]
  const server = await start(scope, args, env)
  const { url, child } = server
  const { hostname, port } = new URL(url)
  const basic = `Basic ${Buffer.from(`dave:dave123`).toString('base64')}`
  const violations: string[] = []
  const attacks: Record<string, number> = {}
  const count = (attack: string, result: string | number) => {
    const key = `${attack} ${result}`
    attacks[key] = (attacks[key] ?? 0) + 1
  }
  const rss = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024

  // Those who may ask.

  const own = new Agent({ keepAlive: true, maxSockets: DEVICES })
  scope.teardown(() => own.destroy())
  const ask = (
    path: string,
    method = 'GET',
    headers: Record<string, string> = {},
    body = '',
    agent?: Agent,
  ) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = httpRequest({ hostname, port, path, method, headers, agent, timeout: 10_000 })
      request.on('timeout', () => request.destroy(new Error('no answer within 10 s')))
      request.on('error', reject)
      request.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (data) => {
          text += data
        })
        response.on('end', () => resolve({ status: response.statusCode as number, text }))
        response.on('error', reject)
      })
      request.end(body)
    })
  const heartbeat = (index: number) =>
    ask(
      `/api/v1/sources/devices/instances/device-${index}`,
      'PUT',
      { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      JSON.stringify({ address: `device-${index}.example:9100` }),
      own,
    )
  await until(
    'the lists are there',
    async () => (await ask('/targets/large', 'GET', { authorization: basic })).status === 200,
  )
  let heartbeats = 0
  let isOver = false
  const device = async (index: number) => {
    await delay((HEARTBEAT_MS / DEVICES) * index)
    while (!isOver) {
      // One that is lost on the way is sent again, as by the sensor; one that is refused is not.
      const answer = await heartbeat(index)
        .catch(() => heartbeat(index))
        .catch((error: Error) => error)
      heartbeats++
      if (answer instanceof Error) violations.push(`heartbeat of device-${index}: ${answer.message}`)
      else if (answer.status >= 300) violations.push(`heartbeat of device-${index}: ${answer.status}`)
      await delay(HEARTBEAT_MS)
    }
  }
  const devices = Array.from({ length: DEVICES }, (_, index) => device(index))
  const metric = async (name: string, labels: Record<string, string>) =>
    seriesValue((await ask('/metrics', 'GET', { authorization: basic })).text, name, labels)
  await until(
    'all devices are registered',
    async () => (await metric('rollcall_push_instances', { source: 'devices' })) === DEVICES,
  )
  await until(
    'the devices are a list',
    async () => (await ask('/targets/devices', 'GET', { authorization: basic })).status === 200,
  )
  const sd = (source: string) =>
    `{ url: "${url}/targets/${source}", refresh_interval: 1s, basic_auth: { username: dave, password: dave123 } }`
  const prometheus = await startPrometheus(
    scope,
    options.prometheus,
    `
scrape_configs:
  - job_name: besieged
    scrape_interval: 1h
    http_sd_configs: [${sd('small')}, ${sd('devices')}]
  - job_name: self
    scrape_interval: 1s
    static_configs: [{ targets: ['127.0.0.1:9090'] }]
`,
  )
  await until(
    'Prometheus has all of them',
    async () => (await prometheus.targets('besieged')).length === 1_000 + DEVICES,
  )

  // Those who attack.

  let endMs = Number.POSITIVE_INFINITY
  const lasts = () => performance.now() < endMs
  const flood = async (attack: string, send: (turn: number) => ReturnType<typeof ask>) => {
    for (let turn = 0; lasts(); turn++) {
      await send(turn).then(
        ({ status }) => count(attack, status),
        () => count(attack, 'lost'),
      )
    }
  }
  const floods: Record<string, (turn: number) => ReturnType<typeof ask>> = {
    explanations: (turn) => ask(`/api/v1/explain?q=sensor-${turn}`, 'GET', { authorization: basic }),
    views: (turn) => ask(`/targets/small?label.site=s${turn}`, 'GET', { authorization: basic }),
    shards: (turn) => ask(`/targets/large?shard=${turn % 97}/97`, 'GET', { authorization: basic }),
    registrations: (turn) =>
      ask(
        `/api/v1/sources/devices/instances/stranger-${turn}`,
        'PUT',
        { authorization: `Bearer wrong-${turn}` },
        '{"address":"stranger:1"}',
      ),
    passwords: (turn) =>
      ask('/targets/small', 'GET', {
        authorization: `Basic ${Buffer.from(`dave:guess-${turn}`).toString('base64')}`,
      }),
    'other sites': () =>
      ask('/-/reload', 'POST', {
        authorization: basic,
        'sec-fetch-site': 'cross-site',
        origin: 'http://evil.example',
      }),
    'unknown paths': (turn) => ask(`/no/${turn}`),
  }
  // Whatever is loaded when it is first used is there before the siege begins, the threads too.
  for (const [attack, send] of Object.entries(floods)) {
    const { status } = await send(0)
    print(`${attack}: ${status}`)
  }
  await delay(5_000)
  const before = rss()
  print(`before: ${before.toFixed(0)} MB`)
  endMs = performance.now() + seconds * 1_000
  const readers = spawn(options.python, [
    'test/siege/slow-readers.py',
    port,
    String(SLOW_READERS),
    '/targets/large',
    'again',
    `--header=Authorization: ${basic}`,
  ])
  scope.teardown(() => readers.kill())
  const writers: Socket[] = []
  const write = setInterval(() => {
    while (writers.length < SLOW_WRITERS) {
      const socket = connect(Number(port), hostname).on('error', () => {})
      socket.on('close', () => {
        count('slow writers', 'cut off')
        writers.splice(writers.indexOf(socket), 1)
      })
      socket.write('GET /targets HTTP/1.1\r\nhost: a\r\n')
      writers.push(socket)
    }
    for (const socket of writers) socket.write('x-a: b\r\n')
  }, 1_000)
  scope.teardown(() => clearInterval(write))
  let slowestHealthyMs = 0
  const probe = async () => {
    while (lasts()) {
      const beganMs = performance.now()
      const answer = await ask('/-/healthy').catch((error: Error) => error)
      const tookMs = performance.now() - beganMs
      slowestHealthyMs = Math.max(slowestHealthyMs, tookMs)
      if (answer instanceof Error) violations.push(`/-/healthy: ${answer.message}`)
      else if (answer.status !== 200) violations.push(`/-/healthy: ${answer.status}`)
      else if (tookMs > HEALTHY_WITHIN_MS) violations.push(`/-/healthy took ${tookMs.toFixed(0)} ms`)
      await delay(250)
    }
  }
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, rss())
  }, 500)
  scope.teardown(() => clearInterval(watch))
  await Promise.all([
    probe(),
    ...Object.entries(floods).flatMap(([attack, send]) =>
      Array.from({ length: FLOODERS }, () => flood(attack, send)),
    ),
  ])
  readers.kill()
  clearInterval(write)
  for (const socket of writers) socket.destroy()

  // Afterwards.

  const failures = await prometheus.query('sum(prometheus_sd_http_failures_total)')
  if (failures !== 0) {
    const told = prometheus
      .log()
      .split('\n')
      .filter((line) => line.includes('refresh target'))
    violations.push(`${failures} polls of Prometheus failed`, ...told.slice(0, 3), ...told.slice(-1))
  }
  const known = (await prometheus.targets('besieged')).length
  if (known !== 1_000 + DEVICES) violations.push(`Prometheus has ${known} targets`)
  const expired = await metric('rollcall_push_registrations_total', { source: 'devices', result: 'expired' })
  if ((expired ?? 0) > 0) violations.push(`${expired} devices expired`)
  const labels = { route: '/targets/:source', method: 'GET', code: '200' }
  const polls = (await metric('rollcall_http_requests_total', labels)) ?? 0
  const restMs = performance.now()
  while (rss() > before + MORE_MEMORY_MB && performance.now() - restMs < REST_MS) await delay(1_000)
  const after = rss()
  isOver = true
  await Promise.all(devices)
  if (after > before + MORE_MEMORY_MB)
    violations.push(`memory is ${after.toFixed(0)} MB, and was ${before.toFixed(0)} MB`)
  return { violations, attacks, polls, heartbeats, slowestHealthyMs, rssMb: { before, most, after } }
}
