import t from 'tap'
import { freeze } from '../../src/snapshot/freeze.ts'
import { createStore, INITIAL_STATUS, type Serving } from '../../src/snapshot/store.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
import { heldTargets } from '../helpers/held.ts'

const required: Serving = { required: true, maxStalenessMs: Number.POSITIVE_INFINITY, holdMs: 900_000 }
const optional: Serving = { ...required, required: false }

const snapshotOf = (address: string, changedAtMs = 1) =>
  freeze(
    encodeGroups([{ targets: [address], labels: [['s', address]] }]),
    { groups: 1, targets: 1 },
    changedAtMs,
  )

const combinedAddresses = (store: ReturnType<typeof createStore>) => {
  const { snapshot } = store.combined()
  return (
    snapshot &&
    JSON.parse(Buffer.concat(snapshot.plain).toString()).flatMap(
      (group: { targets: string[] }) => group.targets,
    )
  )
}

const waitingFor = (store: ReturnType<typeof createStore>) =>
  store.combined().waitingFor?.map((state) => state.name)

t.test('the combined list waits for every required source', async (t) => {
  const store = createStore()
  store.add('b', required)
  store.add('a', required)
  t.same(waitingFor(store), ['a', 'b'])
  store.publish('a', await snapshotOf('a:1'))
  t.same(waitingFor(store), ['b'], 'a partial list is never sent')
  store.publish('b', await snapshotOf('b:1', 7))
  t.same(combinedAddresses(store), ['a:1', 'b:1'])
  t.match(store.combined().snapshot, { groups: 2, targets: 2, changedAtMs: 7 })
})

t.test('a source that is not required is left out until it loads', async (t) => {
  const store = createStore()
  store.add('a', required)
  store.add('extra', optional)
  store.publish('a', await snapshotOf('a:1'))
  t.same(combinedAddresses(store), ['a:1'])
  store.publish('extra', await snapshotOf('e:1'))
  t.same(combinedAddresses(store), ['a:1', 'e:1'])
})

t.test('with no list at all there is never an empty one, even if no source is required', async (t) => {
  const store = createStore()
  store.add('extra', optional)
  t.same(waitingFor(store), ['extra'])
})

t.test('a single source is served as it is, without a second copy', async (t) => {
  const store = createStore()
  store.add('a', required)
  const snapshot = await snapshotOf('a:1')
  store.publish('a', snapshot)
  t.equal(store.combined().snapshot, snapshot)
})

t.test('27: when two sources publish at once, the combined list ends with both', async (t) => {
  const store = createStore()
  store.add('a', required)
  store.add('b', required)
  const publish = async (name: string) => store.publish(name, await snapshotOf(`${name}:1`))
  await Promise.all([publish('a'), publish('b')])
  t.same(combinedAddresses(store), ['a:1', 'b:1'])
})

t.test('sources are listed by name, and a name that is not there changes nothing', async (t) => {
  const store = createStore()
  store.add('b', required)
  store.add('a', optional)
  t.same(
    store.list().map((state) => state.name),
    ['a', 'b'],
  )
  t.equal(store.get('__proto__'), undefined)
  store.setStatus('a', { ...INITIAL_STATUS, records: 3 })
  t.equal(store.get('a')?.status.records, 3)
  store.setStatus('gone', INITIAL_STATUS)
  t.equal(store.get('gone'), undefined)
})

t.test('1: at no moment is a list without a required source sent as the whole', async (t) => {
  const store = createStore()
  for (const name of ['a', 'b', 'c']) store.add(name, required)
  for (const name of ['b', 'c', 'a']) {
    t.equal(store.combined().snapshot, undefined, `before ${name}`)
    const snapshot = await snapshotOf(`${name}:1`)
    t.equal(store.combined().snapshot, undefined, `while ${name} is made`)
    store.publish(name, snapshot)
    t.equal(store.get(name)?.snapshot, snapshot)
  }
  t.same(combinedAddresses(store), ['a:1', 'b:1', 'c:1'])
})

