import t from 'tap'
import type { ClusterStatus, ClusterView, SharedSource } from '../../src/model/cluster.ts'
import { readHalf } from '../helpers/app.ts'

const CALM: ClusterStatus = {
  replica: 'one',
  replicas: ['one', 'two'].map((name) => ({ name, version: '1.2.3', leases: 1 })),
  failure: undefined,
}

const SHARED: SharedSource = {
  reader: 'two',
  isReader: false,
  generation: 7,
  newest: 8,
  isDetached: false,
  refused: undefined,
}

function view(
  status: Partial<ClusterStatus> = {},
  shared: Partial<SharedSource> = {},
  outdated: string[] = [],
) {
  const of: ClusterView = {
    status: () => ({ ...CALM, ...status }),
    statusOf: (source) => (source === 'sensors' ? { ...SHARED, ...shared } : undefined),
    outdated: () => outdated,
  }
  return of
}

t.test('/health says which replica this is, who is there, and who reads what', async (t) => {
  const { app, publish } = await readHalf(t, { cluster: view(), sources: ['sensors', 'others'] })
  await publish('sensors', ['a:9100'])
  const health = (await app.inject('/health')).json()
  t.same(health.cluster, {
    replica: 'one',
    replicas: [
      { name: 'one', version: '1.2.3', leases: 1 },
      { name: 'two', version: '1.2.3', leases: 1 },
    ],
    store: 'ok',
  })
  t.same(health.sources.sensors.cluster, {
    reader: 'two',
    is_reader: false,
    generation: 7,
    newest_generation: 8,
    detached: false,
    refused: null,
  })
  t.equal(health.sources.others.cluster, undefined)
})

t.test('/health says what is wrong with the store, and what is refused', async (t) => {
  const shared = { reader: undefined, isDetached: true, refused: 'its signature is another' }
  const { app } = await readHalf(t, { cluster: view({ failure: 'it hangs' }, shared) })
  const health = (await app.inject('/health')).json()
  t.equal(health.cluster.store, 'it hangs')
  t.match(health.sources.sensors.cluster, {
    reader: null,
    detached: true,
    refused: 'its signature is another',
  })
})

t.test('without a cluster nothing is said of one', async (t) => {
  const { app, publish } = await readHalf(t)
  await publish('sensors', ['a:9100'])
  const health = (await app.inject('/health')).json()
  t.notOk('cluster' in health)
  t.notOk('cluster' in health.sources.sensors)
})

t.test('95: who reaches neither the store nor the inventory is not ready, if another may be', async (t) => {
  const failure = 'the store at valkey:6379 cannot be reached'
  for (const [status, outdated, code] of [
    [{ failure }, ['sensors'], 503],
    [{ failure }, [], 200],
    [{ failure: undefined }, ['sensors'], 200],
    [{ failure, replicas: CALM.replicas.slice(0, 1) }, ['sensors'], 200],
  ] as const) {
    const { app, publish } = await readHalf(t, { cluster: view(status, {}, [...outdated]) })
    await publish('sensors', ['a:9100'])
    const ready = await app.inject('/-/ready')
    t.equal(ready.statusCode, code, JSON.stringify([status, outdated]))
    if (code === 503) {
      t.match(ready.json().error, { code: 'cut_off', message: /inventory of sensors.*valkey:6379/ })
      t.equal((await app.inject('/targets')).statusCode, 200, 'it goes on serving')
    }
  }
})
