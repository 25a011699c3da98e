import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { CHART } from '../helpers/chart-files.ts'
import {
  every,
  FOR_KUBERNETES,
  helm,
  type Manifest,
  NAMESPACE,
  only,
  pods,
  RELEASE,
  template,
  tryTemplate,
  VALUES_FILES,
  workload,
} from '../helpers/helm.ts'
import { createValidator, KUBERNETES_VERSIONS } from '../helpers/kubernetes.ts'
import { restrictedViolations } from '../helpers/pod-security.ts'
import { findHelm, missing } from '../helpers/tools.ts'

const command = findHelm()
const validators = KUBERNETES_VERSIONS.map((version) => ({ version, validate: createValidator(version) }))
const matches = (labels: Record<string, string>, selector: Record<string, string>) =>
  Object.entries(selector).every(([key, value]) => labels[key] === value)

t.test('there are values of every kind to try', async (t) => {
  t.ok(VALUES_FILES.length >= 7)
  for (const name of [
    'default',
    'env-only',
    'full',
    'persistence',
    'operator',
    'gateway',
    'existing-secret',
  ]) {
    t.ok(VALUES_FILES.includes(`${CHART}/ci/${name}-values.yaml`), name)
  }
})

for (const file of VALUES_FILES) {
  t.test(`${file} makes manifests that Kubernetes takes`, async (t) => {
    if (missing(t, command, 'Helm')) return
    const linted = await helm(command as string, [
      'lint',
      '--strict',
      CHART,
      FOR_KUBERNETES,
      `--values=${file}`,
    ])
    t.equal(linted.code, 0, `helm lint --strict: ${linted.out}${linted.err}`)
    const manifests = await template(command as string, [`--values=${file}`])
    t.ok(manifests.length >= 4)
    for (const { version, validate } of validators) {
      t.same(manifests.flatMap(validate), [], `Kubernetes ${version} knows every field`)
    }
    t.same(manifests.flatMap(badNames), [], 'names and labels are such as Kubernetes allows')
    t.same(twins(manifests), [], 'no manifest is there twice')
    assertSecure(t, manifests)
    const own = manifests.filter((manifest) => !isValkey(manifest))
    assertSelected(t, own)
    assertStops(t, own)
  })
}

/** Every pod is as the restricted standard wants it, and has no token. */
function assertSecure(t: Test, manifests: readonly Manifest[]): void {
  const all = pods(manifests)
  t.ok(all.length >= 2, 'there are the server and the test')
  for (const { name, spec } of all) {
    t.same(restrictedViolations(spec), [], `${name} keeps to the restricted Pod Security Standard`)
    t.equal(spec.automountServiceAccountToken, false, `${name} has no token`)
    const [main] = spec.containers
    t.equal(main.securityContext.readOnlyRootFilesystem, true)
    t.same([spec.securityContext.runAsUser, spec.securityContext.fsGroup], [65532, 65532])
  }
  for (const account of every(manifests, 'ServiceAccount'))
    t.equal(account.automountServiceAccountToken, false)
}

/** Whether it is of the Valkey that the chart brings. */
function isValkey({ metadata }: Manifest): boolean {
  return metadata.labels?.['app.kubernetes.io/component'] === 'valkey'
}

