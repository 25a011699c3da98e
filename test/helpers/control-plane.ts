import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { parse, stringify } from 'yaml'
import { authority } from './certificates.ts'
import type { Manifest } from './helm.ts'
import { freePort } from './prometheus.ts'
import type { Scope } from './scope.ts'
import { startTool } from './tool-process.ts'
import { until } from './until.ts'

/** For each set of values a few. */
const VOLUMES = 40

const FOLDER = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rollcall', 'control-plane')

/** The control plane that `.ci/control-plane/build` made. */
export function findControlPlane(): string | undefined {
  return existsSync(join(FOLDER, 'made')) ? join(FOLDER, 'control-plane') : undefined
}

/** A cluster in which everything is real but its node: that only says that containers run. */
export interface Cluster {
  /** The file with which kubectl and Helm reach it. */
  readonly kubeconfig: string
  /** The object, or the list, at a path. @throws Error with the answer when it is not 200 */
  get(path: string): Promise<Manifest>
  /** Makes an object, or changes it. @param path of the object @throws Error with the answer */
  apply(path: string, manifest: Manifest): Promise<void>
}

/** Starts etcd, the API server, the controllers and the scheduler, with the CRDs that the chart can use. */
export async function startCluster(scope: Scope, binary: string): Promise<Cluster> {
  const folder = scope.testdir()
  const at = (name: string) => join(folder, name)
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()]
  const ca = authority(folder)
  const server = ca.sign('server', 'IP:127.0.0.1,DNS:localhost')
  const tls = [`--tls-cert-file=${server.certFile}`, `--tls-private-key-file=${server.keyFile}`]
  const dispatcher = new Agent({ connect: { ca: ca.cert } })
  scope.teardown(() => dispatcher.destroy())
  const url = `https://127.0.0.1:${port}`
  const token = 'a-token-of-this-test'
  writeFileSync(at('tokens.csv'), `${token},admin,admin,"system:masters"\n`)
  execFileSync('openssl', ['genrsa', '-out', at('accounts.key'), '2048'], { stdio: 'ignore' })
  const kubeconfig = at('kubeconfig')
  writeFileSync(
    kubeconfig,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority': ca.certFile } }],
      users: [{ name: 'admin', user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
      'current-context': 'test',
    }),
  )

  async function send(path: string, { type = 'application/json', ...sent }: Sent = {}): Promise<Manifest> {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(sent.body !== undefined && { 'content-type': type }),
    }
    const answer = await request(`${url}${path}`, { ...sent, headers, dispatcher })
    const text = await answer.body.text()
    if (answer.statusCode >= 300) throw new Error(`${path}: ${answer.statusCode} ${text}`)
    return answer.headers['content-type']?.toString().includes('json') ? JSON.parse(text) : text
  }
  const apply = async (path: string, manifest: Manifest) => {
    await send(`${path}?fieldManager=test&force=true`, {
      ...{ method: 'PATCH', body: JSON.stringify(manifest), type: 'application/apply-patch+yaml' },
    })
  }

  const etcd = `http://127.0.0.1:${etcdPort}`
  await startTool(
    scope,
    'etcd',
    binary,
    [
      'etcd',
      ...[`--data-dir=${at('etcd')}`, `--listen-client-urls=${etcd}`, `--advertise-client-urls=${etcd}`],
      ...[`--listen-peer-urls=http://127.0.0.1:${peerPort}`, '--unsafe-no-fsync'],
      ...[`--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`],
      `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
    ],
    `${etcd}/health`,
  )
  await startTool(
    scope,
    'the API server',
    binary,
    [
      'apiserver',
      ...[`--etcd-servers=${etcd}`, '--bind-address=127.0.0.1', `--secure-port=${port}`],
      ...tls,
      ...[`--token-auth-file=${at('tokens.csv')}`, '--authorization-mode=RBAC'],
      ...['--service-account-issuer=https://localhost', `--service-account-key-file=${at('accounts.key')}`],
      ...[
        `--service-account-signing-key-file=${at('accounts.key')}`,
        '--service-cluster-ip-range=10.0.0.0/24',
      ],
    ],
    async () => (await send('/readyz')) === 'ok',
  )
  async function startClient(name: string, ...flags: string[]): Promise<void> {
    const own = await freePort()
    const args = [
      ...[name, `--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--bind-address=127.0.0.1'],
      ...[`--secure-port=${own}`, ...tls, ...flags],
    ]
    const health = `https://127.0.0.1:${own}/healthz`
    await startTool(scope, `the ${name}`, binary, args, async () => {
      const { body, statusCode } = await request(health, { dispatcher })
      await body.dump()
      return statusCode === 200
    })
  }
  await startClient(
    'controllers',
    // The node sends no heartbeats.
    '--controllers=*,-node-lifecycle-controller',
    `--service-account-private-key-file=${at('accounts.key')}`,
    `--root-ca-file=${ca.certFile}`,
  )
  await startClient('scheduler')

  for (const name of readdirSync(join(FOLDER, 'crds'))) {
    const crd = parse(readFileSync(join(FOLDER, 'crds', name), 'utf8'))
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crd.metadata.name}`
    await apply(path, crd)
    await until(`${crd.metadata.name} is established`, async () =>
      (await send(path)).status?.conditions?.some(
        ({ type, status }: Manifest) => type === 'Established' && status === 'True',
      ),
    )
  }
  await startNode(scope, send, apply)
  return { kubeconfig, get: send, apply }
}

type Send = (path: string, options?: Sent) => Promise<Manifest>

/** The method, the body and the content type of a request. */
interface Sent {
  readonly method?: 'PATCH' | 'DELETE'
  readonly body?: string
  readonly type?: string
}

/** A node that starts and ends pods at once without running them, volumes for all who claim one, and a load balancer. */
async function startNode(scope: Scope, send: Send, apply: Cluster['apply']): Promise<void> {
  const room = { cpu: '64', memory: '256Gi', pods: '200' }
  const labels = { 'kubernetes.io/arch': 'amd64', 'kubernetes.io/hostname': 'node' }
  const ready = { type: 'Ready', status: 'True' }
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node', labels } }
  await apply('/api/v1/nodes/node', node)
  // A new node is not ready.
  await send('/api/v1/nodes/node', {
    method: 'PATCH',
    body: '{"spec":{"taints":null}}',
    type: 'application/merge-patch+json',
  })
  const status = { capacity: room, allocatable: room, conditions: [ready] }
  await apply('/api/v1/nodes/node/status', { ...node, status })
  for (let index = 0; index < VOLUMES; index++) {
    const metadata = { name: `volume-${index}` }
    await apply(`/api/v1/persistentvolumes/${metadata.name}`, {
      ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata },
      spec: {
        capacity: { storage: '100Gi' },
        accessModes: index % 2 === 0 ? ['ReadWriteOnce', 'ReadWriteMany'] : ['ReadWriteOncePod'],
        hostPath: { path: '/nonexistent' },
      },
    })
  }

  const runtime = { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'gvisor' } }
  await apply('/apis/node.k8s.io/v1/runtimeclasses/gvisor', { ...runtime, handler: 'gvisor' })

  async function balance({ metadata: { name, namespace }, spec, status }: Manifest): Promise<void> {
    if (spec.type !== 'LoadBalancer' || status.loadBalancer.ingress !== undefined) return
    await apply(`/api/v1/namespaces/${namespace}/services/${name}/status`, {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace } },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
    })
  }
  async function serve(pod: Manifest): Promise<void> {
    const { name, namespace, deletionTimestamp } = pod.metadata
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`
    if (deletionTimestamp !== undefined)
      await send(path, { method: 'DELETE', body: '{"gracePeriodSeconds":0}' })
    else if (pod.status.phase === 'Pending' && pod.spec.nodeName !== undefined)
      await apply(`${path}/status`, {
        ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace } },
        // minReadySeconds counts from this time.
        status: {
          phase: 'Running',
          conditions: [{ ...ready, lastTransitionTime: new Date().toISOString() }],
        },
      })
  }
  let isOver = false
  const serving = (async () => {
    while (!isOver) {
      // A pod or a Service may have been deleted meanwhile.
      for (const pod of (await send('/api/v1/pods')).items) await serve(pod).catch(() => {})
      for (const service of (await send('/api/v1/services')).items) await balance(service).catch(() => {})
      await delay(100)
    }
  })()
  scope.teardown(async () => {
    isOver = true
    await serving
  })
}
