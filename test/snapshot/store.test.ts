import t from 'tap'
import { encodeGroups } from '../../src/snapshot/encode.ts'
import { freeze } from '../../src/snapshot/snapshot.ts'
import { INITIAL_STATUS } from '../../src/snapshot/status.ts'
import { createStore } from '../../src/snapshot/store.ts'

const snapshotOf = (address: string, changedAtMs = 1) =>
  freeze(
    encodeGroups([{ targets: [address], labels: [['s', address]] }]),
    { groups: 1, targets: 1 },
    changedAtMs,
  )

const combinedAddresses = (store: ReturnType<typeof createStore>) => {
  const { snapshot } = store.combined()
  return (
    snapshot && JSON.parse(snapshot.body.toString()).flatMap((group: { targets: string[] }) => group.targets)
  )
}

const waitingFor = (store: ReturnType<typeof createStore>) =>
  store.combined().waitingFor?.map((state) => state.name)

t.test('the combined list waits for every required source', async (t) => {
  const store = createStore()
  store.add('b', { required: true, maxStalenessMs: Number.POSITIVE_INFINITY })
  store.add('a', { required: true, maxStalenessMs: Number.POSITIVE_INFINITY })
  t.same(waitingFor(store), ['a', 'b'])
  await store.publish('a', await snapshotOf('a:1'))
  t.same(waitingFor(store), ['b'], 'a partial list is never sent')
  await store.publish('b', await snapshotOf('b:1', 7))
  t.same(combinedAddresses(store), ['a:1', 'b:1'])
  t.match(store.combined().snapshot, { groups: 2, targets: 2, changedAtMs: 7 })
})

t.test('a source that is not required is left out until it loads', async (t) => {
  const store = createStore()
  store.add('a', { required: true, maxStalenessMs: Number.POSITIVE_INFINITY })
  store.add('extra', { required: false, maxStalenessMs: Number.POSITIVE_INFINITY })
  await store.publish('a', await snapshotOf('a:1'))
  t.same(combinedAddresses(store), ['a:1'])
  await store.publish('extra', await snapshotOf('e:1'))
  t.same(combinedAddresses(store), ['a:1', 'e:1'])
})

t.test('with no list at all there is never an empty one, even if no source is required', async (t) => {
  const store = createStore()
  store.add('extra', { required: false, maxStalenessMs: Number.POSITIVE_INFINITY })
  t.same(waitingFor(store), ['extra'])
})

t.test('a single source is served as it is, without a second copy', async (t) => {
  const store = createStore()
  store.add('a', { required: true, maxStalenessMs: Number.POSITIVE_INFINITY })
  const snapshot = await snapshotOf('a:1')
  await store.publish('a', snapshot)
  t.equal(store.combined().snapshot, snapshot)
})

t.test('27: when two sources publish at once, the combined list ends with both', async (t) => {
  const store = createStore()
  store.add('a', { required: true, maxStalenessMs: Number.POSITIVE_INFINITY })
  store.add('b', { required: true, maxStalenessMs: Number.POSITIVE_INFINITY })
  const [a, b] = await Promise.all([snapshotOf('a:1'), snapshotOf('b:1')])
  await Promise.all([store.publish('a', a), store.publish('b', b)])
  t.same(combinedAddresses(store), ['a:1', 'b:1'])
})

t.test('sources are listed by name, and a name that is not there changes nothing', async (t) => {
  const store = createStore()
  store.add('b', { required: true, maxStalenessMs: Number.POSITIVE_INFINITY })
  store.add('a', { required: false, maxStalenessMs: Number.POSITIVE_INFINITY })
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
  store.add('a', { required: true, maxStalenessMs: Number.POSITIVE_INFINITY })
  store.add('b', { required: true, maxStalenessMs: Number.POSITIVE_INFINITY })
  await store.publish('a', await snapshotOf('a:1'))
  const snapshot = await snapshotOf('b:1')
  let done = false
  const published = store.publish('b', snapshot).then(() => {
    done = true
  })
  let looks = 0
  while (!done) {
    looks++
    t.ok(store.combined().snapshot === undefined || store.combined().snapshot?.targets === 2)
    t.equal(store.get('b')?.snapshot === undefined, store.combined().snapshot === undefined, 'both or none')
    await new Promise<void>((resolve) => void setImmediate(resolve))
  }
  await published
  t.ok(looks > 1, 'there was a moment to look at')
  t.same(combinedAddresses(store), ['a:1', 'b:1'])
})

t.test('publishing a source that was removed meanwhile changes nothing', async (t) => {
  const store = createStore()
  store.add('a', { required: true, maxStalenessMs: Number.POSITIVE_INFINITY })
  await store.publish('a', await snapshotOf('a:1'))
  await store.publish('gone', await snapshotOf('g:1'))
  t.same(combinedAddresses(store), ['a:1'])
})

t.test(
  '1: a list of a source that was removed meanwhile never makes an empty one of sources that wait',
  async (t) => {
    const store = createStore()
    store.add('late', { required: false, maxStalenessMs: Number.POSITIVE_INFINITY })
    await store.publish('gone', await snapshotOf('g:1'))
    t.match(store.combined(), { snapshot: undefined, waitingFor: [{ name: 'late' }] })
  },
)

t.test(
  'files that cannot be written are noted one by one, until they can be or the source is another',
  async (t) => {
    const store = createStore()
    const options = { required: true, maxStalenessMs: Number.POSITIVE_INFINITY }
    store.add('a', options)
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
    store.configure('a', options)
    t.same(store.get('a')?.fileErrors, {})
  },
)
