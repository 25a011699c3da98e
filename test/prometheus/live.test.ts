import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { DEVICES, FLEET_SIZE } from '../../src/demo/size.ts'
import { start } from '../helpers/cli.ts'
import { DASHBOARDS, queriesOf } from '../helpers/dashboards.ts'
import {
  cannotTest,
  PROMETHEUS_VERSIONS,
  type Prometheus,
  shippedConfig,
  startPrometheus,
} from '../helpers/prometheus.ts'
import { selectorsOf } from '../helpers/promql.ts'
import { noRedis, startRedis } from '../helpers/redis-server.ts'
import { RULE_FILES, rulesOf } from '../helpers/rules.ts'
import { until } from '../helpers/until.ts'

const RULES = RULE_FILES.flatMap(rulesOf)

/** What the variables of a dashboard stand for, with everything chosen. */
const CHOSEN: Readonly<Record<string, Record<string, string>>> = {
  'rollcall-devices': {
    $cluster: '.*',
    $job: 'sensors',
    $site: '.*',
    $instance: '.+',
    $__rate_interval: '4s',
  },
  'rollcall-discovery': {
    $cluster: '.*',
    $namespace: '.*',
    $job: 'rollcall|registrar',
    $instance: '.+',
    $__rate_interval: '4s',
  },
  'rollcall-fleet': { $cluster: '.*', $job: 'sensors', $instance: '.+', $by: 'site' },
}

function choose(uid: string, text: string): string {
  const values = Object.entries(CHOSEN[uid] as Record<string, string>)
  return values.reduce((chosen, [name, value]) => chosen.replaceAll(name, value), text)
}

/** What a process tells of itself. */
async function metricsOf({ url }: { readonly url: string }): Promise<string> {
  return (await fetch(`${url}/metrics`)).text()
}

/** What the API answers. */
async function api<Data>(prometheus: Prometheus, path: string): Promise<Data> {
  const answer = (await (await fetch(`${prometheus.url}/api/v1/${path}`)).json()) as { data: Data }
  return answer.data
}

/** Whether a query has a value that is a number, for one series at least. */
async function hasData(prometheus: Prometheus, expression: string): Promise<boolean> {
  const path = `query?query=${encodeURIComponent(expression)}`
  const { result } = await api<{ result: { value: [number, string] }[] }>(prometheus, path)
  return result.some(({ value }) => value[1] !== 'NaN')
}

/**
 * A Rollcall with which devices register, one of a cluster; it waits for them only as long as one of its registrations
 * lasts. It asks Prometheus servers what they make of them.
 */
const registrarConfig = (redisPort: number, servers: readonly string[] = []) => `
sources:
  - name: devices
    push: { insecure_skip_authentication: true, ttl: 3s }
cluster:
  redis: { url: "redis://127.0.0.1:${redisPort}" }
  signing_key_file: roll-key
prometheus: [${servers.map((url) => `{ url: "${url}", interval: 1s }`).join(', ')}]
`

/** A device: its agent registers, and has been asked for the analysis of a payload. */
async function startDevice(t: Test, registrar: string) {
  const register = [`--register.url=${registrar}/api/v1/sources/devices`, '--register.labels=site=lab']
  const device = await start(t, ['sensor', ...register], {}, /"url":"([^"]+)".*"msg":"serving metrics"/)
  const headers = { 'content-type': 'application/json' }
  const payload = { method: 'POST', headers, body: '{"numbers":[1,2,3]}' }
  t.equal((await fetch(`${device.url}/payload`, payload)).status, 200)
  return device
}

/** The shipped rules by file name, as often evaluated as a test can wait for. */
function hastyRules(): Record<string, string> {
  const hasty = (file: string) => readFileSync(file, 'utf8').replaceAll('interval: 1m', 'interval: 1s')
  return Object.fromEntries(RULE_FILES.map((file) => [basename(file), hasty(file)]))
}

/** These judge the machine that runs the tests, which may well be busy. */
const OF_THE_MACHINE = /^RollcallDevice(Cpu|Memory|Disk)/

/** The metrics that rules and panels name: those that Rollcall has to expose, and those that Prometheus makes. */
function namedMetrics(): { ours: string[]; others: string[] } {
  const queries = DASHBOARDS.flatMap((dashboard) => queriesOf(dashboard))
  const named = [...RULES, ...queries].flatMap(({ expr }) => selectorsOf(expr).map(({ metric }) => metric))
  const isOurs = (metric: string) => /^(rollcall|nodejs|process)_/.test(metric)
  const unique = [...new Set(named)]
  return { ours: unique.filter(isOurs), others: unique.filter((metric) => !isOurs(metric)) }
}