/** Every selector finds the server's pods, and not the test's. */
function assertSelected(t: Test, manifests: readonly Manifest[]): void {
  const deployment = workload(manifests)
  const { labels } = deployment.spec.template.metadata
  const service = only(manifests, 'Service')
  const selectors: [string, Record<string, string>][] = [
    ['workload', deployment.spec.selector.matchLabels],
    ['Service', service.spec.selector],
    ...every(manifests, 'PodDisruptionBudget').map(
      ({ spec }) => ['budget', spec.selector.matchLabels] as never,
    ),
    ...every(manifests, 'NetworkPolicy').map(({ spec }) => ['policy', spec.podSelector.matchLabels] as never),
    ...deployment.spec.template.spec.topologySpreadConstraints.map(
      (constraint: Manifest) => ['spread', constraint.labelSelector.matchLabels] as never,
    ),
  ]
  t.ok(selectors.length >= 5)
  const test = only(manifests, 'Pod')
  for (const [name, selector] of selectors) {
    for (const pod of pods(every(manifests, 'CronJob')))
      t.notOk(matches(pod.metadata.labels, selector), `the selector of ${name} does not find ${pod.name}`)
    t.ok(matches(labels, selector), `the selector of ${name} finds the server`)
    t.notOk(matches(test.metadata.labels, selector), `the selector of ${name} does not find the test`)
  }
  for (const { spec } of every(manifests, 'ServiceMonitor')) {
    t.ok(matches(service.metadata.labels, spec.selector.matchLabels))
    t.same(spec.namespaceSelector.matchNames, [service.metadata.namespace])
    t.ok(service.spec.ports.some(({ name }: Manifest) => name === spec.endpoints[0].port))
    t.notOk('jobLabel' in spec, 'the job is the name of the Service')
  }
  for (const { spec } of every(manifests, 'HorizontalPodAutoscaler')) {
    const { kind, metadata } = deployment
    t.same([spec.scaleTargetRef.kind, spec.scaleTargetRef.name], [kind, metadata.name])
    t.notOk('replicas' in deployment.spec, 'or each upgrade would undo what it scaled')
  }
}

/** A pod is killed only after it had all the time to stop, and none goes before another one is ready. */
function assertStops(t: Test, manifests: readonly Manifest[]): void {
  const { kind, spec } = workload(manifests)
  const { volumes = [], containers, terminationGracePeriodSeconds } = spec.template.spec
  const [{ args, lifecycle, ports, readinessProbe }] = containers
  const flag = (name: string) => Number(args.join('\n').match(new RegExp(`--web\\.${name}=(\\d+)s`))?.[1])
  t.ok(lifecycle.preStop.sleep.seconds > 0)
  t.ok(flag('drain-delay') < flag('shutdown-timeout'))
  t.ok(terminationGracePeriodSeconds > lifecycle.preStop.sleep.seconds + flag('shutdown-timeout'))
  t.equal(readinessProbe.httpGet.path, '/-/ready')
  const [own, ...others] = containers
  const { targetPort } = only(manifests, 'Service').spec.ports[0]
  const listening = targetPort === 'http' ? own : others.find(({ ports }: Manifest) => ports !== undefined)
  t.equal(readinessProbe.httpGet.port, targetPort)
  t.equal(listening.ports[0].name, targetPort)
  t.ok(ports.length === 1)
  if (kind === 'StatefulSet') {
    t.equal(spec.serviceName, only(manifests, 'Service').metadata.name)
    const claims = [
      ...volumes.filter((volume: Manifest) => 'persistentVolumeClaim' in volume),
      ...(spec.volumeClaimTemplates ?? []),
    ]
    t.equal(claims.length, 1, 'each replica has one folder, and no other has it')
  } else {
    t.same(spec.strategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } })
    t.notOk(volumes.some((volume: Manifest) => 'persistentVolumeClaim' in volume))
  }
}

