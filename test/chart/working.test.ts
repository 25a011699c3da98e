import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { createClient } from 'redis'
import t, { type Test } from 'tap'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import {
  ALERTMANAGER_CONFIG,
  findAlertmanager,
  type Labels,
  startAlertmanager,
} from '../helpers/alertmanager.ts'
import { CHART } from '../helpers/chart-files.ts'
import { run, start } from '../helpers/cli.ts'
import { diskFiles } from '../helpers/files.ts'
import { firingAlerts } from '../helpers/firing.ts'
import {
  every,
  FOR_KUBERNETES,
  helm,
  type Manifest,
  NAMESPACE,
  only,
  RELEASE,
  template,
  tryTemplate,
  workload,
} from '../helpers/helm.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { freePort } from '../helpers/prometheus.ts'
import { selectorsOf } from '../helpers/promql.ts'
import { checkConfig, findPromtools } from '../helpers/promtool.ts'
import { noRedis, startRedis } from '../helpers/redis-server.ts'
import { findHelm, findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

const execute = promisify(execFile)
const command = findHelm()
const promtools = await findPromtools()
const ci = (name: string) => `--values=${CHART}/ci/${name}-values.yaml`
const container = (manifests: readonly Manifest[]) => workload(manifests).spec.template.spec.containers[0]

/** The flags of the container, with the folders of a test instead of those of the image. */
function flags({ args }: Manifest, config?: string): string[] {
  return args
    .filter((arg: string) => !/^--(web\.listen-address|storage\.path)=/.test(arg))
    .map((arg: string) => arg.replace(/^--config\.file=.*/, `--config.file=${config}`))
}

/** The variables of the container as Kubernetes sets them. */
function variables({ env = [] }: Manifest): Record<string, string> {
  return Object.fromEntries(
    env.map(({ name, value = 'secret' }: Manifest) => [name, value.replaceAll('$$(', '$(')]),
  )
}

for (const name of ['config', 'full', 'cluster', 'valkey']) {
  t.test(
    `the configuration that ${name}-values.yaml mounts is one that rollcall check accepts`,
    async (t) => {
      if (missing(t, command, 'Helm')) return
      const manifests = await template(command as string, [ci(name)])
      const made = manifests.find(({ metadata }) => metadata.name.endsWith('-config'))
      const server = manifests.filter(({ metadata }) => !metadata.name.endsWith('-valkey'))
      const path = join(t.testdir(), 'rollcall.yml')
      writeFileSync(path, (made.stringData ?? made.data)['rollcall.yml'])
      const { spec } = workload(server).spec.template
      const [{ args, volumeMounts }] = spec.containers
      t.ok(args.includes('--config.file=/etc/rollcall/rollcall.yml'))
      const volume = spec.volumes.find((one: Manifest) => one.name === 'config')
      t.equal(volume.configMap?.name ?? volume.secret.secretName, made.metadata.name)
      t.ok(
        volumeMounts.some(
          (mount: Manifest) => mount.name === 'config' && mount.mountPath === '/etc/rollcall',
        ),
      )
      const main = spec.containers[0]
      // The files of the secrets are in the container only.
      const { code, out, err } = await run(['check', '--syntax-only', ...flags(main, path)], variables(main))
      t.same([code, err], [0, ''])
      t.match(out, 'SUCCESS: the configuration is valid')
    },
  )
}

t.test('the values that the README of the chart shows are right', async (t) => {
  if (missing(t, command, 'Helm')) return
  const readme = readFileSync(`${CHART}/README.md`, 'utf8')
  const shown = [...readme.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text as string)
  t.equal(shown.length, 3)
  const path = join(t.testdir(), 'values.yml')
  writeFileSync(path, shown.join(''))
  const manifests = await template(command as string, [`--values=${path}`])
  for (const kind of ['ScrapeConfig', 'ServiceMonitor', 'PrometheusRule']) only(manifests, kind)
  const sets = [...readme.matchAll(/`(\w+: \{.*\})`/g)].map(([, text]) => text as string)
  t.equal(sets.length, 1)
  writeFileSync(path, `inventoryUrl: http://a\n${sets[0]}`)
  const { spec } = workload(await template(command as string, [`--values=${path}`])).spec.template
  t.same(Object.keys(spec.securityContext), ['fsGroupChangePolicy', 'runAsNonRoot', 'seccompProfile'])
})

t.test('the history is kept as the values say, and Prometheus servers are asked', async (t) => {
  if (missing(t, command, 'Helm')) return
  const settingsOf = async (values: string, config?: string) => {
    const main = container(await template(command as string, [ci(values)]))
    return loadSettings(readArguments(flags(main, config)), variables(main), diskFiles)
  }
  t.match((await settingsOf('env-only')).history, { maxAgeMs: 30 * 86_400_000, maxBytes: 64 * 2 ** 20 })
  t.match((await settingsOf('persistence')).history, { maxAgeMs: 365 * 86_400_000, maxBytes: 256 * 2 ** 20 })
  const off = await template(command as string, [ci('persistence'), '--set-string=history.retention.time=0'])
  const main = container(off)
  t.equal((await loadSettings(readArguments(flags(main)), variables(main), diskFiles)).history, undefined)

  const text = only(await template(command as string, [ci('config')]), 'ConfigMap').data['rollcall.yml']
  t.same(parse(text).prometheus, [
    {
      name: 'local',
      url: 'http://prometheus-operated.monitoring:9090',
      authorization: { credentials_file: '/etc/rollcall-secrets/cmdb/token' },
    },
  ])
  const folder = t.testdir({ 'rollcall.yml': text.replaceAll('/etc/rollcall-secrets/cmdb', '.'), token: 'a' })
  const { prometheus } = await settingsOf('config', join(folder, 'rollcall.yml'))
  t.match(prometheus?.servers, [{ name: 'local', shownUrl: 'http://prometheus-operated.monitoring:9090/' }])
})

t.test('secrets are mounted as files, readable for the group of the process only', async (t) => {
  if (missing(t, command, 'Helm')) return
  const { spec } = workload(await template(command as string, [ci('full')])).spec.template
  const mounts = spec.containers[0].volumeMounts.filter(({ mountPath }: Manifest) =>
    /secrets/.test(mountPath),
  )
  t.same(
    mounts.map(({ mountPath }: Manifest) => mountPath),
    ['/etc/rollcall-secrets/cmdb', '/etc/rollcall-secrets/tls.internal'],
  )
  for (const { name, readOnly } of mounts) {
    t.ok(readOnly)
    t.equal(spec.volumes.find((volume: Manifest) => volume.name === name).secret.defaultMode, 0o440)
  }
})

t.test('a new configuration means new pods; a new version of the chart alone does not', async (t) => {
  if (missing(t, command, 'Helm')) return
  const pod = async (...args: string[]) =>
    only(
      await template(command as string, [ci('config'), '--show-only=templates/deployment.yaml', ...args]),
      'Deployment',
    ).spec.template
  const sum = (template: Manifest) => template.metadata.annotations['checksum/config']
  const first = await pod()
  t.match(sum(first), /^[0-9a-f]{64}$/)
  t.same(await pod('--set=service.port=80'), first, 'what is not of the pod leaves it alone')
  const changed = await pod(
    `--set-json=config={"sources":[{"name":"a","http":{"url":"http://a"}}]}`,
    '--set=config.global.timeout=5s',
  )
  t.not(sum(changed), sum(first))
  t.notMatch(JSON.stringify(first.metadata.labels), 'helm.sh/chart')
  const existing = workload(await template(command as string, [ci('existing-secret')])).spec.template
  t.same(existing.metadata.annotations, { 'example.com/restarted-at': '2026-01-01' })
})

t.test(
  'what the container is started with serves the inventory, to the probes and to helm test',
  async (t) => {
    if (missing(t, command, 'Helm')) return
    const inventory = await inventoryServer(t, ['a', 'b:9200'])
    const manifests = await template(command as string, [
      ci('env-only'),
      `--set=inventoryUrl=${inventory.url}?site=$(HOSTNAME)`,
    ])
    const main = container(manifests)
    const { url } = await start(t, flags(main), variables(main))
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      t.equal((await fetch(url + main[probe].httpGet.path)).status, 200, probe)
    }
    t.equal(inventory.requests[0]?.url, '/inventory?site=$(HOSTNAME)', 'nothing is replaced in the URL')
    const [group] = (await (await fetch(`${url}/targets`)).json()) as { labels: object }[]
    t.match(group?.labels, { __metrics_path__: '/probe/metrics', team: 'edge', stage: 'production' })
    const { command: node, args } = only(manifests, 'Pod').spec.containers[0]
    t.equal(args[1], `http://${RELEASE}-rollcall.${NAMESPACE}.svc:8080/targets`)
    t.equal(node[0], 'node')
    const { stdout } = await execute(process.execPath, [...node.slice(1), args[0], `${url}/targets`])
    t.equal(stdout, `${url}/targets serves 2 targets\n`)
  },
)

