import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { start } from '../helpers/cli.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { freePort, PROMETHEUS_VERSIONS, startPrometheus } from '../helpers/prometheus.ts'
import { missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

const TTL_S = 6

/** How much later than it should be something may be seen, on a busy machine. */
const SLACK_MS = 4_000

/** Starts a process with so many agents, and returns what kills it. */
function agents(t: Test, url: string, token: string, first: number, count: number): () => Promise<void> {
  const program = resolve('build/test/helpers/agents.js')
  const args = [program, `${url}/api/v1/sources/devices`, token, first, count, `${TTL_S}s`].map(String)
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(child, 'close')
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  t.teardown(kill)
  return kill
}

/** Waits for a time to pass: what is to be seen is that nothing happens meanwhile. */
async function pass(ms: number): Promise<void> {
  const end = performance.now() + ms
  await until(`${ms} ms have passed`, () => performance.now() > end, { timeoutMs: 2 * ms })
}

t.test(
  'a hundred agents register and are scraped; ten die; the server restarts, and is away for longer than they last',
  { timeout: 110_000 },
  async (t) => {
    const binary = PROMETHEUS_VERSIONS[0].find()
    if (missing(t, binary, 'Prometheus')) return
    const folder = t.testdir({
      token: 'the-token',
      prometheus: {},
      'rollcall.yml': `sources:\n  - name: devices\n    push: { token_file: token, ttl: ${TTL_S}s }\n    labels: { instance: "{id}" }\n`,
    })
    const url = `http://127.0.0.1:${await freePort()}`
    const serve = () =>
      start(t, [
        `--config.file=${join(folder, 'rollcall.yml')}`,
        `--storage.path=${join(folder, 'data')}`,
        `--web.listen-address=${new URL(url).host}`,
      ])
    const served = async () => {
      const groups = (await (await fetch(`${url}/targets/devices`)).json()) as { targets: string[] }[]
      return groups.flatMap(({ targets }) => targets).length
    }
    const metric = async (result: string) =>
      seriesValue(await (await fetch(`${url}/metrics`)).text(), 'rollcall_push_registrations_total', {
        source: 'devices',
        result,
      })

    const first = await serve()
    agents(t, url, join(folder, 'token'), 0, 90)
    const killTen = agents(t, url, join(folder, 'token'), 90, 10)
    const config = `
global: { scrape_interval: 2s }
scrape_configs:
  - job_name: devices
    http_sd_configs: [{ url: "${url}/targets/devices", refresh_interval: 1s }]
`
    const scope = {
      testdir: () => join(folder, 'prometheus'),
      teardown: (work: () => unknown) => t.teardown(work),
    }
    const prometheus = await startPrometheus(scope, binary as string, config)
    const discovered = async () => (await prometheus.targets('devices')).length
    const up = () => prometheus.query('count(up{job="devices", site=~"s[0-4]", instance=~"agent-.*"} == 1)')
    await until('a hundred are scraped', async () => (await up()) === 100)

    await killTen()
    const killedMs = performance.now()
    await until('ten are gone', async () => (await served()) === 90)
    const tookMs = performance.now() - killedMs
    await until('Prometheus knows', async () => (await discovered()) === 90)
    t.ok(tookMs <= TTL_S * 1000 + SLACK_MS, `within their time to live: ${Math.round(tookMs)} ms`)

    first.child.kill('SIGTERM')
    await first.ended
    const second = await serve()
    t.equal(await served(), 90, 'none is lost by a restart')

    second.child.kill('SIGKILL')
    await second.ended
    await pass(TTL_S * 1000 + 2_000)
    t.equal(await discovered(), 90, 'Prometheus keeps what it has')
    await serve()
    const backMs = performance.now()
    t.equal(await served(), 90, 'nor by an absence')
    await until('all are back', async () => ((await metric('renewed')) ?? 0) >= 90)
    const renewedMs = performance.now() - backMs
    t.ok(renewedMs <= (TTL_S * 1000) / 3 + SLACK_MS, `within a heartbeat: ${Math.round(renewedMs)} ms`)
    await pass(TTL_S * 1000)
    t.equal(await metric('expired'), 0, 'every one of them')
    t.equal(await served(), 90)
    t.equal(await up(), 90)
  },
)
