import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start } from '../helpers/cli.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { discovering, PROMETHEUS_VERSIONS, startPrometheus } from '../helpers/prometheus.ts'
import { findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

const firstList = (url: string) =>
  until('a list is served', async () => (await fetch(`${url}/targets`)).status === 200)

/** Starts Prometheus on a Rollcall and waits until it knows so many targets. */
async function discovers(t: Test, binary: string, url: string, count: number) {
  await firstList(url)
  const prometheus = await startPrometheus(t, binary, discovering(url, '5s'))
  await until(`${count} targets are discovered`, async () => {
    const page = await (await fetch(`${prometheus.url}/metrics`)).text()
    const found = seriesValue(page, 'prometheus_sd_discovered_targets', { config: 'sensors', name: 'scrape' })
    if (found !== count) throw new Error(`${found} are discovered`)
    return true
  })
  const page = await (await fetch(`${prometheus.url}/metrics`)).text()
  t.equal(seriesValue(page, 'prometheus_sd_http_failures_total') ?? 0, 0, 'without a failed poll')
}

t.test('7: a real Prometheus reads 100,000 targets whole', { timeout: 280_000 }, async (t) => {
  const binary = findTool('prometheus', 'PROMETHEUS')
  if (missing(t, binary, 'Prometheus')) return
  const sites = (index: number) => ({ host: `sensor-${index}`, site: `s${index % 500}`, rack: index % 40 })
  const inventory = await inventoryServer(
    t,
    Array.from({ length: 100_000 }, (_, index) => sites(index)),
  )
  const path = join(t.testdir(), 'rollcall.yml')
  writeFileSync(
    path,
    `sources: [{ name: sensors, http: { url: "${inventory.url}" }, labels: { site: "{site}", rack: "{rack}" } }]\n`,
  )
  const { url } = await start(t, [`--config.file=${path}`])
  await discovers(t, binary as string, url, 100_000)
})

t.test('2: whatever is in the records, Prometheus 2 and 3 take the list', { timeout: 280_000 }, async (t) => {
  const inventory = await inventoryServer(t, [
    { host: 'a', 'dotted.name': 1, 'with-hyphen': true, ünicode: 'é', '2fa': null, nested: { x: 1 } },
    { host: 'b', list: ['x', 2, false], empty: '', 'a b': 'c', __proto: 'x', '': 'no name' },
    { host: 'c', huge: 2 ** 70, exponent: 1e300, quote: '"\\\n\t' },
    'd',
    5,
  ])
  const path = join(t.testdir(), 'rollcall.yml')
  writeFileSync(path, `sources: [{ name: odd, http: { url: "${inventory.url}" }, meta_labels: true }]\n`)
  const { url } = await start(t, [`--config.file=${path}`])
  await firstList(url)
  const groups = (await (await fetch(`${url}/targets`)).json()) as { labels: object; targets: string[] }[]
  t.same(groups.flatMap(({ targets }) => targets).sort(), ['a:9100', 'b:9100', 'c:9100', 'd:9100'])
  for (const group of groups) {
    t.same(Object.keys(group).sort(), ['labels', 'targets'])
    for (const [name, value] of Object.entries(group.labels)) {
      t.match(name, /^[a-zA-Z_][a-zA-Z0-9_]*$/)
      t.equal(typeof value, 'string')
    }
  }
  for (const { name, find } of PROMETHEUS_VERSIONS) {
    const binary = find()
    if (name === 'Prometheus 3' && binary === undefined && findTool('go') === undefined) continue
    if (!missing(t, binary, name)) await discovers(t, binary as string, url, 4)
  }
})