t.test('lists are joined when somebody asks, and only again when one is another', async (t) => {
  const store = createStore()
  store.add('a', required)
  store.add('b', required)
  store.publish('a', await snapshotOf('a:1'))
  store.publish('b', await snapshotOf('b:1'))
  const { snapshot } = store.combined()
  store.setStatus('a', { ...INITIAL_STATUS, lastSuccess: { wallMs: 5, monotonicMs: 5 } })
  store.setFileError('b', 'storage', { path: '/data', error: 'ENOSPC' })
  t.match(store.combined(), { oldestSuccessMs: 0 })
  t.equal(store.combined().snapshot, snapshot, 'what is sent is not joined again for a status')
  store.setStatus('b', { ...INITIAL_STATUS, lastSuccess: { wallMs: 7, monotonicMs: 7 } })
  t.match(store.combined(), { oldestSuccessMs: 5, expiresMs: Number.POSITIVE_INFINITY })
  store.configure('b', { ...required, maxStalenessMs: 100 })
  t.match(store.combined(), { expiresMs: 107 })
  t.equal(store.combined().snapshot, snapshot)
  store.publish('b', await snapshotOf('b:2'))
  t.same(combinedAddresses(store), ['a:1', 'b:2'])
  store.remove('a')
  t.same(combinedAddresses(store), ['b:2'])
})

t.test('the lists of removed sources are served beside the others, until they are not', async (t) => {
  const store = createStore()
  store.add('a', required)
  store.publish('a', await snapshotOf('a:1'))
  t.same(store.removed(), { snapshots: [], lastSuccessMs: [], held: [] })
  const removed = {
    snapshots: [await snapshotOf('old:1')],
    lastSuccessMs: [],
    held: [heldTargets({ reason: 'removed' })],
  }
  store.setRemoved(removed)
  t.equal(store.removed(), removed)
  t.same(combinedAddresses(store), ['a:1', 'old:1'])
  t.equal(store.get('old'), undefined)
  store.add('late', optional)
  t.same(combinedAddresses(store), ['a:1', 'old:1'], 'an optional source that was added is not waited for')
  store.add('needed', required)
  t.same(waitingFor(store), ['needed'], 'they do not stand in for a source that is required')
  store.remove('needed')
  store.setRemoved({ lastSuccessMs: [], snapshots: [], held: [] })
  t.same(combinedAddresses(store), ['a:1'])
})

t.test('1: with nothing but removed sources their lists are still served, not an empty one', async (t) => {
  const store = createStore()
  store.setRemoved({ lastSuccessMs: [], snapshots: [await snapshotOf('old:1')], held: [] })
  store.add('late', optional)
  t.same(combinedAddresses(store), ['old:1'])
})

t.test('publishing a source that was removed meanwhile changes nothing', async (t) => {
  const store = createStore()
  store.add('a', required)
  store.publish('a', await snapshotOf('a:1'))
  store.publish('gone', await snapshotOf('g:1'))
  t.same(combinedAddresses(store), ['a:1'])
})

t.test(
  '1: a list of a source that was removed meanwhile never makes an empty one of sources that wait',
  async (t) => {
    const store = createStore()
    store.add('late', optional)
    store.publish('gone', await snapshotOf('g:1'))
    t.match(store.combined(), { snapshot: undefined, waitingFor: [{ name: 'late' }] })
  },
)

t.test(
  'files that cannot be written are noted one by one, until they can be or the source is another',
  async (t) => {
    const store = createStore()
    store.add('a', required)
    const [storage, fileSd] = [
      { path: '/data', error: 'ENOSPC' },
      { path: '/out.json', error: 'EACCES' },
    ]
    store.setFileError('a', 'storage', storage)
    store.setFileError('a', 'file_sd', fileSd)
    store.setFileError('gone', 'storage', storage)
    t.same(store.get('a')?.fileErrors, { storage, file_sd: fileSd })
    t.equal(store.get('gone'), undefined)
    store.setFileError('a', 'storage', undefined)
    t.same(store.get('a')?.fileErrors, { file_sd: fileSd })
    store.configure('a', required)
    t.same(store.get('a')?.fileErrors, {})
  },
)

t.test(
  '81: with 2,000 sources a change costs what changed; lists are joined when they are asked for',
  async (t) => {
    const list = await snapshotOf('a:1')
    const publishing = (count: number) => {
      const store = createStore()
      for (let index = 0; index < count; index++) {
        store.add(`s${index}`, required)
        store.publish(`s${index}`, list)
      }
      const { user } = process.cpuUsage()
      for (let time = 0; time < 10_000; time++) {
        store.publish('s0', list)
        store.setStatus('s0', INITIAL_STATUS)
      }
      const cost = process.cpuUsage().user - user
      t.equal(store.combined().snapshot?.targets, count)
      t.equal(store.combined(), store.combined(), 'and once')
      return cost
    }
    publishing(1)
    const [one, many] = [publishing(1), publishing(2_000)]
    t.ok(many < 20 * one + 100_000, `${many} µs against ${one} µs`)
  },
)