t.test('replicas share a store: they find its secrets, and devices register with any of them', async (t) => {
  if (missing(t, command, 'Helm') || noRedis(t)) return
  const manifests = await template(command as string, [ci('cluster')])
  const { replicas, template: pod } = workload(manifests).spec
  t.equal(replicas, 3)
  const [main] = pod.spec.containers
  const files = filesOf(pod.spec)
  t.same(files, {
    '/etc/rollcall-cluster/password': 'valkey/rollcall-password',
    '/etc/rollcall-cluster/signing-key': 'rollcall-cluster/signing-key',
    '/etc/rollcall-cluster/ca.crt': 'valkey-ca/ca.crt',
  })
  const pods = main.env.find(({ name }: Manifest) => name === 'POD_NAME')
  t.equal(pods.valueFrom.fieldRef.fieldPath, 'metadata.name')

  const redis = await startRedis(t, ['requirepass hunter2'])
  const folder = t.testdir({ password: 'hunter2', 'signing-key': 'what all replicas know', token: 'a-token' })
  const text = only(manifests, 'ConfigMap')
    .data['rollcall.yml'].replaceAll(/\/etc\/rollcall-(cluster|secrets\/devices)/g, folder)
    .replace(/rediss:.*/, `redis://127.0.0.1:${redis.port}`)
  const config = parse(text)
  t.equal(config.cluster.key_prefix, 'edge')
  const { username, tls_config, ...plain } = config.cluster.redis
  t.same([username, tls_config.server_name], ['rollcall', 'valkey.internal'])
  const path = join(folder, 'rollcall.yml')
  const inventory = await inventoryServer(t, ['a'])
  const [devices, sensors] = config.sources
  sensors.http.url = inventory.url.href
  devices.push.ttl = '3s'
  writeFileSync(
    path,
    stringify({ sources: [devices, sensors], cluster: { ...config.cluster, redis: plain } }),
  )
  const urls = await Promise.all(
    ['rollcall-a', 'rollcall-b'].map(async (name) => {
      const { url } = await start(t, flags(main, path), { ...variables(main), POD_NAME: name })
      return url
    }),
  )
  const health = async (url: unknown) => (await fetch(`${url}/health`)).json()
  await until('they know of each other', async () => {
    const found: Manifest[] = await Promise.all(urls.map(health))
    return found.every(({ cluster }) => cluster.store === 'ok' && cluster.replicas.length === 2)
  })
  const register = () =>
    fetch(`${urls[0]}/api/v1/sources/devices/instances/press-1`, {
      method: 'PUT',
      headers: { authorization: 'Bearer a-token' },
      body: '{"address":"10.0.1.11:9100"}',
    })
  t.equal((await register()).status, 201)
  await until('the other one serves it', async () => {
    await register()
    return (await (await fetch(`${urls[1]}/targets/devices`)).text()).includes('10.0.1.11:9100')
  })
})

