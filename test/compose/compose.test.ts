import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { webFileLoader } from '../../src/config/web-file.ts'
import { diskFiles } from '../helpers/files.ts'

/** A service as compose.yaml describes it, after its anchors. */
interface Service {
  readonly image: string
  readonly build?: string
  readonly profiles?: readonly string[]
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck: { readonly test: readonly string[] }
}

const read = (path: string) => parse(readFileSync(path, 'utf8'), { merge: true })
const stack = read('compose.yaml')
const services: Record<string, Service> = stack.services
const all = Object.entries(services)
const core = all.filter(([, { profiles }]) => profiles === undefined).map(([name]) => name)

/** What is mounted from the repository: where it is, and where the container finds it. */
const mounts = all.flatMap(([name, { volumes = [] }]) =>
  volumes
    .filter((volume) => volume.startsWith('./'))
    .map((volume) => {
      const [from = '', to = '', mode] = volume.split(':')
      return { name, from, to, mode }
    }),
)

/** The file of the repository that a service sees at a path. */
function fileAt(service: string, path: string): string {
  const mount = mounts.find(({ name, to }) => name === service && (path === to || path.startsWith(`${to}/`)))
  return join(mount?.from ?? '', path.slice(mount?.to.length))
}

t.test('the services: the whole stack, and a core that needs nothing else of it', async (t) => {
  t.same(core.sort(), [
    ...['alertmanager', 'inventory', 'prometheus', 'rollcall-1', 'rollcall-2'],
    ...['sensor-1', 'sensor-2', 'sensor-3'],
  ])
  t.same(
    all.flatMap(([name, { profiles }]) => (profiles?.[0] === 'full' ? [name] : [])),
    ['grafana', 'loki', 'alloy'],
  )
  t.match(readFileSync('.env', 'utf8'), /^COMPOSE_PROFILES=full$/m)
  for (const name of core) {
    for (const needed of Object.keys(services[name]?.depends_on ?? {})) t.ok(core.includes(needed), needed)
  }
})

/** A container that can do no harm, costs little at rest, and waits for no other. */
function assertHardened(t: Test, service: Service, known: Readonly<Record<string, Service>>): void {
  t.match(service.image, /^(rollcall:local|([a-z]+\/)?[a-z]+:v?\d+\.\d+\.\d+(-alpine)?)$/)
  t.match(service, {
    restart: 'unless-stopped',
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    mem_limit: /^\d+[mg]$/,
    cpus: Number,
    pids_limit: Number,
    healthcheck: { test: ['CMD'], interval: '30s' },
    logging: { driver: 'json-file', options: { 'max-size': '10m' } },
  })
  for (const port of service.ports ?? []) t.match(port, /^127\.0\.0\.1:\$\{[A-Z0-9_]+:-\d+\}:\d+$/)
  for (const [needed, { condition }] of Object.entries(service.depends_on ?? {})) {
    t.equal(condition, 'service_started')
    t.ok(needed in known, needed)
  }
  t.notOk(JSON.stringify(service).includes('docker.sock'), 'nobody gets the engine')
}

for (const [name, service] of all) {
  t.test(`${name}: pinned, hardened, limited, watched, and not reached from other machines`, async (t) => {
    assertHardened(t, service, services)
  })
}

t.test('the image of Rollcall is built once', async (t) => {
  t.same(
    all.filter(([, { build }]) => build !== undefined).map(([name]) => name),
    ['inventory'],
  )
  for (const [name, { image, depends_on = {} }] of all) {
    if (image === 'rollcall:local' && name !== 'inventory') t.ok('inventory' in depends_on, name)
  }
})

t.test('what is mounted is in the repository, and read-only; each volume is declared', async (t) => {
  t.ok(mounts.length > 5)
  for (const { from, mode } of mounts) {
    t.ok(existsSync(from), from)
    t.equal(mode, 'ro', from)
  }
  const used = all.flatMap(([, { volumes = [] }]) =>
    volumes.flatMap((volume) => /^([a-z0-9-]+):/.exec(volume)?.[1] ?? []),
  )
  t.same(used.sort(), Object.keys(stack.volumes).sort(), 'and none is shared')
})

t.test('Rollcall reads a valid configuration, at the address where the inventory is', async (t) => {
  for (const name of ['rollcall-1', 'rollcall-2']) {
    const path = fileAt(name, String(services[name]?.environment?.CONFIG_FILE))
    const { sources } = await loadSettings(readArguments([`--config.file=${path}`]), {}, diskFiles)
    t.same(
      sources.map((source) => source.name),
      ['sensors'],
    )
    t.match(readFileSync(path, 'utf8'), 'url: http://inventory:1337/inventory')
  }
})

