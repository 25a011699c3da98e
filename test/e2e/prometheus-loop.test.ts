import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { cannotTest, freePort, PROMETHEUS_VERSIONS, startPrometheus } from '../helpers/prometheus.ts'
import { createScope, type Scope } from '../helpers/scope.ts'
import { findGoTool } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'
import { startVmagent } from '../helpers/vmagent.ts'

/** A device with an empty page of metrics. */
async function device(scope: Scope): Promise<string> {
  const server = createServer((_request, response) => response.end(''))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  scope.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Jobs that discover all targets but those of the source `others`. */
const jobs = (url: string, name: string) => `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
- job_name: node
  http_sd_configs: [{ url: "${url}/targets/sensors"${name === 'vmagent' ? '' : ', refresh_interval: 1s'} }]
  relabel_configs:
  - { source_labels: [__address__], target_label: instance }
  - { source_labels: [site], regex: lab, action: drop }
- job_name: static
  static_configs: [{ targets: ["127.0.0.1:1"] }]
`

/** What may be asked, and how it is started with jobs. */
const SERVERS = [
  ...PROMETHEUS_VERSIONS.map((version) => ({ ...version, start: startPrometheus })),
  {
    name: 'vmagent',
    find: () => findGoTool('vmagent'),
    start: (scope: Scope, binary: string, config: string) =>
      startVmagent(scope, binary, config, ['-promscrape.dropOriginalLabels=false']),
  },
]

for (const { name, find, start: startServer } of SERVERS) {
  t.test(`what ${name} makes of each target is told`, async (t) => {
    const binary = find()
    if (cannotTest(t, name, binary)) return
    const scope = createScope()
    t.teardown(() => scope.end())
    const folder = scope.testdir()
    const [up, down] = [await device(scope), `127.0.0.1:${await freePort()}`]
    writeFileSync(
      join(folder, 'sensors.json'),
      JSON.stringify([
        { address: up },
        { address: down },
        { address: 'dropped:9100', site: 'lab' },
        { address: up, site: 'lab', path: '/other' },
      ]),
    )
    writeFileSync(join(folder, 'others.json'), JSON.stringify(['other:9100']))
    const file = join(folder, 'rollcall.yml')
    const config = (more: string) =>
      writeFileSync(
        file,
        `sources:
  - name: sensors
    file: { files: [sensors.json] }
    labels: { site: "{site|}", __metrics_path__: "{path|}" }
  - { name: others, file: { files: [others.json] } }
${more}`,
      )
    config('')
    const { url } = await start(scope, [`--config.file=${file}`, '--web.enable-lifecycle'])
    const ask = async (path: string) => (await fetch(url + path)).json() as Promise<Record<string, never>>
    t.same(await ask('/api/v1/prometheus'), { servers: [] })
    const prometheus = await startServer(scope, binary as string, jobs(url, name))
    config(`prometheus: [{ name: local, url: "${prometheus.url}", interval: 1s }]\n`)
    await fetch(`${url}/-/reload`, { method: 'POST' })
    const counts = { up: 1, down: 1, pending: 0, dropped: 2, unknown: 1 }
    const server = await until('all is known', async () => {
      const [one] = (await ask('/api/v1/prometheus')).servers as unknown as (typeof counts & {
        targets: object
      })[]
      return JSON.stringify(one?.targets) === JSON.stringify(counts) && one
    })
    t.match(server, { server: 'local', pools: ['node'], failure: null, url: `${prometheus.url}/` })
    const verdicts: [query: string, verdict: RegExp][] = [
      [up, /^2 matches; the first: served as .*; up in Prometheus local \(pool node, scraped \d+s ago\)/],
      [down, /^served as .*; down in Prometheus local \(pool node, seen for \d+s\): .*connection refused/],
      ['dropped', /^served as .*; dropped by rule 2 \(drop on site\) of pool node in Prometheus local/],
      ['other', /^served as .*; unknown in Prometheus local: pool node asks only for \/targets\/sensors/],
    ]
    for (const [query, verdict] of verdicts) {
      const { verdict: told } = await ask(`/api/v1/explain?q=${encodeURIComponent(query)}`)
      t.match(told, verdict)
    }
    const page = async () => (await fetch(`${url}/metrics`)).text()
    const metrics = await page()
    for (const [state, count] of Object.entries(counts))
      t.match(metrics, `\nrollcall_targets_scraped{state="${state}"} ${count}\n`)
    t.match(metrics, '\nrollcall_prometheus_up{server="local"} 1\n')
    config('')
    await fetch(`${url}/-/reload`, { method: 'POST' })
    t.same(await ask('/api/v1/prometheus'), { servers: [] })
    t.notMatch(await page(), /rollcall_(?:targets_scraped|prometheus_up)\{/)
  })
}

t.test('a vmagent that forgets the labels of its targets is told how to keep them', async (t) => {
  const binary = findGoTool('vmagent')
  if (cannotTest(t, 'vmagent', binary)) return
  const scope = createScope()
  t.teardown(() => scope.end())
  const folder = scope.testdir()
  writeFileSync(join(folder, 'sensors.json'), JSON.stringify([await device(scope)]))
  const file = join(folder, 'rollcall.yml')
  const config = (more: string) =>
    writeFileSync(file, `sources: [{ name: sensors, file: { files: [sensors.json] } }]\n${more}`)
  config('')
  const { url } = await start(scope, [`--config.file=${file}`, '--web.enable-lifecycle'])
  const flags = ['-promscrape.dropOriginalLabels=true']
  const vmagent = await startVmagent(scope, binary as string, jobs(url, 'vmagent'), flags)
  config(`prometheus: [{ url: "${vmagent.url}", interval: 1s }]\n`)
  await fetch(`${url}/-/reload`, { method: 'POST' })
  await until('it is told', async () => {
    const { servers } = (await (await fetch(`${url}/api/v1/prometheus`)).json()) as {
      servers: { failure: string | null }[]
    }
    return servers[0]?.failure?.endsWith('start vmagent with -promscrape.dropOriginalLabels=false') === true
  })
})