/** What of which Secret the container finds where. */
function filesOf({ volumes, containers }: Manifest): Record<string, string> {
  const { sources } = volumes.find(({ name }: Manifest) => name === 'cluster').projected
  const { mountPath } = containers[0].volumeMounts.find(({ name }: Manifest) => name === 'cluster')
  return Object.fromEntries(
    sources.flatMap(({ secret }: Manifest) =>
      secret.items.map(({ key, path }: Manifest) => [`${mountPath}/${path}`, `${secret.name}/${key}`]),
    ),
  )
}

t.test('the Valkey of the chart takes what its container is started with', async (t) => {
  if (missing(t, command, 'Helm') || noRedis(t)) return
  const manifests = await template(command as string, [ci('valkey')])
  const valkey = manifests.filter(({ metadata }) => metadata.name.endsWith('-valkey'))
  const { spec } = only(valkey, 'Deployment').spec.template
  const [{ command: shell, args }] = spec.containers
  t.equal(
    spec.volumes.find(({ name }: Manifest) => name === 'password').secret.secretName,
    'rollcall-cluster',
  )
  const folder = t.testdir({ password: 'hunter2\n' })
  const port = await freePort()
  const script = args[0]
    .replace('/etc/valkey/', `${folder}/`)
    .replaceAll('/run/valkey', folder)
    .replace('valkey-server', findTool('redis-server', 'REDIS_SERVER'))
  const child = spawn(shell[0], [...shell.slice(1), `${script.trim()} --port ${port} --bind 127.0.0.1`])
  t.teardown(() => child.kill())
  const client = createClient({ socket: { port, reconnectStrategy: 50 }, password: 'hunter2' })
  client.on('error', () => {})
  t.teardown(() => client.destroy())
  await client.connect()
  t.match(await client.configGet('maxmemory-policy'), { 'maxmemory-policy': 'noeviction' })
  t.match(await client.configGet('save'), { save: '' })
  const closed = once(child, 'close')
  child.kill()
  t.same(await closed, [0, null], 'it ends with SIGTERM')
})