/** A rule, as the API of Prometheus lists it. */
interface Health {
  readonly name: string
  readonly health: string
  readonly lastError?: string
}

t.test('the demo and a device, with the shipped rules and dashboards', async (t) => {
  if (noRedis(t)) return
  const redis = await startRedis(t)
  const demo = await start(t, ['demo', '--demo.listen-address=127.0.0.1:0'], { UPDATE_INTERVAL: '0.5' })
  const folder = t.testdir({
    'rollcall.yml': registrarConfig(redis.port),
    'roll-key': 'what all replicas know',
    'ways.yml': `sources: [{ name: ways, http_sd: { urls: ["http://127.0.0.1:1/", "${demo.url}/targets"] } }]`,
    rules: hastyRules(),
  })
  const registrar = await start(t, ['serve', `--config.file=${join(folder, 'rollcall.yml')}`])
  const device = await startDevice(t, registrar.url)
  const ways = await start(t, ['serve', `--config.file=${join(folder, 'ways.yml')}`])
  await until('a standby was read', async () => (await metricsOf(ways)).includes('rollcall_source_standby{'))
  const servers: string[] = []
  // Mostly waiting for scrapes, so they wait together.
  t.jobs = PROMETHEUS_VERSIONS.length

  for (const { name, find } of PROMETHEUS_VERSIONS) {
    t.test(`as ${name} sees it`, async (t) => {
      const binary = find()
      if (cannotTest(t, name, binary)) return
      const config = shippedConfig(demo.url)
        .replace('rules/*.yml', join(folder, 'rules/*.yml'))
        .replace(
          'http_sd_configs:\n',
          `$&      - url: ${registrar.url}/targets\n        refresh_interval: 1s\n`,
        )
        .replace('evaluation_interval: 15s', 'evaluation_interval: 1s')
      const job = `  - job_name: registrar\n    static_configs: [{ targets: ["${new URL(registrar.url).host}"] }]\n`
      const prometheus = await startPrometheus(t, binary as string, config + job)
      servers.push(prometheus.url)
      writeFileSync(join(folder, 'rollcall.yml'), registrarConfig(redis.port, servers))
      registrar.child.kill('SIGHUP')
      await until(
        'every sensor is up',
        async () => (await prometheus.query('sum(up{job="sensors"})')) === FLEET_SIZE + DEVICES + 1,
      )

      for (const dashboard of DASHBOARDS) {
        for (const { panel, expr } of queriesOf(dashboard)) {
          const query = choose(dashboard.uid, expr)
          await until(`${dashboard.title}, ${panel.title}: ${query} has data`, () =>
            hasData(prometheus, query),
          )
          t.pass(`${dashboard.title}, ${panel.title}`)
        }
        for (const { name, definition = 'label_names()' } of dashboard.templating.list) {
          const [, metric, label] =
            /^label_values\((.*), (\w+)\)$/.exec(choose(dashboard.uid, definition)) ?? []
          if (metric === undefined) continue
          t.ok(
            await hasData(prometheus, `count by (${label}) (${metric})`),
            `${dashboard.title}, variable ${name}`,
          )
        }
      }

      const exposed = (await Promise.all([demo, registrar, device, ways].map(metricsOf))).join('')
      const { ours, others } = namedMetrics()
      t.ok(ours.length > 20 && others.length > 10)
      t.same(
        ours.filter((metric) => !new RegExp(`^${metric}[ {]`, 'm').test(exposed)),
        [],
        'every metric that a rule or a panel names is on /metrics',
      )
      await until('every metric of Prometheus itself, or of a rule, is there', async () => {
        const ingested = await api<string[]>(prometheus, 'label/__name__/values')
        const missing = others.filter((metric) => !ingested.includes(metric))
        if (missing.length > 0) throw new Error(missing.join(', '))
        return true
      })

      const evaluated = await until('every rule has been evaluated', async () => {
        const { groups } = await api<{ groups: { rules: Health[] }[] }>(prometheus, 'rules')
        const found = groups.flatMap((group) => group.rules)
        return found.every(({ health }) => health !== 'unknown') && found
      })
      t.equal(evaluated.length, RULES.length)
      for (const rule of evaluated) t.equal(rule.health, 'ok', `${rule.name}: ${rule.lastError ?? 'ok'}`)
      await until('no alert waits or fires', async () => {
        const { alerts } = await api<{ alerts: { labels: { alertname: string } }[] }>(prometheus, 'alerts')
        const raised = alerts.filter(({ labels }) => !OF_THE_MACHINE.test(labels.alertname))
        if (raised.length > 0) throw new Error(JSON.stringify(raised.map(({ labels }) => labels)))
        return true
      })
      t.pass('and no alert waits or fires')
    })
  }
})
