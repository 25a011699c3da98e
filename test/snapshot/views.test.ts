import t, { type Test } from 'tap'
import { createThreads } from '../../src/base/threads.ts'
import type { Target } from '../../src/model/target-group.ts'
import { encodeGroups } from '../../src/snapshot/encode.ts'
import { freeze } from '../../src/snapshot/snapshot.ts'
import { createViews } from '../../src/snapshot/views.ts'
import { packed } from '../helpers/packed.ts'

function snapshotOf(count: number) {
  const targets = Array.from({ length: count }, (_, index): Target => {
    return { address: `sensor-${index}.example.net:9100`, labels: [['site', String(index % 5)]] }
  })
  return freeze(encodeGroups(packed(targets)), { groups: 5, targets: count }, 1_000)
}

function created(t: Test) {
  const threads = createThreads()
  t.teardown(() => threads.close())
  return createViews(threads)
}

t.test('a view is made once, and all its shards with it', async (t) => {
  const views = created(t)
  const snapshot = await snapshotOf(100)
  const shard = (index: number) => views.get(snapshot, { labels: [], shard: { index, count: 3 } })
  const [first, same] = await Promise.all([shard(0), shard(0)])
  t.equal(first, same, 'two who ask at the same time')
  const size = views.size()
  const [again, second, third] = [await shard(0), await shard(1), await shard(2)]
  t.equal(again, first)
  t.equal(views.size(), size, 'its neighbours were there already')
  t.equal(first.targets + second.targets + third.targets, 100)
  t.match(first, { changedAtMs: 1_000 })
})

t.test('the order of labels does not matter, the list does', async (t) => {
  const views = created(t)
  const [small, large] = [await snapshotOf(10), await snapshotOf(20)]
  const label = (value: string) => ({
    labels: [
      ['site', value],
      ['site', value],
    ] as const,
  })
  t.equal((await views.get(small, label('1'))).targets, 2)
  t.equal((await views.get(large, label('1'))).targets, 4)
  t.equal((await views.get(large, label('2'))).targets, 4)
})

t.test('a large list is cut in a thread, to the same bytes', async (t) => {
  const views = created(t)
  const snapshot = await snapshotOf(40_000)
  t.ok(snapshot.body.byteLength > 512 * 1024)
  const parts = await Promise.all(
    [0, 1].map((index) => views.get(snapshot, { labels: [], shard: { index, count: 2 } })),
  )
  t.equal(
    parts.reduce((sum, part) => sum + part.targets, 0),
    40_000,
  )
  await t.rejects(views.get(snapshot, { labels: [['sight', 'x']] }), {
    name: 'UnknownLabelError',
    message: 'sight',
  })
})

t.test('50: a flood of different filters finds a bounded cache', async (t) => {
  const views = created(t)
  const snapshot = await snapshotOf(1_000)
  for (let count = 2; count < 60; count++)
    await views.get(snapshot, { labels: [], shard: { index: 0, count } })
  for (let value = 0; value < 1_200; value++) await views.get(snapshot, { labels: [['site', String(value)]] })
  t.ok(views.size() > 0)
  t.ok(views.size() < 1_024 * (snapshot.body.byteLength + snapshot.gzip.byteLength), `${views.size()} bytes`)
})

t.test('50: a flood at the same moment is refused beyond a bound, and works again after it', async (t) => {
  const views = created(t)
  const snapshot = await snapshotOf(1_000)
  const flood = await Promise.allSettled(
    Array.from({ length: 100 }, (_, value) => views.get(snapshot, { labels: [['site', String(value)]] })),
  )
  const refused = flood.filter((one) => one.status === 'rejected')
  t.equal(refused.length, 100 - 32)
  t.match(refused[0], { reason: { name: 'TooManyViewsError' } })
  t.equal((await views.get(snapshot, { labels: [['site', '99']] })).targets, 0)
})