const NAME = /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/
const LABEL = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/
const KEY = /^([a-z0-9]([-.a-z0-9]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/

function badNames({ kind, metadata }: Manifest): string[] {
  const { name, labels = {}, annotations = {} } = metadata
  const texts = Object.entries({ ...labels, ...annotations }).filter(([, value]) => typeof value !== 'string')
  const bad = Object.entries(labels as Record<string, string>).filter(
    ([key, value]) => !KEY.test(key) || !LABEL.test(value) || value.length > 63,
  )
  return [
    ...(NAME.test(name) && name.length <= 63 ? [] : [`${kind}: ${name}`]),
    ...[...texts, ...bad].map(([key, value]) => `${kind} ${name}: ${key}=${value}`),
  ]
}

function twins(manifests: readonly Manifest[]): string[] {
  const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.namespace} ${metadata.name}`)
  return names.filter((name, index) => names.indexOf(name) !== index)
}

t.test('every supported version of Kubernetes is taken; an older one is refused', async (t) => {
  if (missing(t, command, 'Helm')) return
  for (const version of ['v1.30.0', 'v1.31.7-eks-1234567', '1.32.0', '1.33.5-gke.100', '1.36.1']) {
    const deployment = workload(await template(command as string, [`--kube-version=${version}`]))
    t.same(deployment.spec.template.spec.containers[0].lifecycle.preStop, { sleep: { seconds: 5 } }, version)
    for (const { validate } of validators) t.same(validate(deployment), [])
  }
  const { code, err } = await tryTemplate(command as string, ['--kube-version=1.29.15'])
  t.equal(code, 1)
  t.match(err, /requires kubeVersion: >=1\.30/)
})

t.test('long names stay within what Kubernetes allows, and apart', async (t) => {
  if (missing(t, command, 'Helm')) return
  const long = `a${'bcdefghi-'.repeat(6).slice(0, 51)}z`
  const args = [
    `--set=nameOverride=${long}`,
    '--set=dashboards.enabled=true',
    `--values=${CHART}/ci/config-values.yaml`,
  ]
  const manifests = await template(command as string, args)
  t.same(manifests.flatMap(badNames), [])
  t.same(twins(manifests), [])
})

t.test('the same release in other words: what values change is where they say', async (t) => {
  if (missing(t, command, 'Helm')) return
  const full = await template(command as string, [`--values=${CHART}/ci/full-values.yaml`])
  const deployment = workload(full)
  t.same([deployment.metadata.name, deployment.metadata.namespace], ['discovery', 'monitoring'])
  const named = full.filter(({ metadata }) => metadata.labels?.team === 'edge')
  t.equal(named.length, full.length - 2, 'common labels are everywhere but in the extra manifests')
  t.same(
    every(full, 'ConfigMap').filter(({ metadata }) => metadata.name.endsWith('-extra'))[0]?.data,
    { url: 'http://discovery.monitoring.svc:80/targets'.replace('/targets', '') },
    'extra manifests are templates',
  )
  const { image } = deployment.spec.template.spec.containers[0]
  t.match(image, /^registry\.example\.com:5000\/mirror\/rollcall@sha256:[0-9a-f]{64}$/)
  const plain = workload(await template(command as string))
  t.equal(plain.spec.template.spec.containers[0].image, 'ghcr.io/rollcall/rollcall:0.2.0')
  t.equal(plain.metadata.name, `${RELEASE}-rollcall`)
  t.equal(plain.metadata.namespace, NAMESPACE)
  t.equal(plain.spec.replicas, 2)
})

t.test('a network policy lets exactly the asked ones, and the test, reach exactly the port', async (t) => {
  if (missing(t, command, 'Helm')) return
  const manifests = await template(command as string, [`--values=${CHART}/ci/full-values.yaml`])
  const { spec } = only(manifests, 'NetworkPolicy')
  const test = only(manifests, 'Pod')
  t.same(spec.policyTypes, ['Ingress', 'Egress'])
  t.equal(spec.ingress.length, 1)
  t.same(spec.ingress[0].ports, [{ port: 'http', protocol: 'TCP' }])
  const [asked, tested] = spec.ingress[0].from
  t.same(asked, { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } })
  t.ok(matches(test.metadata.labels, tested.podSelector.matchLabels))
  t.same(
    spec.egress.map(({ ports }: Manifest) => ports.map(({ port }: Manifest) => port)),
    [[53, 53], [443]],
  )
  const open = await template(command as string, ['--set=networkPolicy.enabled=true'])
  t.same(only(open, 'NetworkPolicy').spec.policyTypes, ['Ingress'])
  t.same(only(open, 'NetworkPolicy').spec.ingress, [{ ports: [{ port: 'http', protocol: 'TCP' }] }])
})

t.test('the Valkey of the chart is reached by the replicas, and by nobody else', async (t) => {
  if (missing(t, command, 'Helm')) return
  const manifests = await template(command as string, [`--values=${CHART}/ci/valkey-values.yaml`])
  const [valkey, others] = [manifests.filter(isValkey), manifests.filter((one) => !isValkey(one))]
  const server = workload(others).spec.template
  const store = only(valkey, 'Deployment').spec.template
  const { metadata, spec } = only(valkey, 'Service')
  const { redis } = parse(only(others, 'ConfigMap').data['rollcall.yml']).cluster
  t.equal(redis.url, `redis://${metadata.name}.${metadata.namespace}.svc:${spec.ports[0].port}`)
  t.ok(matches(store.metadata.labels, spec.selector))
  t.notOk(matches(server.metadata.labels, spec.selector))
  t.notOk(matches(store.metadata.labels, only(others, 'Service').spec.selector))
  t.ok(store.spec.containers[0].ports.some(({ name }: Manifest) => name === spec.ports[0].targetPort))
  const [{ from }] = only(valkey, 'NetworkPolicy').spec.ingress
  t.equal(from.length, 1)
  t.ok(matches(server.metadata.labels, from[0].podSelector.matchLabels))
  const way = only(others, 'NetworkPolicy').spec.egress.find(
    ({ ports = [] }: Manifest) => ports[0]?.port === 6379,
  )
  t.ok(matches(store.metadata.labels, way.to[0].podSelector.matchLabels))
})