t.test('the inventory lists the sensors of the stack where they listen', async (t) => {
  const records: Record<string, unknown>[] = read(fileAt('inventory', '/srv/inventory/inventory.json'))
  const active = records.filter(({ status }) => status === 'active')
  const sensors = all.filter(([name]) => name.startsWith('sensor-'))
  t.same(
    active.map(({ hostname }) => hostname),
    sensors.map(([name]) => name),
  )
  for (const [index, [, { command }]] of sensors.entries()) {
    t.ok(command?.includes(`--web.listen-address=:${active[index]?.port}`))
  }
})

t.test(
  'Prometheus: what it scrapes, asks and tells are services; its rules are the shipped ones',
  async (t) => {
    const config = read(fileAt('prometheus', '/etc/prometheus/prometheus.yml'))
    const jobs: Record<string, unknown>[] = config.scrape_configs
    t.same(
      jobs.map(({ job_name }) => job_name),
      read('prometheus/prometheus.yml').scrape_configs.map(({ job_name }: { job_name: string }) => job_name),
      'the jobs that the rules and dashboards know',
    )
    const hosts = [...JSON.stringify(config).matchAll(/"(?:http:\/\/)?([a-z0-9-]+):\d+/g)].map(
      ([, host]) => host,
    )
    const aliases = ['localhost', 'rollcall']
    t.same(
      hosts.filter((host) => !(String(host) in services) && !aliases.includes(String(host))),
      [],
    )
    for (const pattern of config.rule_files as string[]) {
      const folder = fileAt('prometheus', pattern.replace(/\/[^/]*$/, ''))
      t.ok(readdirSync(folder).filter((file) => file.endsWith('.yml')).length > 0, folder)
    }
  },
)

t.test('with TLS: Rollcall has a certificate and a token, and Prometheus is told both', async (t) => {
  const folder = join(t.testdir(), 'tls')
  cpSync('compose/tls', folder, { recursive: true, filter: (path) => !/\.pem$|token$/.test(path) })
  const { status, stderr } = spawnSync(join(folder, 'make-secrets'), { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  const before = readFileSync(join(folder, 'token'), 'utf8')
  t.equal(spawnSync(join(folder, 'make-secrets')).status, 0)
  t.equal(readFileSync(join(folder, 'token'), 'utf8'), before, 'what is there stays')
  const file = await webFileLoader(join(folder, 'web.yml'))(diskFiles)
  t.match(file, {
    tls: { cert: /BEGIN CERTIFICATE/ },
    access: { bearerTokens: [{ tokens: [before.trim()] }] },
  })

  const over = read('compose/tls/tls.yaml').services as Record<string, Service>
  t.same(Object.keys(over).sort(), ['prometheus', 'rollcall-1', 'rollcall-2'])
  for (const { volumes = [] } of Object.values(over)) {
    for (const volume of volumes) t.ok(existsSync(volume.split(':')[0] as string), volume)
  }
  const secure = {
    authorization: { credentials_file: '/etc/prometheus/tls/token' },
    tls_config: { ca_file: '/etc/prometheus/tls/cert.pem' },
  }
  const expected = read('compose/prometheus.yml')
  const [sensors, rollcall] = expected.scrape_configs
  Object.assign(sensors.http_sd_configs[0], secure, { url: 'https://rollcall:8080/targets' })
  Object.assign(rollcall, secure, { scheme: 'https' })
  t.same(read('compose/tls/prometheus.yml'), expected, 'otherwise it is the same')
})

t.test('with a cluster: three replicas share a store, and Prometheus asks a balancer', async (t) => {
  const over = read('compose/ha/ha.yaml')
  const added: Record<string, Service> = over.services
  const together = { ...services, ...added }
  t.same(
    Object.keys(added).filter((name) => !(name in services)),
    ['rollcall-3', 'valkey', 'balancer'],
  )
  for (const name of ['rollcall-3', 'valkey', 'balancer']) assertHardened(t, added[name] as Service, together)
  t.match(added['rollcall-3'], {
    image: services['rollcall-2']?.image,
    healthcheck: services['rollcall-2']?.healthcheck,
  })
  t.same(Object.keys(over.volumes), ['rollcall-3'])
  t.ok(added['rollcall-3']?.volumes?.includes('rollcall-3:/data'), 'each has a folder of its own')
  const paths = Object.values(added).flatMap(({ volumes = [] }) =>
    volumes.filter((one) => one.startsWith('./')),
  )
  for (const path of paths) t.match([existsSync(path.split(':')[0] as string), path], [true, /:ro$/])
  const ports = Object.values(together).flatMap(({ ports = [] }) => ports)
  t.equal(new Set(ports.map((port) => /:-(\d+)/.exec(port)?.[1])).size, ports.length)

  const secrets = ['signing-key', 'valkey-password', 'password.conf', 'token']
  const ignored = readFileSync('.gitignore', 'utf8').split('\n')
  for (const name of secrets) t.ok(ignored.includes(`compose/ha/${name}`), name)
  const folder = join(t.testdir(), 'ha')
  cpSync('compose/ha', folder, { recursive: true, filter: (path) => !secrets.includes(basename(path)) })
  const make = () => {
    const { status, stderr } = spawnSync(join(folder, 'make-secrets'), { encoding: 'utf8' })
    t.equal(status, 0, stderr)
    return secrets.map((name) => readFileSync(join(folder, name), 'utf8'))
  }
  const [key, password, conf] = make()
  t.same(make().slice(0, 2), [key, password], 'what is there stays')
  t.equal(conf, `requirepass ${password}`)
  const mounted = (service: string) =>
    added[service]?.volumes?.find((one) => one.startsWith('./compose/ha'))?.split(':')[1]
  const include = /^include (.*)$/m.exec(readFileSync('compose/ha/valkey.conf', 'utf8'))?.[1]
  t.equal(include, `${mounted('valkey')}/password.conf`)

  for (const name of ['rollcall-1', 'rollcall-2', 'rollcall-3']) {
    const path = String(added[name]?.environment?.CONFIG_FILE)
    t.equal(path, `${mounted(name)}/rollcall.yml`)
    t.match(added[name], { hostname: name }, 'the name of the replica')
  }
  const args = readArguments([`--config.file=${join(folder, 'rollcall.yml')}`])
  const { sources, cluster } = await loadSettings(args, {}, diskFiles)
  t.same(
    sources.map(({ name }) => name),
    ['sensors', 'devices'],
  )
  t.match(cluster?.redis, { at: { kind: 'single', server: { host: 'valkey', port: 6379 } } })
  t.equal(await cluster?.signingKey.reveal(), key?.trim())
  t.equal(await cluster?.redis.password?.reveal(), password?.trim())
})

t.test(
  'the balancer asks every replica whether it is ready, and takes any that works when none is',
  async (t) => {
    const text = readFileSync('compose/ha/haproxy.cfg', 'utf8')
    const replicas = ['rollcall-1', 'rollcall-2', 'rollcall-3']
    for (const [backend, path] of [
      ['ready', '/-/ready'],
      ['working', '/-/healthy'],
    ]) {
      const [part = ''] = new RegExp(`^backend ${backend}\n(  .*\n)+`, 'm').exec(text) ?? []
      t.match(part, `http-check send meth GET uri ${path}\n`)
      const servers = [...part.matchAll(/^ {2}server (\S+) (\S+)$/gm)].map(([, ...one]) => one)
      t.same(
        servers,
        replicas.map((name) => [name, `${name}:8080`]),
      )
    }
    const expected = read('compose/prometheus.yml')
    const [sensors, rollcall] = expected.scrape_configs
    sensors.http_sd_configs[0].url = 'http://balancer:8080/targets'
    rollcall.static_configs[0].targets = replicas.map((name) => `${name}:8080`)
    t.same(read('compose/ha/prometheus.yml'), expected, 'otherwise it is the same')
  },
)

t.test('Grafana finds its data sources and dashboards', async (t) => {
  const provisioning = fileAt('grafana', '/etc/grafana/provisioning')
  const { datasources } = read(join(provisioning, 'datasources/datasources.yml'))
  t.match(datasources, [
    { uid: 'prometheus', type: 'prometheus', url: 'http://prometheus:9090', isDefault: true },
    { uid: 'loki', type: 'loki', url: 'http://loki:3100' },
  ])
  const { providers } = read(join(provisioning, 'dashboards/dashboards.yml'))
  const folder = fileAt('grafana', providers[0].options.path)
  const dashboards = readdirSync(folder).filter((file) => file.endsWith('.json'))
  t.ok(dashboards.length > 0, folder)
  const known = ['prometheus', 'loki', '-- Grafana --', 'grafana', '-- Mixed --']
  for (const file of dashboards) {
    const text = readFileSync(join(folder, file), 'utf8')
    JSON.parse(text, (key, value) => {
      if (key === 'datasource' && typeof value?.uid === 'string' && !value.uid.startsWith('$')) {
        t.ok(known.includes(value.uid), `${file}: ${value.uid}`)
      }
      return value
    })
  }
})

t.test('Loki: its rules are the shipped ones; logs carry the label that they ask for', async (t) => {
  const config = read(fileAt('loki', '/etc/loki/loki.yml'))
  const rules = fileAt('loki', `${config.ruler.storage.local.directory}/fake/rules.yml`)
  t.match(readFileSync(rules, 'utf8'), '{app="rollcall"}')
  t.equal(config.ruler.alertmanager_url, 'http://alertmanager:9093')
  const shipper = readFileSync(fileAt('alloy', '/etc/alloy/config.alloy'), 'utf8')
  t.match(shipper, 'values = { "app" = "app", "instance" = "service" }')
  t.match(shipper, `tag!=\\"${stack['x-hardened'].logging.options.tag}\\"`)
  t.match(shipper, 'url = "http://loki:3100/loki/api/v1/push"')
  t.equal((shipper.match(/[{[(]/g) ?? []).length, (shipper.match(/[}\])]/g) ?? []).length)
  const [, app] = /^(.+?)(-[0-9]+)?$/.exec('rollcall-1') ?? []
  t.equal(app, 'rollcall')
})
