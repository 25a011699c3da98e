import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { LOG_FORMATS, LOG_LEVELS } from '../../src/base/logger.ts'
import { ICON } from '../../src/ui/style.ts'
import { CHART, chartFiles, copiedFiles, readValues } from '../helpers/chart-files.ts'
import { tryTemplate } from '../helpers/helm.ts'
import { RULE_FILES, rulesOf } from '../helpers/rules.ts'
import { findHelm, missing } from '../helpers/tools.ts'

const command = findHelm()

t.test('the files that are made from others are up to date; npm run docs writes them', async (t) => {
  const files = chartFiles()
  for (const [path, text] of files) t.equal(readFileSync(path, 'utf8'), text, path)
  t.same(
    copiedFiles().filter((path) => !files.has(path)),
    [],
    'no copy of what is gone',
  )
  t.ok(copiedFiles().length >= 2)
})

t.test('every value is explained, and is in the schema', async (t) => {
  const values = readValues()
  t.ok(values.length > 100)
  t.same(
    values.filter(({ isSection, description }) => !isSection && description === ''),
    [],
  )
  const schema = JSON.parse(readFileSync(`${CHART}/values.schema.json`, 'utf8'))
  const tops = Object.keys(schema.properties).filter((name) => name !== 'enabled')
  t.same(tops, [...new Set(values.map(({ path }) => path.split('.')[0]))])
})

t.test(
  'every threshold and every group of the shipped rules can be set, and its default is what is shipped',
  async (t) => {
    const { thresholds } = parse(readFileSync(`${CHART}/values.yaml`, 'utf8')).prometheusRule
    const text = readFileSync('prometheus/thresholds.yml', 'utf8')
    const places = parse(text) as Record<string, { alert: string; after: string; value: string }>
    t.same(
      thresholds,
      Object.fromEntries(Object.entries(places).map(([name, { value }]) => [name, Number(value)])),
    )
    const schema = JSON.parse(readFileSync(`${CHART}/values.schema.json`, 'utf8'))
    const { properties } = schema.properties.prometheusRule
    t.same(Object.keys(properties.thresholds.properties), Object.keys(thresholds))
    const groups = RULE_FILES.flatMap((file) => parse(readFileSync(file, 'utf8')).groups)
    t.same(
      properties.disabledGroups.items.enum,
      groups.map(({ name }: { name: string }) => name),
    )
    for (const [name, { alert, after, value }] of Object.entries(places)) {
      const found = RULE_FILES.flatMap(rulesOf).filter(
        (rule) => rule.alert === alert && rule.expr.includes(after + value),
      )
      t.ok(found.length > 0, name)
    }
  },
)

t.test('the chart says what the program says', async (t) => {
  const chart = parse(readFileSync(`${CHART}/Chart.yaml`, 'utf8'))
  const { version, license } = JSON.parse(readFileSync('package.json', 'utf8'))
  t.same([chart.version, chart.appVersion], [version, version])
  t.equal(chart.annotations['artifacthub.io/license'], license)
  const [image] = parse(chart.annotations['artifacthub.io/images'])
  const values = parse(readFileSync(`${CHART}/values.yaml`, 'utf8'))
  t.equal(image.image, `${values.image.registry}/${values.image.repository}:${version}`)
  const links: { url: string }[] = parse(chart.annotations['artifacthub.io/links'])
  t.ok(links.length > 0)
  for (const url of [chart.icon, ...links.map((link) => link.url)]) {
    const [, path] = /rollcall\/rollcall\/(?:(?:blob|tree)\/)?main\/(.+)$/.exec(url) ?? []
    t.ok(existsSync(String(path)), url)
  }
  t.equal(readFileSync('docs/icon.svg', 'utf8'), ICON, 'npm run docs writes it')
  const { log } = JSON.parse(readFileSync(`${CHART}/values.schema.json`, 'utf8')).properties
  t.same(log.properties.level.enum, LOG_LEVELS)
  t.same([...log.properties.format.enum].sort(), [...LOG_FORMATS].sort())
})

