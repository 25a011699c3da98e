import { readFileSync, writeFileSync } from 'node:fs'
import { get as getTls } from 'node:https'
import { basename, dirname, join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'
import { docker, FREE_PORTS, findCompose, findEngine, finish, healthOf } from './docker.ts'
import { get } from './get.ts'

const PROJECT = `rollcall-test-${process.pid}`
const SENSORS = ['sensor-1:9100', 'sensor-2:9100', 'sensor-3:9100']
/** How often Prometheus has taken over a list of the sensors. */
const SYNCS = 'prometheus_target_scrape_pool_sync_total{scrape_job="sensors"}'
const PATIENCE = { timeoutMs: 120_000, everyMs: 500 }

/** Another Prometheus beside that of the stack, which asks for targets all the time. */
const POLLER = `
global: { scrape_interval: 1s }
scrape_configs:
  - job_name: sensors
    http_sd_configs: [{ url: "http://rollcall:8080/targets", refresh_interval: 100ms }]
  - job_name: itself
    static_configs: [{ targets: ["localhost:9090"] }]
`

const TLS = { COMPOSE_FILE: 'compose.yaml:compose/tls/tls.yaml' }

async function compose(...args: readonly string[]): Promise<string> {
  return composeWith({}, ...args)
}

async function composeWith(env: Record<string, string>, ...args: readonly string[]): Promise<string> {
  const [command, ...first] = findCompose()
  const all = [...first, '--project-name', PROJECT, '--profile', 'core', ...args]
  const { code, out, err } = await finish(command, all, { ...FREE_PORTS, ...env })
  if (code !== 0) throw new Error(`${command} ${all.join(' ')}: exit code ${code}: ${err}\n${out}`)
  return out
}

/** The containers of the stack by their services. */
async function containers(): Promise<Map<string, string>> {
  const format = '{{.Label "com.docker.compose.service"}} {{.ID}}'
  const label = `label=com.docker.compose.project=${PROJECT}`
  const lines = (await docker('ps', '--all', '--no-trunc', '--filter', label, '--format', format)).split('\n')
  return new Map(lines.filter((line) => line !== '').map((line) => line.split(' ') as [string, string]))
}

/** The id of a service's container, once it is healthy. */
async function healthy(service: string): Promise<string> {
  return until(
    `${service} is healthy`,
    async () => {
      const id = (await containers()).get(service)
      return id !== undefined && (await healthOf(id)) === 'healthy' && id
    },
    PATIENCE,
  )
}

/** The answer of an API of Prometheus. */
const ask = async (url: string) => JSON.parse((await get(url)).body).data

/** What a query gives: the value of each series by its instance. */
async function query(url: string, expression: string): Promise<Record<string, number>> {
  const { result: found } = await ask(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`)
  const result = found as { metric: { instance?: string }; value: [number, string] }[]
  return Object.fromEntries(result.map(({ metric, value }) => [metric.instance ?? '', Number(value[1])]))
}

/** The addresses that a Prometheus has as targets of a job, with their health. */
async function targets(url: string, job: string): Promise<Record<string, string>> {
  const { activeTargets } = await ask(`${url}/api/v1/targets?state=active`)
  const active = activeTargets as { health: string; labels: { job: string; instance: string } }[]
  return Object.fromEntries(
    active.filter(({ labels }) => labels.job === job).map(({ labels, health }) => [labels.instance, health]),
  )
}

/** How many polls of a Prometheus have failed, once it has scraped itself. */
function failedPolls(url: string): Promise<number> {
  return until('its own metrics are there', async () => {
    const [failures] = Object.values(await query(url, 'sum(prometheus_sd_http_failures_total)'))
    return failures
  })
}

const allUp = (addresses: readonly string[]) => Object.fromEntries(addresses.map((one) => [one, 'up']))

const isSame = (a: Record<string, string>, b: Record<string, string>) =>
  JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort())

const published = async (id: string, port: number) =>
  `http://${(await docker('port', id, String(port))).split('\n')[0]}`

if (!missing(t, findEngine(), 'a Docker engine')) {
  t.teardown(() => compose('down', '--volumes'))
  t.before(() => compose('up', '--detach', '--build'))
  tests()
}

function tests() {
  const state = { prometheus: '', failures: 0 }

  t.test('the core comes up healthy, and Prometheus has every sensor up', async (t) => {
    const { services } = parse(await compose('config'))
    const names = Object.keys(services).filter((name) => services[name].profiles === undefined)
    t.same([...(await containers()).keys()].sort(), names.sort(), 'without Grafana, Loki and Alloy')
    for (const name of names) await healthy(name)

    state.prometheus = await published(await healthy('prometheus'), 9090)
    for (const [job, addresses] of [
      ['sensors', SENSORS],
      ['rollcall', ['rollcall-1:8080', 'rollcall-2:8080']],
    ] as const) {
      await until(`the ${job} are up`, async () =>
        isSame(await targets(state.prometheus, job), allUp(addresses)),
      )
    }
    const rules = (await ask(`${state.prometheus}/api/v1/rules`)).groups
    t.ok(
      rules.length > 0 &&
        rules.every(({ file }: { file: string }) => file.startsWith('/etc/prometheus/rules')),
    )
    // It waits for nothing, so its first polls can be too early.
    state.failures = await failedPolls(state.prometheus)
    const managers = (await ask(`${state.prometheus}/api/v1/alertmanagers`)).activeAlertmanagers
    t.same(managers, [{ url: 'http://alertmanager:9093/api/v2/alerts' }])
  })

  t.test('no container has a capability, a root file system to write to, or a log without end', async (t) => {
    for (const [service, id] of await containers()) {
      const [{ HostConfig }] = JSON.parse(await docker('inspect', id))
      t.match(
        HostConfig,
        {
          ReadonlyRootfs: true,
          CapDrop: ['ALL'],
          SecurityOpt: ['no-new-privileges:true'],
          RestartPolicy: { Name: 'unless-stopped' },
          LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', tag: 'rollcall-stack' } },
        },
        service,
      )
      t.ok(HostConfig.Memory > 0 && HostConfig.NanoCpus > 0 && HostConfig.PidsLimit > 0, service)
    }
  })

  t.test('a log line is as the log shipper expects it', async (t) => {
    const id = await healthy('rollcall-1')
    const [{ LogPath }] = JSON.parse(await docker('inspect', id))
    // As Alloy does it: root without any capability, finds the file in the folder of all containers and reads it.
    const read = `
      const name = fs.readdirSync('/logs').find((name) => name === '${id}')
      console.log(fs.readFileSync('/logs/' + name + '/${basename(LogPath)}', 'utf8').split('\\n')[0])`
    const { out, err } = await finish('docker', [
      ...['run', '--rm', '--user=0:0', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--read-only'],
      ...[
        '--volume',
        `${dirname(dirname(LogPath))}:/logs:ro`,
        '--entrypoint=node',
        'rollcall:local',
        '-e',
        read,
      ],
    ])
    t.equal(err, '')
    const line = JSON.parse(out)
    t.same(line.attrs, { 'com.docker.compose.service': 'rollcall-1', tag: 'rollcall-stack' })
    t.match(JSON.parse(line.log).msg, 'serving targets')
  })

  t.test('a rolling restart of Rollcall loses no poll', async (t) => {
    const config = join(t.testdir(), 'prometheus.yml')
    writeFileSync(config, POLLER, { mode: 0o644 })
    const [{ Config, NetworkSettings }] = JSON.parse(await docker('inspect', await healthy('prometheus')))
    const network = Object.keys(NetworkSettings.Networks)[0] as string
    const flags = ['--config.file=/poller.yml', '--storage.tsdb.path=/tmp']
    const poller = await docker(
      ...[
        'create',
        '--network',
        network,
        '--publish=127.0.0.1::9090',
        '--tmpfs=/tmp',
        Config.Image,
        ...flags,
      ],
    )
    t.teardown(() => docker('rm', '--force', '--volumes', poller))
    await docker('cp', config, `${poller}:/poller.yml`)
    await docker('start', poller)
    const url = await published(poller, 9090)
    await until('it scrapes', async () => isSame(await targets(url, 'sensors'), allUp(SENSORS)))
    const began = performance.now()

    const polls = async (service: string) => {
      const { body } = await get(`${await published(await healthy(service), 8080)}/metrics`)
      const counts = body.matchAll(/^rollcall_http_requests_total\{[^}]*route="\/targets"[^}]*\} (\d+)/gm)
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
    }
    let count = 0
    for (const service of ['rollcall-1', 'rollcall-2']) {
      const before = await healthy(service)
      count += await polls(service)
      await compose('up', '--detach', '--no-deps', '--force-recreate', service)
      t.not(await healthy(service), before, `another container is ${service}`)
    }
    // A Prometheus keeps its connection, so it may stay with one of them.
    const now = async () => (await polls('rollcall-1')) + (await polls('rollcall-2'))
    await until('the new ones are polled', async () => (await now()) > 20)
    count += await now()

    t.ok(count > 100, `${count} polls`)
    for (const [prometheus, before] of [
      [url, 0],
      [state.prometheus, state.failures],
    ] as const) {
      t.equal(await failedPolls(prometheus), before, 'no poll failed')
      t.same(Object.keys(await targets(prometheus, 'sensors')).sort(), SENSORS)
    }
    const seconds = Math.floor((performance.now() - began) / 1000)
    const fewest = `min_over_time(count(up{job="sensors"} == 1)[${seconds}s:1s])`
    t.same(await query(url, fewest), { '': 3 }, `it had them all for ${seconds} s`)
  })

  t.test('killing the inventory loses no target, not even when Rollcall is restarted after it', async (t) => {
    await docker('kill', await healthy('inventory'))
    for (const service of ['rollcall-1', 'rollcall-2']) {
      const url = await published(await healthy(service), 8080)
      await until(`${service} notices`, async () => (await get(`${url}/health`)).body.includes('"failing"'))
    }
    await compose('restart', 'rollcall-1')
    const url = await published(await healthy('rollcall-1'), 8080)
    t.match((await get(`${url}/health`)).body, '"stale"', 'it serves what it kept')
    const count = async () => Object.values(await query(state.prometheus, SYNCS))[0] ?? 0
    const before = await count()
    await until(
      'Prometheus has polled both again and again',
      async () => (await count()) > before + 2,
      PATIENCE,
    )
    t.same(await targets(state.prometheus, 'sensors'), allUp(SENSORS))
    t.equal(await failedPolls(state.prometheus), state.failures)
  })

  t.test('with TLS and a token Prometheus has every sensor up', async (t) => {
    t.equal((await finish('compose/tls/make-secrets', [])).code, 0)
    const token = readFileSync('compose/tls/token', 'utf8').trim()
    await composeWith(TLS, 'up', '--detach')
    for (const service of ['rollcall-1', 'rollcall-2']) await healthy(service)
    const url = await published(await healthy('prometheus'), 9090)
    await until(
      'the sensors are up',
      async () => isSame(await targets(url, 'sensors'), allUp(SENSORS)),
      PATIENCE,
    )
    await until('Rollcall is', async () =>
      isSame(await targets(url, 'rollcall'), allUp(['rollcall-1:8080', 'rollcall-2:8080'])),
    )
    const rollcall = await published(await healthy('rollcall-1'), 8080)
    const status = (authorization: Record<string, string>) =>
      new Promise((resolve, reject) => {
        const ca = readFileSync('compose/tls/cert.pem')
        const options = { ca, servername: 'localhost', headers: authorization, agent: false }
        getTls(`${rollcall.replace('http:', 'https:')}/targets`, options, (response) => {
          response.resume()
          resolve(response.statusCode)
        }).on('error', reject)
      })
    t.equal(await status({}), 401)
    t.equal(await status({ authorization: `Bearer ${token}` }), 200)
  })

  t.test('one command takes all of it down', async (t) => {
    await compose('down', '--volumes')
    t.equal((await containers()).size, 0)
    const label = `label=com.docker.compose.project=${PROJECT}`
    t.equal(await docker('volume', 'ls', '--quiet', '--filter', label), '')
    t.equal(await docker('network', 'ls', '--quiet', '--filter', label), '')
  })
}
