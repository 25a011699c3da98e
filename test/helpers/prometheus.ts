import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Scope } from './scope.ts'
import { startTool } from './tool-process.ts'
import { findPrometheus3, findTool, missing } from './tools.ts'

/** A target as Prometheus's API lists it. */
export interface ActiveTarget {
  readonly labels: Record<string, string>
  readonly discoveredLabels: Record<string, string>
  readonly health: 'up' | 'down' | 'unknown'
}

/** A real Prometheus that runs. */
export interface Prometheus {
  readonly url: string
  readonly pid: number
  /** What it logged. */
  log(): string
  /** The active targets of a job. */
  targets(job: string): Promise<ActiveTarget[]>
  /** The value of a query; undefined when it has none. */
  query(expression: string): Promise<number | undefined>
}

/** The versions to be right with, and where they are: Debian's 2, and 3 where Go could install it. */
export const PROMETHEUS_VERSIONS = [
  { name: 'Prometheus 2', find: () => findTool('prometheus', 'PROMETHEUS') },
  { name: 'Prometheus 3', find: () => findPrometheus3('prometheus') },
] as const

/** The same, of promtool. */
export const PROMTOOL_VERSIONS = [
  { name: 'Prometheus 2', find: () => findTool('promtool', 'PROMTOOL') },
  { name: 'Prometheus 3', find: () => findPrometheus3('promtool') },
] as const

/** Debian has Prometheus 2 everywhere; Prometheus 3 and vmagent are only there where Go could build them. */
export function cannotTest(t: Test, name: string, binary: string | undefined): boolean {
  if (name !== 'Prometheus 2' && binary === undefined && findTool('go') === undefined) {
    process.stderr.write(`\n*** NOT TESTED with ${name}: Go, which builds it, is not installed\n\n`)
    t.pass('nothing to test')
    return true
  }
  return missing(t, binary, name)
}

/** The shipped configuration, with another address of Rollcall and intervals that a test can wait for. */
export function shippedConfig(rollcall: string): string {
  const shipped = readFileSync('prometheus/prometheus.yml', 'utf8')
  return shipped
    .replaceAll('127.0.0.1:8080', new URL(rollcall).host)
    .replace('scrape_interval: 15s', 'scrape_interval: 1s')
    .replace('refresh_interval: 10s', 'refresh_interval: 1s')
}

/** A configuration that discovers through Rollcall but scrapes nothing. */
export function discovering(rollcall: string, refreshInterval: string): string {
  return `
scrape_configs:
  - job_name: sensors
    http_sd_configs:
      - { url: ${rollcall}/targets, refresh_interval: ${refreshInterval} }
    relabel_configs:
      - { action: drop, regex: '.*' }
`
}

/** Starts a Prometheus on a free loopback port, also where it scrapes itself; the test's end stops it. */
export async function startPrometheus(t: Scope, binary: string, config: string): Promise<Prometheus> {
  // Of its own: a test that has its folder made anew would empty it under a Prometheus that writes.
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-prometheus-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'prometheus.yml')
  const port = await freePort()
  writeFileSync(file, config.replaceAll('127.0.0.1:9090', `127.0.0.1:${port}`))
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]
  const url = `http://127.0.0.1:${port}`
  const api = async (path: string) => {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { data: never }
    return answer.data
  }
  const { pid, log } = await startTool(t, 'Prometheus', binary, args, `${url}/-/ready`)
  return {
    url,
    pid,
    log,
    async targets(job) {
      const { activeTargets } = (await api('targets?state=active')) as { activeTargets: ActiveTarget[] }
      return activeTargets.filter((target) => target.labels.job === job)
    },
    async query(expression) {
      const data = (await api(`query?query=${encodeURIComponent(expression)}`)) as {
        result: { value: [number, string] }[]
      }
      const value = data.result[0]?.value[1]
      return value === undefined ? undefined : Number(value)
    },
  }
}

/** A loopback port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createTcpServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** What Prometheus was answered when it asked for targets. */
export interface Poll {
  readonly status: number
  readonly body: string
}

/** Stands between Prometheus and Rollcall, so that a test sees every answer that Prometheus got. */
export async function recordingProxy(t: Test) {
  const polls: Poll[] = []
  const state = { upstream: '' }
  const server = createServer(async (request, response) => {
    const answer = await fetch(state.upstream + request.url, {
      headers: { accept: request.headers.accept ?? '*/*' },
    }).catch(() => undefined)
    const body = (await answer?.text().catch(() => '')) ?? ''
    const status = answer?.status ?? 502
    if (request.url?.startsWith('/targets')) polls.push({ status, body })
    response
      .writeHead(status, { 'content-type': answer?.headers.get('content-type') ?? 'text/plain' })
      .end(body)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, polls, state }
}