/** Values that are wrong by themselves, and what the schema says of them. */
const WRONG: Record<string, readonly [values: string, message: RegExp]> = {
  'a key that does not exist': ['replicaCount=2', /additional properties 'replicaCount' not allowed/],
  'a number as text': ['replicas=two', /at '\/replicas': got string, want (null or integer|integer or null)/],
  'a port out of range': ['service.port=70000', /at '\/service\/port': maximum: got 70,?000, want 65,?535/],
  'a port that needs rights': ['containerPort=80', /at '\/containerPort': minimum: got 80, want 1,?024/],
  'a level that does not exist': [
    'log.level=loud',
    /at '\/log\/level': value must be one of 'debug', 'info'/,
  ],
  'a boolean as text': ['web.enableLifecycle="yes"', /at '\/web\/enableLifecycle': got string, want boolean/],
  'a URL without scheme': [
    'inventoryUrl=inventory:1337',
    /at '\/inventoryUrl': 'inventory:1337' does not match/,
  ],
  'a duration without unit': [
    'inventory.updateInterval="30"',
    /at '\/inventory\/updateInterval': '30' does not match/,
  ],
  'a label with a comma': [
    'inventory.targetLabels.team="a,b"',
    /at '\/inventory\/targetLabels\/team': 'a,b' does not match/,
  ],
  'a size without number': ['persistence.size=big', /at '\/persistence\/size': 'big' does not match/],
  'an access mode that cannot be written': [
    'persistence.accessModes={ReadOnlyMany}',
    /at '\/persistence\/accessModes\/0': value must be one of 'ReadWriteOnce'/,
  ],
  'a store with a password for all to see': [
    'cluster.url=redis://:hunter2@valkey',
    /at '\/cluster\/url': 'redis:.*' does not match/,
  ],
  'a history of 30 of nothing': [
    'history.retention.time="30"',
    /at '\/history\/retention\/time': '30' does not match/,
  ],
  'a size as Kubernetes writes it': [
    'history.retention.size=64Mi',
    /at '\/history\/retention\/size': '64Mi' does not match/,
  ],
  'a Prometheus that is nowhere': ['prometheus[0].name=a', /at '\/prometheus\/0': missing property 'url'/],
  'a threshold that does not exist': [
    'prometheusRule.thresholds.deviceHeat=1',
    /at '\/prometheusRule\/thresholds': additional properties 'deviceHeat' not allowed/,
  ],
  'a share of more than all': [
    'prometheusRule.thresholds.deviceCpu=90',
    /at '\/prometheusRule\/thresholds\/deviceCpu': exclusiveMaximum: got 90, want 1/,
  ],
  'a group of rules that does not exist': [
    'prometheusRule.disabledGroups={devices}',
    /at '\/prometheusRule\/disabledGroups\/0': value must be one of 'rollcall-cluster'/,
  ],
  'an address that is a name': [
    'web.listenAddress=proxy',
    /at '\/web\/listenAddress': 'proxy' does not match/,
  ],
  'a port of the Service without a name': [
    'service.extraPorts[0].port=80',
    /at '\/service\/extraPorts\/0': missing property 'name'/,
  ],
  'backups of which none is kept': ['backup.keep=0', /at '\/backup\/keep': minimum: got 0, want 1/],
  'an Ingress without host': ['ingress.enabled=true', /at '\/ingress\/hosts': minItems: got 0, want 1/],
  'a route without Gateway': [
    'route.main.enabled=true',
    /at '\/route\/main\/parentRefs': minItems: got 0, want 1/,
  ],
  'a digest that is none': ['image.digest=sha256:abc', /at '\/image\/digest': 'sha256:abc' does not match/],
  'a variable without name': ['extraEnv[0].value=a', /at '\/extraEnv\/0': missing property 'name'/],
  'a wrong key in the configuration': [
    'config.sources[0].name=a,config.sources[0].http.uri=http://a',
    /at '\/config\/sources\/0\/http': additional properties 'uri' not allowed/,
  ],
}

/** A configuration that is right, and a cluster. */
const CONFIG = 'config.sources[0].name=a,config.sources[0].http.url=http://a'
const CLUSTER = `cluster.enabled=true,cluster.url=redis://a,cluster.signingKeySecret.name=a,${CONFIG}`