t.test('the CronJob makes a backup that can be restored, and keeps the last ones', async (t) => {
  if (missing(t, command, 'Helm')) return
  const inventory = await inventoryServer(t, ['a'])
  const folder = t.testdir({ backups: { 'rollcall-1.backup': '', 'rollcall-2.backup': '', others: '' } })
  const web = join(folder, 'web.yml')
  const token = join(folder, 'token')
  writeFileSync(token, 'a-token-that-may-operate\n')
  writeFileSync(web, `bearer_tokens: [{ name: backup, token_file: token, may: [read, operate] }]\n`)
  const set = '--set=backup.enabled=true,web.enableLifecycle=true,backup.keep=2,backup.tokenSecret=a'
  const manifests = await template(command as string, [`--set=inventoryUrl=${inventory.url}`, set])
  const main = container(manifests)
  const { url } = await start(t, [...flags(main), `--web.config.file=${web}`], variables(main))
  const { spec } = only(manifests, 'CronJob').spec.jobTemplate.spec.template
  const [{ command: node, args, volumeMounts }] = spec.containers
  t.same(args.slice(1), [
    `http://${RELEASE}-rollcall.${NAMESPACE}.svc:8080/api/v1/backup`,
    '/backups',
    '2',
    '/etc/rollcall-backup/token',
  ])
  t.same(
    volumeMounts.map(({ mountPath }: Manifest) => mountPath),
    ['/backups', '/etc/rollcall-backup'],
  )
  const [claim] = every(manifests, 'PersistentVolumeClaim')
  t.equal(spec.volumes[0].persistentVolumeClaim.claimName, claim.metadata.name)
  const headers = { authorization: 'Bearer a-token-that-may-operate' }
  await until('a list', async () => (await fetch(`${url}/targets`, { headers })).status === 200)

  const backups = join(folder, 'backups')
  const backUp = (path: string) =>
    execute(process.execPath, [...node.slice(1), args[0], url + path, backups, '2', token])
  t.match((await backUp('/api/v1/backup')).stdout, /^rollcall-\d{8}T\d{6}Z\.backup: \d+ bytes\n$/)
  const names = readdirSync(backups).sort()
  t.match(names, ['others', 'rollcall-2.backup', /^rollcall-\d{8}T/])
  t.equal(names.length, 3)
  const data = `--storage.path=${join(folder, 'data')}`
  t.match(await run(['restore', join(backups, String(names.at(-1))), data]), { code: 0, out: /1 target/ })
  await t.rejects(backUp('/nowhere'), { code: 1, stderr: /no backup of .*\/nowhere: 404/ })
  t.same(readdirSync(backups).sort(), names)
})

t.test('the default values come up: Rollcall discovers itself, until an upgrade says what', async (t) => {
  if (missing(t, command, 'Helm')) return
  const manifests = await template(command as string)
  const { data } = only(manifests, 'ConfigMap')
  const folder = t.testdir({
    'rollcall.yml': data['rollcall.yml'].replace('/etc/rollcall/', ''),
    'rollcall.json': data['rollcall.json'],
  })
  const main = container(manifests)
  const { url } = await start(t, flags(main, join(folder, 'rollcall.yml')), variables(main))
  await until('it is ready', async () => (await fetch(url + main.readinessProbe.httpGet.path)).status === 200)
  const groups = (await (await fetch(`${url}/targets`)).json()) as { targets: string[] }[]
  const service = only(manifests, 'Service')
  t.same(
    groups.flatMap(({ targets }) => targets),
    [`${service.metadata.name}.${NAMESPACE}.svc:${service.spec.ports[0].port}`],
  )
  const upgrade = await tryTemplate(command as string, ['--is-upgrade'])
  t.equal(upgrade.code, 1)
  t.match(upgrade.err, /none says what is discovered, so that this upgrade would take every target away/)
  t.equal((await tryTemplate(command as string, ['--is-upgrade', ci('env-only')])).code, 0)
})

t.test('with a Secret that lost its URL, the demo is not served', async (t) => {
  if (missing(t, command, 'Helm')) return
  const main = container(await template(command as string, ['--set=envFrom[0].secretRef.name=a']))
  await t.rejects(loadSettings(readArguments(flags(main)), variables(main), diskFiles), {
    message: /METRICS_PORT is set, but INVENTORY_URL is not/,
  })
})

