// npm run tool -- pictures: the pages of a server with a small fleet and a real Prometheus, as PNG, in docs/pages/.
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import type { Test } from 'tap'
import { start } from './cli.ts'
import { inventoryServer } from './inventory-server.ts'
import { freePort, PROMETHEUS_VERSIONS, startPrometheus } from './prometheus.ts'
import { createScope } from './scope.ts'
import { findTool } from './tools.ts'
import { until } from './until.ts'

const FOLDER = 'docs/pages'
const SITES = ['lyon', 'porto', 'berlin', 'turku'] as const

const executablePath = findTool('chromium', 'CHROMIUM')
const prometheusPath = PROMETHEUS_VERSIONS.map(({ find }) => find()).findLast((path) => path !== undefined)
if (executablePath === undefined || prometheusPath === undefined) {
  process.stderr.write('pictures need chromium and prometheus; .ci/run tools installs them\n')
  process.exit(1)
}

const scope = createScope()
const port = await freePort()

/** A device that Prometheus can scrape, at an address of its own on loopback. */
async function device(address: string): Promise<void> {
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end('temperature_celsius 21\n'),
  )
  await new Promise<void>((resolve) => void server.listen(port, address, resolve))
  scope.teardown(() => server.close())
}

const records = Array.from({ length: 24 }, (_, index) => ({
  id: `sensor-${String(index + 1).padStart(2, '0')}`,
  ip: `127.0.1.${index + 1}`,
  port: index === 20 ? 90_000 : port,
  site: SITES[index % SITES.length],
}))
// One of them is off.
for (const { ip } of records.filter((_, index) => index !== 5)) await device(ip)
const inventory = await inventoryServer(scope as unknown as Test, records)
const folder = scope.testdir()
const url = `http://127.0.0.1:${await freePort()}`
const prometheus = await startPrometheus(
  scope,
  prometheusPath,
  `
global: { scrape_interval: 1s }
scrape_configs:
  - job_name: sensors
    http_sd_configs: [{ url: ${url}/targets, refresh_interval: 1s }]
    relabel_configs:
      - { source_labels: [site], regex: turku, action: drop }
`,
)
writeFileSync(
  join(folder, 'rollcall.yml'),
  `global: { refresh_interval: 1s }
prometheus:
  - { name: main, url: ${prometheus.url}, interval: 2s }
sources:
  - name: sensors
    http: { url: ${inventory.url} }
    targets: ["{ip}:{port}"]
    labels: { site: "{site}", id: "{id}" }
    guard: { max_drop: 10%, min_targets: 1 }
`,
)
await start(scope, [
  `--config.file=${join(folder, 'rollcall.yml')}`,
  `--web.listen-address=${new URL(url).host}`,
  `--storage.path=${join(folder, 'data')}`,
  '--web.enable-lifecycle',
])
const states = async () => {
  const { targets } = (await (await fetch(`${url}/api/v1/targets`)).json()) as {
    targets: { scrapes: { state: string }[] }[]
  }
  return new Set(targets.flatMap(({ scrapes }) => scrapes.map(({ state }) => state)))
}
await until('Prometheus has scraped them', async () => {
  const seen = await states()
  return ['up', 'down', 'dropped'].every((state) => seen.has(state)) && !seen.has('unknown')
})
inventory.json(records.map((record, index) => (index === 3 ? { ...record, site: 'oslo' } : record)))
await until('a label has changed', async () =>
  (await (await fetch(`${url}/targets`)).text()).includes('oslo'),
)
inventory.json([...records.slice(0, 9), records[20]])
await until('targets are held', async () =>
  (await (await fetch(`${url}/health`)).text()).includes('too_many'),
)

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
const page = await browser.newPage({ viewport: { width: 1200, height: 760 } })
for (const [name, path] of [
  ['sources', ''],
  ['targets', 'ui/targets'],
  ['explain', 'ui/explain?q=sensor-06'],
  ['changes', 'ui/changes'],
  ['pollers', 'ui/pollers'],
  ['status', 'ui/status'],
] as const) {
  await page.goto(`${url}/${path}`)
  await page.screenshot({ path: join(FOLDER, `${name}.png`) })
}
await browser.close()
await scope.end()