t.test(
  'each replica has a claim of its own, or the one has the named one, where the lists are kept',
  async (t) => {
    if (missing(t, command, 'Helm')) return
    const values = `--values=${CHART}/ci/persistence-values.yaml`
    const made = workload(await template(command as string, [values, '--set=replicas=3']))
    t.equal(made.kind, 'StatefulSet')
    t.equal(made.spec.replicas, 3)
    const [{ metadata, spec }] = made.spec.volumeClaimTemplates
    t.same(spec, {
      accessModes: ['ReadWriteOncePod'],
      resources: { requests: { storage: '512Mi' } },
      storageClassName: '',
    })
    t.equal(metadata.labels.backup, 'false')
    t.notOk('helm.sh/chart' in metadata.labels, 'Kubernetes would refuse the next upgrade')
    const named = workload(
      await template(command as string, ['--set=persistence.enabled=true,persistence.existingClaim=mine']),
    )
    t.notOk('volumeClaimTemplates' in named.spec)
    t.equal(named.spec.replicas, 1)
    t.match(named.spec.template.spec.volumes, [
      { name: 'data', persistentVolumeClaim: { claimName: 'mine' } },
    ])
    for (const { spec } of [made, named]) {
      t.match(spec.template.spec.containers[0].volumeMounts, [{ name: 'data', mountPath: '/data' }])
      t.ok(spec.template.spec.containers[0].args.includes('--storage.path=/data'))
    }
    const scaled = await template(command as string, [values, '--set=autoscaling.enabled=true'])
    t.equal(only(scaled, 'HorizontalPodAutoscaler').spec.scaleTargetRef.kind, 'StatefulSet')
  },
)

t.test('every pod pulls its image with the secrets of global too', async (t) => {
  if (missing(t, command, 'Helm')) return
  const sets = 'backup.enabled=true,web.enableLifecycle=true,imagePullSecrets[0].name=own'
  const manifests = await template(command as string, [
    `--values=${CHART}/ci/valkey-values.yaml`,
    `--set=${sets},global.imagePullSecrets[0].name=all,global.imagePullSecrets[1]=short`,
  ])
  const all = pods(manifests)
  t.equal(all.length, 4)
  for (const { name, spec } of all)
    t.same(spec.imagePullSecrets, [{ name: 'all' }, { name: 'short' }, { name: 'own' }], name)
})

t.test('users of the host, and the lifecycle of the container, are as the values say', async (t) => {
  if (missing(t, command, 'Helm')) return
  const podOf = async (...sets: string[]) =>
    workload(
      await template(
        command as string,
        sets.map((one) => `--set=${one}`),
      ),
    ).spec.template.spec
  t.notOk('hostUsers' in (await podOf()))
  t.equal((await podOf('hostUsers=false')).hostUsers, false)
  const lifecycleOf = async (...sets: string[]) => (await podOf(...sets)).containers[0].lifecycle
  t.same(await lifecycleOf('lifecycle.postStart.exec.command[0]=true'), {
    postStart: { exec: { command: [true] } },
    preStop: { sleep: { seconds: 5 } },
  })
  t.same(await lifecycleOf('lifecycle.preStop.sleep.seconds=9'), { preStop: { sleep: { seconds: 9 } } })
  t.equal(await lifecycleOf('preStopSleepSeconds=0'), undefined)
})

