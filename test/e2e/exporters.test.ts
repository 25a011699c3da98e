import { spawn } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { cannotTest, freePort, PROMETHEUS_VERSIONS, startPrometheus } from '../helpers/prometheus.ts'
import { findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

// The recipes for exporters that probe what they are told to, as they stand in examples/, with a real Prometheus. Only
// addresses of other machines are replaced.

const BLACKBOX_MODULES = `
modules:
  http_2xx: { prober: http, timeout: 5s }
  http_401: { prober: http, timeout: 5s, http: { valid_status_codes: [401] } }
  icmp: { prober: icmp, timeout: 5s, icmp: { preferred_ip_protocol: ip4 } }
`

/** The real blackbox exporter on a free port. */
async function blackboxExporter(t: Test, binary: string): Promise<string> {
  const file = join(t.testdir({}), 'blackbox.yml')
  writeFileSync(file, BLACKBOX_MODULES)
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(binary, [`--config.file=${file}`, `--web.listen-address=${address}`], {
    stdio: 'ignore',
  })
  t.teardown(() => child.kill())
  await until('the blackbox exporter serves', async () => (await fetch(`http://${address}/-/healthy`)).ok)
  return address
}

/** Rollcall with a recipe of which some words are replaced, and its folder. */
async function recipe(t: Test, name: string, replaced: Readonly<Record<string, string>>): Promise<string> {
  const folder = t.testdir({ data: {} })
  cpSync(join('examples', name), folder, { recursive: true })
  const file = join(folder, 'rollcall.yml')
  let text = readFileSync(file, 'utf8')
  for (const [before, after] of Object.entries(replaced)) text = text.replaceAll(before, after)
  writeFileSync(file, text)
  return (await start(t, [`--config.file=${file}`, `--storage.path=${join(folder, 'data')}`])).url
}

/** The job that a recipe needs: nothing but what its comment says. */
const job = (name: string, url: string, keys = '') => `
scrape_configs:
  - job_name: ${name}
    scrape_interval: 3s
    ${keys}
    http_sd_configs: [{ url: "${url}/targets/${name}", refresh_interval: 1s }]
`

for (const { name: version, find } of PROMETHEUS_VERSIONS) {
  t.test(`${version} probes through the real blackbox exporter`, { timeout: 200_000 }, async (t) => {
    const binary = find()
    const blackbox = findTool('prometheus-blackbox-exporter', 'BLACKBOX_EXPORTER')
    if (cannotTest(t, version, binary) || missing(t, blackbox, 'prometheus-blackbox-exporter')) return
    const exporter = await blackboxExporter(t, String(blackbox))
    const site = await inventoryServer(t)
    site.handle((request, response) => void response.writeHead(request.url === '/secret' ? 401 : 200).end())
    const probed = (path: string) => `http://127.0.0.1:${site.port}${path}`

    await t.test('the recipe of blackbox: a URL becomes the parameter of the probe', async (t) => {
      const services = JSON.parse(readFileSync('examples/blackbox/services.json', 'utf8')) as object[]
      const paths: Record<string, string> = { shop: '/health?full=1&who=a%20b', api: '/secret', wiki: '/' }
      const here = services.map((one) => {
        const path = paths[(one as { name: string }).name]
        return path === undefined ? one : { ...one, health_url: probed(path) }
      })
      const url = await recipe(t, 'blackbox', {
        'http://inventory.example.com/services': (await inventoryServer(t, here)).url.href,
        'blackbox-exporter:9115': exporter,
      })
      const prometheus = await startPrometheus(t, String(binary), job('blackbox', url))
      for (const [service, path] of Object.entries(paths)) {
        const instance = probed(path)
        const success = `probe_success{service="${service}",instance="${instance}",job="blackbox"}`
        await until(`${service} is probed`, async () => (await prometheus.query(success)) === 1)
      }
      t.equal(await prometheus.query('probe_http_status_code{service="api"}'), 401)
      t.equal(await prometheus.query('probe_http_status_code{service="shop"}'), 200)
      t.equal(await prometheus.query('count(probe_success)'), 3)
      t.ok(site.requests.some((one) => one.url === paths.shop))
    })

    await t.test(
      'the recipe of ICMP: addresses without a port, and the relabelling of the job',
      async (t) => {
        const url = await recipe(t, 'icmp', {})
        const rules = `metrics_path: /probe
    params: { module: [icmp] }
    relabel_configs:
      - { source_labels: [__address__], target_label: __param_target }
      - { source_labels: [__param_target], target_label: instance }
      - { target_label: __address__, replacement: "${exporter}" }`
        const prometheus = await startPrometheus(t, String(binary), job('icmp', url, rules))
        // Those of the example are no hosts of this machine: that they were asked for is what is to be shown.
        for (const instance of ['10.200.0.67', '2001:db8::67', 'gateway.example', '10.210.0.1'])
          await until(`${instance} is probed`, async () => {
            return (await prometheus.query(`up{instance="${instance}",job="icmp"}`)) === 1
          })
        t.equal(await prometheus.query('count(probe_success)'), 4)
        t.equal(await prometheus.query('count(probe_success{site="berlin"})'), 3)
      },
    )
  })

  t.test(`${version} asks an SNMP and an IPMI exporter for each device`, { timeout: 100_000 }, async (t) => {
    const binary = find()
    if (cannotTest(t, version, binary)) return
    const exporter = await inventoryServer(t)
    exporter.handle((_request, response) =>
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end('device_up 1\n'),
    )
    // As it stands: its ids have more digits than a number of JavaScript.
    const devices = await inventoryServer(t)
    devices.handle((_request, response) => void response.end(readFileSync('examples/snmp/devices.json')))
    const url = await recipe(t, 'snmp', {
      'http://inventory.example.com/devices': devices.url.href,
      'snmp-exporter:9116': `127.0.0.1:${exporter.port}`,
      'ipmi-exporter:9290': `localhost:${exporter.port}`,
    })
    const expected = JSON.parse(readFileSync('examples/snmp/expected.json', 'utf8')) as {
      labels: Record<string, string>
    }[]
    const prometheus = await startPrometheus(t, String(binary), job('snmp', url))
    for (const { labels } of expected) {
      const { instance, job: own, device, device_id: id } = labels
      const series = `device_up{instance="${instance}",job="${own}",device="${device}",device_id="${id}"}`
      await until(`${series} is scraped`, async () => (await prometheus.query(series)) === 1)
      const [path, query] = [labels.__metrics_path__, new URLSearchParams()]
      for (const name of ['auth', 'module', 'target'])
        if (labels[`__param_${name}`] !== undefined) query.set(name, String(labels[`__param_${name}`]))
      t.ok(
        exporter.requests.some((one) => one.url === `${path}?${query}`),
        `${path}?${query}`,
      )
    }
    t.equal(await prometheus.query('count(device_up)'), expected.length)
  })
}