/** Values that are right alone but wrong together, or only without others, and what Helm says of them. */
const CONTRARY: Record<string, readonly [values: string, message: RegExp]> = {
  'a configuration without sources': [
    'config.global.timeout=1s',
    /at '\/config': missing property 'sources'/,
  ],
  'two inventories': [
    'inventoryUrl=http://a,existingSecret=b',
    /inventoryUrl and existingSecret: each says what is discovered; keep one of them/,
  ],
  'a password for all to see': [
    'inventoryUrl=http://user:hunter2@inventory',
    /inventoryUrl: has a user or a password.*put the whole URL into a Secret/,
  ],
  'a secret of nothing': ['configAsSecret=true', /configAsSecret: there is no config to put into a Secret/],
  'an inventory beside a file': [
    'existingSecret=a,inventory.metricsPort=9256',
    /inventory\.metricsPort: has no effect with existingSecret/,
  ],
  'a flag of the chart': [
    'extraArgs={--storage.path=/tmp}',
    /extraArgs: --storage\.path is set by the chart; use persistence/,
  ],
  'a variable of the chart': [
    'extraEnv[0].name=METRICS_PORT',
    /extraEnv: METRICS_PORT is set by the chart; use inventory\.metricsPort/,
  ],
  'backups of a server that makes none': [
    'backup.enabled=true',
    /backup\.enabled: without web\.enableLifecycle/,
  ],
  'a drain that never ends': [
    'web.drainDelaySeconds=30',
    /web\.drainDelaySeconds: 30 is not less than web\.shutdownTimeoutSeconds \(30\)/,
  ],
  'too little time to stop': [
    'terminationGracePeriodSeconds=30',
    /terminationGracePeriodSeconds: 30 is less than preStopSleepSeconds \+ web\.shutdownTimeoutSeconds \(35\)/,
  ],
  'two replicas with one folder': [
    'persistence.enabled=true,persistence.existingClaim=a,replicas=2',
    /replicas: 2, but with persistence\.existingClaim only one process/,
  ],
  'scaling with one folder': [
    'persistence.enabled=true,persistence.existingClaim=a,autoscaling.enabled=true',
    /autoscaling\.enabled: with persistence\.existingClaim only one/,
  ],
  'a strategy of a Deployment for a StatefulSet': [
    'persistence.enabled=true,strategy.type=Recreate',
    /strategy\.type: Recreate is for a Deployment/,
  ],
  'a strategy of a StatefulSet for a Deployment': [
    'strategy.type=OnDelete',
    /strategy\.type: OnDelete is for a StatefulSet/,
  ],
  'a server that nobody reaches': [
    'web.listenAddress=127.0.0.1',
    /web\.listenAddress: nobody outside of the pod reaches it; set service\.targetPort/,
  ],
  'a probe that reaches nothing': [
    'web.listenAddress=127.0.0.1,service.targetPort=proxy,startupProbe=null,livenessProbe=null',
    /readinessProbe\.httpGet\.port: Kubernetes does not reach web\.listenAddress/,
  ],
  'a budget that blocks every drain': [
    'podDisruptionBudget.maxUnavailable=null,podDisruptionBudget.minAvailable=2',
    /podDisruptionBudget\.minAvailable: 2 of 2 replicas means that no node/,
  ],
  'a budget of two minds': [
    'podDisruptionBudget.minAvailable=1',
    /takes one of maxUnavailable and minAvailable/,
  ],
  'less than the least': [
    'autoscaling.enabled=true,autoscaling.minReplicas=9',
    /autoscaling\.minReplicas: 9 is more than maxReplicas \(4\)/,
  ],
  'a percentage of nothing': [
    'autoscaling.enabled=true,resources=null',
    /autoscaling\.targetCPUUtilizationPercentage: is a percentage of resources\.requests\.cpu, which is not there/,
  ],
  'nothing to scale by': [
    'autoscaling.enabled=true,autoscaling.targetCPUUtilizationPercentage=null',
    /autoscaling: has nothing to scale by/,
  ],
  'devices that register with one of two replicas': [
    'inventoryUrl=,config.sources[0].name=edge,config.sources[0].push.token_file=/a',
    /config\.sources: devices register with edge, and each replica would know only those .*; set cluster\.enabled: true .* or replicas: 1 with persistence\.enabled: true/,
  ],
  'a cluster without a place': [
    `${CLUSTER},cluster.url=`,
    /cluster\.enabled: does not set where the store is; set cluster\.url, cluster\.redis, or/,
  ],
  'a cluster in two places': [
    `${CLUSTER},valkey.enabled=true`,
    /cluster\.url and valkey\.enabled: each says where the store is/,
  ],
  'a cluster that is not signed': [
    `${CLUSTER},cluster.signingKeySecret.name=`,
    /cluster\.signingKeySecret\.name: without a key .*kubectl create secret/,
  ],
  'a cluster without a file': [
    `${CLUSTER},config=null,inventoryUrl=http://a`,
    /cluster\.enabled: is written into config, which is not there/,
  ],
  'a cluster twice': [
    `${CLUSTER},config.cluster.signing_key_file=/a,config.cluster.redis.url=redis://a`,
    /config\.cluster: is there already, beside cluster\.enabled/,
  ],
  'a text to which nothing can be added': [
    `${CLUSTER},config="{sources: []}"`,
    /config: nothing can be added to this text/,
  ],
  'a flag of the history': [
    'extraArgs={--storage.history.retention.time=1d}',
    /extraArgs: --storage\.history\.retention\.time is set by the chart; use history\.retention\.time/,
  ],
  'a Prometheus without a file': [
    'inventoryUrl=http://a,prometheus[0].url=http://p',
    /prometheus: is written into config, which is not there/,
  ],
  'a Prometheus twice': [
    `${CONFIG},prometheus[0].url=http://p,config.prometheus[0].url=http://p`,
    /config\.prometheus: is there already, beside prometheus/,
  ],
  'a text that takes no Prometheus': [
    'config="{sources: []}",prometheus[0].url=http://p',
    /config: nothing can be added to this text/,
  ],
  'a Prometheus with a password for all to see': [
    `${CONFIG},prometheus[0].url=http://user:hunter2@p`,
    /prometheus: a url has a user or a password.*basic_auth/,
  ],
  'a user without a password': [
    `${CLUSTER},cluster.username=a`,
    /cluster\.passwordSecret\.name: .* need a password/,
  ],
  'an authority for nothing': [
    `${CLUSTER},cluster.caSecret.name=a`,
    /cluster\.caSecret and cluster\.tlsConfig: have no effect without TLS; write rediss:/,
  ],
  'a Valkey that nobody uses': [
    'valkey.enabled=true',
    /valkey\.enabled: nothing uses it without cluster\.enabled/,
  ],
}