t.test('routes and hosts lead to targets only, unless told otherwise', async (t) => {
  if (missing(t, command, 'Helm')) return
  const manifests = await template(command as string, [`--values=${CHART}/ci/gateway-values.yaml`])
  const [rule] = only(manifests, 'Ingress').spec.rules
  t.equal(rule.host, `${RELEASE}.example.com`)
  t.same(
    rule.http.paths.map(({ path, pathType }: Manifest) => [path, pathType]),
    [
      ['/targets', 'Prefix'],
      ['/health', 'Exact'],
    ],
  )
  const service = only(manifests, 'Service')
  for (const { backend } of rule.http.paths)
    t.same(backend.service, { name: service.metadata.name, port: { name: 'http' } })
  const [main, redirect] = every(manifests, 'HTTPRoute')
  t.same(main.spec.hostnames, [`${RELEASE}.example.com`])
  t.same(main.spec.rules[0].backendRefs, [{ name: service.metadata.name, port: service.spec.ports[0].port }])
  t.same(main.spec.rules[0].matches, [{ path: { type: 'PathPrefix', value: '/targets' } }])
  t.match(redirect.spec.rules, [
    { filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https' } }] },
  ])
  t.notOk('backendRefs' in redirect.spec.rules[0])
})

t.test('the judge of manifests finds what is wrong', async (t) => {
  const pod = (spec: object) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec })
  const container = { name: 'a', image: 'a' }
  const WRONG: Record<string, Manifest> = {
    'a field that does not exist': pod({ containers: [{ ...container, imagePullpolicy: 'Always' }] }),
    'a field that is missing': pod({}),
    'a number as text': pod({ containers: [container], terminationGracePeriodSeconds: '30' }),
    'a version of the API that is gone': { ...pod({ containers: [container] }), apiVersion: 'v1beta1' },
    'a wrong label': { ...pod({ containers: [container] }), metadata: { labels: { a: 1 } } },
    'a wrong duration in a resource of the operator': {
      apiVersion: 'monitoring.coreos.com/v1alpha1',
      kind: 'ScrapeConfig',
      spec: { httpSDConfigs: [{ url: 'http://a', refreshInterval: 'often' }] },
    },
    'a route without a place in the API': {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      spec: { host: 'a' },
    },
  }
  for (const { version, validate } of validators) {
    for (const [name, manifest] of Object.entries(WRONG))
      t.ok(validate(manifest).length > 0, `${version}: ${name}`)
    t.same(validate(pod({ containers: [container] })), [])
  }
})

t.test('the judge of pods finds what the restricted standard forbids', async (t) => {
  const context = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
  const good = {
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [{ name: 'a', securityContext: context }],
  }
  t.same(restrictedViolations(good), [])
  const withContainer = (own: object) => ({
    ...good,
    containers: [{ name: 'a', securityContext: { ...context, ...own } }],
  })
  const BAD: Record<string, object> = {
    'host network': { ...good, hostNetwork: true },
    'host path': { ...good, volumes: [{ name: 'a', hostPath: { path: '/' } }] },
    'host port': {
      ...good,
      containers: [{ name: 'a', securityContext: context, ports: [{ hostPort: 80 }] }],
    },
    sysctl: { ...good, securityContext: { ...good.securityContext, sysctls: [{ name: 'kernel.msgmax' }] } },
    'perhaps root': { ...good, securityContext: { seccompProfile: { type: 'RuntimeDefault' } } },
    'surely root': withContainer({ runAsUser: 0 }),
    'root pod': { ...good, securityContext: { ...good.securityContext, runAsUser: 0 } },
    'no seccomp': { ...good, securityContext: { runAsNonRoot: true } },
    privileged: withContainer({ privileged: true }),
    escalation: withContainer({ allowPrivilegeEscalation: undefined }),
    capabilities: withContainer({ capabilities: {} }),
    'a capability': withContainer({ capabilities: { drop: ['ALL'], add: ['NET_RAW'] } }),
    procMount: withContainer({ procMount: 'Unmasked' }),
    selinux: withContainer({ seLinuxOptions: { type: 'spc_t' } }),
    apparmor: withContainer({ appArmorProfile: { type: 'Unconfined' } }),
    'host process': withContainer({ windowsOptions: { hostProcess: true } }),
    'init container': { ...good, initContainers: [{ name: 'b' }] },
  }
  for (const [name, spec] of Object.entries(BAD)) t.ok(restrictedViolations(spec).length > 0, name)
})
