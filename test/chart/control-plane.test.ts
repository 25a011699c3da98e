// Each set of values in a real cluster, though one without nodes: installed, upgraded, rolled back and removed in a
// namespace that enforces the restricted standard.
import { basename } from 'node:path'
import t, { type Test } from 'tap'
import { CHART } from '../helpers/chart-files.ts'
import { type Cluster, findControlPlane, startCluster } from '../helpers/control-plane.ts'
import { helm, type Manifest, RELEASE, VALUES_FILES } from '../helpers/helm.ts'
import { findHelm, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

const WAIT = ['--wait', '--timeout=60s']

/** Where some values put all, or what others find: dashboards, monitors. */
const OTHER_NAMESPACES = ['monitoring', 'grafana', 'gateways']

t.test(
  'every set of values comes up, changes and goes in a real cluster',
  { timeout: 500_000 },
  async (t) => {
    const command = findHelm()
    if (missing(t, command, 'Helm')) return
    const binary = findControlPlane()
    if (binary === undefined && process.env.CONTROL_PLANE === 'skipped') {
      process.stderr.write('\n*** NOT TESTED: the control plane of Kubernetes was not built in time\n\n')
      return
    }
    if (missing(t, binary, 'the control plane of Kubernetes (.ci/control-plane/build)')) return
    const cluster = await startCluster(t, binary as string)
    for (const name of OTHER_NAMESPACES) await makeNamespace(cluster, name)
    for (const file of VALUES_FILES) {
      const name = basename(file, '-values.yaml')
      await t.test(name, (t) => checkValues(t, command as string, cluster, `rollcall-${name}`, file))
    }
  },
)

function makeNamespace({ apply }: Cluster, name: string): Promise<void> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
  const manifest = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }
  return apply(`/api/v1/namespaces/${name}`, manifest)
}

async function checkValues(t: Test, command: string, cluster: Cluster, namespace: string, file: string) {
  await makeNamespace(cluster, namespace)
  const home = t.testdir()
  const run = async (...words: string[]) => {
    const flags = [`--namespace=${namespace}`, `--kubeconfig=${cluster.kubeconfig}`]
    const { code, out, err } = await helm(command, [...words, ...flags], home)
    if (code !== 0) throw new Error(`helm ${words.join(' ')}: ${err}`)
    t.notMatch(err, /PodSecurity|[Dd]eprecated/, String(words[0]))
    return out
  }
  await run('install', RELEASE, CHART, `--values=${file}`, ...WAIT)
  const installed = await run('get', 'manifest', RELEASE)
  await allAre(cluster, undefined)
  const changes = ['--set=podAnnotations.changed=yes', '--set=inventoryUrl=http://inventory.example.com']
  // Only the first install may be without an inventory.
  const flags = changes.slice(0, namespace.endsWith('-default') ? 2 : 1)
  await run('upgrade', RELEASE, CHART, `--values=${file}`, ...flags, ...WAIT)
  await allAre(cluster, 'yes')
  await run('rollback', RELEASE, '1', ...WAIT)
  await allAre(cluster, undefined)
  t.equal(await run('get', 'manifest', RELEASE), installed)
  await run('uninstall', RELEASE, ...WAIT)
  for (const kind of ['deployments', 'statefulsets'])
    t.same((await cluster.get(`/apis/apps/v1/${kind}`)).items, [])
}

/** Waits until all pods of the server are as before the upgrade, or as after it: Helm does not wait for the old ones to go. */
async function allAre({ get }: Cluster, changed: 'yes' | undefined): Promise<void> {
  await until(`all pods are ${changed ?? 'as before'}`, async () => {
    const { items } = await get('/api/v1/pods?labelSelector=app.kubernetes.io/component=server')
    return (
      items.length > 0 && items.every(({ metadata }: Manifest) => metadata.annotations?.changed === changed)
    )
  })
}