/** A cluster in which one claim is, as far as Helm asks for it. */
async function clusterWith(t: Test, claim: Manifest): Promise<string> {
  const lists: Record<string, object> = {
    '/version': { major: '1', minor: '36', gitVersion: 'v1.36.0' },
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
    '/api/v1': {
      kind: 'APIResourceList',
      groupVersion: 'v1',
      resources: [
        { name: 'persistentvolumeclaims', kind: 'PersistentVolumeClaim', namespaced: true, verbs: ['get'] },
      ],
    },
    [`/api/v1/namespaces/${claim.metadata.namespace}/persistentvolumeclaims/${claim.metadata.name}`]: claim,
  }
  const server = createServer((request, response) => {
    const answer = lists[new URL(request.url as string, 'http://a').pathname]
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify(answer ?? { kind: 'Status', status: 'Failure', reason: 'NotFound', code: 404 }),
    )
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('no upgrade deletes the claim of an earlier version, with what is in it, unasked', async (t) => {
  if (missing(t, command, 'Helm')) return
  const upgradeWith = async (annotations: object, ...sets: string[]) => {
    const labels = { 'app.kubernetes.io/instance': RELEASE, 'app.kubernetes.io/managed-by': 'Helm' }
    const metadata = { name: `${RELEASE}-rollcall`, namespace: NAMESPACE, labels, annotations }
    const api = await clusterWith(t, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata })
    const args = ['--dry-run=server', `--kube-apiserver=${api}`, '--set=persistence.enabled=true', ...sets]
    return tryTemplate(command as string, [ci('env-only'), ...args])
  }
  const unasked = await upgradeWith({})
  t.equal(unasked.code, 1)
  t.match(unasked.err, /would delete the claim demo-rollcall .* annotate persistentvolumeclaim demo-rollcall/)
  const kept = { 'helm.sh/resource-policy': 'keep' }
  t.match(await upgradeWith(kept), { code: 0, err: '' })
  t.match(await upgradeWith({}, `--set=persistence.existingClaim=${RELEASE}-rollcall`), { code: 1 })
  const goesOn = await upgradeWith(kept, `--set=persistence.existingClaim=${RELEASE}-rollcall`)
  t.match(goesOn, { code: 0, out: new RegExp(`claimName: ${RELEASE}-rollcall\n`) })
})

t.test('a proxy that authenticates stands in front, and nobody gets past it', async (t) => {
  if (missing(t, command, 'Helm')) return
  const inventory = await inventoryServer(t, ['a'])
  const manifests = await template(command as string, [ci('proxy'), `--set=inventoryUrl=${inventory.url}`])
  const [main, proxy] = workload(manifests).spec.template.spec.containers
  const address = main.args.find((arg: string) => arg.startsWith('--web.listen-address='))
  t.equal(address, '--web.listen-address=127.0.0.1:8080')
  t.ok(proxy.args.includes('--upstream=http://127.0.0.1:8080/'))
  for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
    t.match(main[probe].httpGet, { path: /^\/-\//, port: 'proxy', scheme: 'HTTPS' })
  const { ports } = only(manifests, 'Service').spec
  t.match(ports, [{ name: 'http', targetPort: 'proxy', appProtocol: 'https' }, { name: 'proxy-metrics' }])
  t.match(only(manifests, 'NetworkPolicy').spec.ingress[0].ports, [{ port: 'proxy' }, { port: 9443 }])
  t.equal(only(manifests, 'ServiceMonitor').spec.endpoints[0].scheme, 'https')
  t.match(only(manifests, 'ScrapeConfig').spec.httpSDConfigs[0].url, /^https:/)
  t.match(only(manifests, 'Pod').spec.containers[0].args[1], /^https:.*\/-\/ready$/)

  // As the proxy does it: only what it takes gets through, to the loopback interface.
  const port = await freePort()
  const { url } = await start(t, [...flags(main), `--web.listen-address=127.0.0.1:${port}`], variables(main))
  t.equal(url, `http://127.0.0.1:${port}`)
  const front = createServer(async (request, response) => {
    const isFree = request.url?.startsWith('/-/')
    if (!isFree && request.headers.authorization !== 'Bearer prometheus') return response.writeHead(401).end()
    const answer = await fetch(url + request.url, { headers: { accept: String(request.headers.accept) } })
    return response.writeHead(answer.status).end(await answer.text())
  })
  await new Promise<void>((resolve) => void front.listen(0, '127.0.0.1', resolve))
  t.teardown(() => front.close())
  const asked = `http://127.0.0.1:${(front.address() as AddressInfo).port}`
  await until('it is ready', async () => (await fetch(asked + main.readinessProbe.httpGet.path)).ok)
  t.equal((await fetch(`${asked}/targets`)).status, 401)
  const targets = await fetch(`${asked}/targets`, { headers: { authorization: 'Bearer prometheus' } })
  t.match(await targets.json(), [{ targets: ['a:9100'] }])
})

/** What `helm install` would print. */
async function notes(...args: string[]): Promise<string> {
  const probe = `kind: Notes\nmetadata: {name: notes}\ntext: |2\n  {{- include "rollcall.notes" . | nindent 4 }}\n`
  const manifests = await template(command as string, [...args, `--set-literal=extraManifests[0]=${probe}`])
  return only(manifests, 'Notes').text
}

t.test('the notes say how Prometheus finds Rollcall, in words that Prometheus understands', async (t) => {
  if (missing(t, command, 'Helm') || missing(t, promtools[0]?.command, 'promtool')) return
  const text = await notes('--set=inventoryUrl=http://a,service.port=81,scrapeConfig.source=sensors')
  const snippet = /^ *scrape_configs:\n.*?(?=\n\s*\n)/ms.exec(text)?.[0] ?? ''
  const [sensors, rollcall] = parse(snippet).scrape_configs
  t.equal(sensors.http_sd_configs[0].url, `http://${RELEASE}-rollcall.${NAMESPACE}.svc:81/targets/sensors`)
  t.same([sensors.job_name, rollcall.job_name], [`${NAMESPACE}/${RELEASE}-rollcall`, `${RELEASE}-rollcall`])
  await assertValid(t, parse(snippet))
  t.equal(rollcall.kubernetes_sd_configs[0].role, 'endpointslice')
  t.notMatch(text, 'NOT CONFIGURED')
  t.match(await notes(), 'NOT CONFIGURED')
  t.match(await notes(ci('valkey')), 'WITHOUT A DISK')
  t.notMatch(text, 'Valkey')
  t.match(await notes(ci('operator')), `ScrapeConfig ${NAMESPACE}/${RELEASE}-rollcall`)
})

async function assertValid(t: Test, config: { scrape_configs: object[] }): Promise<void> {
  const path = join(t.testdir(), 'prometheus.yml')
  for (const promtool of promtools) {
    writeFileSync(path, stringify(config))
    let fault = await checkConfig(promtool, path)
    // Debian leaves the discovery of Kubernetes out of its Prometheus; the rest has to be right for it too.
    if (fault?.includes('field kubernetes_sd_configs not found')) {
      const others = config.scrape_configs.map((one) => ({ ...one, kubernetes_sd_configs: undefined }))
      writeFileSync(path, stringify({ ...config, scrape_configs: others }))
      fault = await checkConfig(promtool, path)
    }
    t.equal(fault, undefined, promtool.command)
  }
}

t.test('the ScrapeConfig says what http_sd_configs would say', async (t) => {
  if (missing(t, command, 'Helm') || missing(t, promtools[0]?.command, 'promtool')) return
  const { metadata, spec } = only(await template(command as string, [ci('operator')]), 'ScrapeConfig')
  t.equal(metadata.labels.release, 'kube-prometheus-stack')
  t.same(Object.keys(spec).sort(), ['httpSDConfigs', 'jobName', 'relabelings', 'scrapeInterval'])
  const [{ url, refreshInterval }] = spec.httpSDConfigs
  t.equal(url, `http://${RELEASE}-rollcall.${NAMESPACE}.svc:8080/targets/inventory`)
  const [{ sourceLabels, targetLabel }] = spec.relabelings
  await assertValid(t, {
    scrape_configs: [
      {
        job_name: spec.jobName,
        scrape_interval: spec.scrapeInterval,
        http_sd_configs: [{ url, refresh_interval: refreshInterval }],
        relabel_configs: [{ source_labels: sourceLabels, target_label: targetLabel }],
      },
    ],
  })
})

/** The rules of a release with these values, in a file. */
async function rulesFile(t: Test, release: string, namespace: string, ...args: string[]): Promise<string> {
  const values = [FOR_KUBERNETES, '--set=prometheusRule.enabled=true,inventoryUrl=http://a', ...args]
  const { out } = await helm(command as string, [
    'template',
    release,
    CHART,
    `--namespace=${namespace}`,
    ...values,
  ])
  const manifests = parseAllDocuments(out).map((document) => document.toJS())
  const path = join(mkdtempSync(join(tmpdir(), 'rollcall-rules-')), 'rules.yml')
  t.teardown(() => rmSync(dirname(path), { recursive: true }))
  writeFileSync(path, stringify(manifests.find((one) => one?.kind === 'PrometheusRule').spec))
  return path
}

t.test('any number of releases live in one cluster, each with its own alerts', async (t) => {
  if (missing(t, command, 'Helm') || missing(t, promtools[0]?.command, 'promtool')) return
  const rules = await Promise.all(
    [
      ['a', 'edge'],
      ['a', 'stores'],
      ['b', 'edge'],
    ].map(([namespace, release]) => rulesFile(t, release as string, namespace as string)),
  )
  const of = (namespace: string, name: string, more = '') =>
    `{namespace="${namespace}", job="${name}-rollcall", service="${name}-rollcall", instance="${namespace}-${name}:8080"${more}}`
  const device = (job: string, number: number) => `up{job="${job}-rollcall", instance="${number}:9100"}`
  const series: Record<string, string> = {
    // Was there, and vanishes with all that it had.
    [`rollcall_build_info${of('b', 'edge')}`]: '1x10 _x200',
    // Has a source that fails, and half of its devices are down.
    [`rollcall_build_info${of('a', 'edge')}`]: '1x210',
    [`rollcall_source_stale${of('a', 'edge', ', source="s"')}`]: '0x10 1x200',
    [`rollcall_source_last_success_timestamp_seconds${of('a', 'edge', ', source="s"')}`]: '0+60x10 600x200',
    [`rollcall_source_refresh_interval_seconds${of('a', 'edge', ', source="s"')}`]: '30x210',
    [`rollcall_http_requests_total${of('a', 'edge', ', route="/targets", method="GET", code="200"')}`]:
      '0+6x210',
    // Is well.
    [`rollcall_build_info${of('a', 'stores')}`]: '1x210',
    [`rollcall_source_stale${of('a', 'stores', ', source="s"')}`]: '0x210',
    [`rollcall_source_last_success_timestamp_seconds${of('a', 'stores', ', source="s"')}`]: '0+60x210',
    [`rollcall_source_refresh_interval_seconds${of('a', 'stores', ', source="s"')}`]: '30x210',
    [`rollcall_http_requests_total${of('a', 'stores', ', route="/targets", method="GET", code="200"')}`]:
      '0+6x210',
  }
  for (let number = 0; number < 6; number++) {
    series[device('a/edge', number)] = number < 3 ? '1x10 0x200' : '1x210'
    for (const job of ['a/stores', 'b/edge']) series[device(job, number)] = '1x210'
  }
  const fired: Labels[] = []
  for (const { command: promtool } of promtools) {
    const found = (await firingAlerts(promtool, rules, series, [60])).get(60) ?? []
    const told = found.map(({ alertname, namespace, rollcall, job }) =>
      [alertname, namespace, rollcall, job].join(' '),
    )
    t.same(told.sort(), [
      ...Array(3).fill('RollcallDeviceDown a a/edge-rollcall a/edge-rollcall'),
      'RollcallDown b b/edge-rollcall edge-rollcall',
      'RollcallManyDevicesDown a a/edge-rollcall a/edge-rollcall',
      'RollcallSourceFailing a a/edge-rollcall edge-rollcall',
    ])
    fired.splice(0, fired.length, ...found)
  }
  const binary = findAlertmanager()
  if (missing(t, binary, 'Alertmanager')) return
  const inhibitions = await Promise.all(['a', 'b'].map(inhibitionsOf))
  const alertmanager = await startAlertmanager(t, binary as string, inhibitions.flat())
  await alertmanager.send(fired)
  await alertmanager.settle()
  t.same(
    alertmanager.notifications.map(({ alerts }) => alerts[0]?.labels.alertname).sort(),
    ['RollcallDown', 'RollcallManyDevicesDown', 'RollcallSourceFailing'],
    'one message for each outage',
  )
})

/** The inhibitions of a release's AlertmanagerConfig, as the operator writes them: for alerts of the namespace only. */
async function inhibitionsOf(namespace: string): Promise<object[]> {
  const manifests = await template(command as string, [
    ci('operator'),
    `--set=namespaceOverride=${namespace}`,
  ])
  const { metadata, spec } = only(manifests, 'AlertmanagerConfig')
  const written = (matchers: Manifest[]) => [
    ...matchers.map(({ name, matchType, value }) => `${name} ${matchType} "${value}"`),
    `namespace = "${metadata.namespace}"`,
  ]
  return spec.inhibitRules.map(({ sourceMatch, targetMatch, equal }: Manifest) => ({
    source_matchers: written(sourceMatch),
    target_matchers: written(targetMatch),
    equal,
  }))
}

t.test('the AlertmanagerConfig has the shipped inhibitions, and the route of the values', async (t) => {
  if (missing(t, command, 'Helm')) return
  const shipped = parse(readFileSync(ALERTMANAGER_CONFIG, 'utf8')).inhibit_rules
  const own = `namespace = "${NAMESPACE}"`
  t.same(
    await inhibitionsOf(NAMESPACE),
    shipped.map(({ source_matchers, target_matchers, equal }: Manifest) => ({
      source_matchers: [...source_matchers, own],
      target_matchers: [...target_matchers, own],
      equal,
    })),
  )
  const { metadata, spec } = only(await template(command as string, [ci('operator')]), 'AlertmanagerConfig')
  t.equal(metadata.labels.release, 'kube-prometheus-stack')
  t.match(spec, { route: { receiver: 'edge' }, receivers: [{ name: 'edge' }, { name: 'edge-tickets' }] })
})

t.test('groups of rules can be left out, thresholds set, and the metrics found otherwise', async (t) => {
  if (missing(t, command, 'Helm') || missing(t, promtools[0]?.command, 'promtool')) return
  const read = async (...args: string[]) => {
    const path = await rulesFile(t, 'edge', 'a', ...args)
    await execute(promtools[0]?.command as string, ['check', 'rules', '--lint-fatal', path])
    return parse(readFileSync(path, 'utf8')).groups as Manifest[]
  }
  const plain = await read()
  t.ok(plain.length >= 9)
  const fewer = await read('--set=prometheusRule.disabledGroups={rollcall-devices,rollcall-fleet}')
  t.same(
    plain.filter(({ name }) => !fewer.some((group) => group.name === name)).map(({ name }) => name),
    ['rollcall-devices', 'rollcall-fleet'],
  )
  const thresholds = {
    deviceDisk: 0.8,
    deviceDiskNearlyFull: 0.9,
    devicesDown: 0.5,
    sourceStaleSeconds: 10800,
    errorBudget: 0.01,
  }
  const set = await read(`--set-json=prometheusRule.thresholds=${JSON.stringify(thresholds)}`)
  const exprs = (groups: Manifest[], alert: string): string[] =>
    groups.flatMap(({ rules }) =>
      rules.filter((rule: Manifest) => rule.alert === alert).map(({ expr }: Manifest) => expr),
    )
  const ends = exprs(set, 'RollcallDeviceDiskSpaceLow').map((expr) => expr.split(' > ')[1])
  t.same(ends, ['0.8', '0.9'])
  t.match(exprs(set, 'RollcallManyDevicesDown')[0], '> 0.5)')
  t.match(exprs(set, 'RollcallSourceStale')[0], ', 10800)')
  t.match(exprs(set, 'RollcallTargetsErrorBudgetBurn')[0], '> 14.4 * 0.01 ')
  t.match(exprs(set, 'RollcallDeviceCpuBusy')[0], /> 0\.9$/)
  const own = JSON.stringify(await read('--set-string=prometheusRule.selector=app="x"'))
  t.match(own, 'rollcall_build_info{app=\\"x\\"}')
  t.notMatch(own, 'namespace=\\"a\\"')
  const unscoped = plain.flatMap(({ rules }) =>
    rules.flatMap(({ expr }: Manifest) =>
      selectorsOf(expr).filter(({ metric, matchers }) => {
        if (!/rollcall_|^node_|^up$/.test(metric) || expr.includes('(up == 0')) return false
        return !['job="edge-rollcall"', 'job="a/edge-rollcall"'].some((one) => matchers.includes(one))
      }),
    ),
  )
  t.same(unscoped, [], 'no metric is read of all releases')
})

t.test('rules and dashboards are the shipped ones, for the jobs as the chart calls them', async (t) => {
  if (missing(t, command, 'Helm') || missing(t, promtools[0]?.command, 'promtool')) return
  const manifests = await template(command as string, [ci('operator')])
  const { metadata, spec } = only(manifests, 'PrometheusRule')
  t.equal(metadata.labels.release, 'kube-prometheus-stack')
  const path = join(t.testdir(), 'rules.yml')
  writeFileSync(path, stringify(spec))
  await execute(promtools[0]?.command as string, ['check', 'rules', '--lint-fatal', path])
  const rules = spec.groups.flatMap((group: Manifest) => group.rules)
  const alerts = rules.filter((rule: Manifest) => 'alert' in rule)
  const names = alerts.map((rule: Manifest) => rule.alert)
  t.ok(names.length > 10)
  t.ok(names.includes('NoSensors'))
  t.notOk(names.includes('RollcallNotPolled'), 'what is disabled is left out')
  for (const { alert, labels } of alerts) if (alert !== 'NoSensors') t.equal(labels.team, 'edge', alert)
  const text = JSON.stringify(rules)
  t.match(text, 'up{job=\\"devices\\"}')
  t.notMatch(text, 'job=\\"sensors\\"')
  const shipped = parse(readFileSync('prometheus/rules/discovery.yml', 'utf8')).groups
  t.ok(
    text.includes(JSON.stringify(shipped[0].rules[0].annotations.summary)),
    'templates of Prometheus stay as they are',
  )
  const dashboards = every(manifests, 'ConfigMap')
  t.ok(dashboards.length >= 2)
  for (const { metadata, data } of dashboards) {
    t.match(metadata, {
      namespace: 'grafana',
      labels: { grafana_dashboard: '1', team: 'edge' },
      annotations: { grafana_folder: 'Rollcall' },
    })
    const [[file, json]] = Object.entries(data) as [[string, string]]
    const shipped = readFileSync(`prometheus/dashboards/${file}`, 'utf8')
    t.same(JSON.parse(json), JSON.parse(shipped.replaceAll('["sensors"]', '["devices"]')))
  }
})