t.test('the schema refuses all that is wrong, and says where and what is right', async (t) => {
  if (missing(t, command, 'Helm')) return
  t.ok(Object.keys(WRONG).length >= 10)
  // Helm tells everything at once.
  const all = Object.values(WRONG).flatMap(([values]) => flags(values))
  const { code, out, err } = await tryTemplate(command as string, all)
  t.same([code, out.trim()], [1, ''])
  for (const [name, [values, message]] of Object.entries(WRONG)) t.match(err, message, `${name}: ${values}`)
})

for (const [name, [values, message]] of Object.entries(CONTRARY)) {
  t.test(`${name} is refused: ${values.replace(/:\w+@/, ':…@')}`, async (t) => {
    if (missing(t, command, 'Helm')) return
    const { code, out, err } = await tryTemplate(command as string, flags(values))
    t.same([code, out.trim()], [1, ''])
    t.match(err, message)
    t.notMatch(err, 'hunter2')
  })
}

/** Quotes keep a number, a boolean or a comma a text. */
function flags(values: string): string[] {
  return values.split(/,(?=[a-z]+[.=[A-Z])/).map((one) => {
    const quoted = /="(.*)"$/.exec(one)?.[1]
    return quoted === undefined ? `--set=${one}` : `--set-literal=${one.replace(/=.*/, '')}=${quoted}`
  })
}
