import t, { type Test } from 'tap'
import { bytesIn } from '../../src/base/bytes.ts'
import type { HttpError } from '../../src/base/errors.ts'
import { createMemory, type Memory } from '../../src/base/sealed-file.ts'
import { createThreads } from '../../src/base/threads.ts'
import type { Target } from '../../src/model/target-group.ts'
import { freeze, type Snapshot } from '../../src/snapshot/freeze.ts'
import type { View } from '../../src/snapshot/view-worker.ts'
import { createViews } from '../../src/snapshot/views.ts'
import { manualClock } from '../helpers/clock.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
import { recordingLog } from '../helpers/log.ts'
import { memoryFiles } from '../helpers/memory-files.ts'
import { packed } from '../helpers/packed.ts'

const HOLD_MS = 900_000

function snapshotOf(count: number, siteOf = (index: number) => String(index % 5)) {
  const targets = Array.from({ length: count }, (_, index): Target => {
    return { address: `sensor-${index}.example.net:9100`, labels: [['site', siteOf(index)]] }
  })
  const groups = packed(targets)
  return freeze(encodeGroups(groups), { groups: groups.length, targets: count }, 1_000)
}

/** Views on a clock that stands still, and how to ask for one of the list of a source. */
function created(t: Test, ...kept: [known?: readonly string[], keep?: Memory<readonly string[]>['keep']]) {
  const threads = createThreads()
  t.teardown(() => threads.close())
  const clock = manualClock()
  const views = createViews(threads, clock, ...kept)
  return {
    views,
    clock,
    get: (snapshot: Snapshot, view: View, list = 'sensors') =>
      views.get({ snapshot, list, holdMs: HOLD_MS }, view),
  }
}

const site = (value: string): View => ({ labels: [['site', value]] })

/** By which an operator names the view of which an error tells. */
const digestIn = ({ message }: HttpError) => /digest=([0-9a-f]{64})$/.exec(message)?.[1] as string

t.test('a view is made once, and all its shards with it', async (t) => {
  const { views, get } = created(t)
  const snapshot = await snapshotOf(100)
  const shard = (index: number) => get(snapshot, { labels: [], shard: { index, count: 3 } })
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
  const { get } = created(t)
  const [small, large] = [await snapshotOf(10), await snapshotOf(20)]
  const label = (value: string): View => ({
    labels: [
      ['site', value],
      ['site', value],
    ],
  })
  t.equal((await get(small, label('1'))).targets, 2)
  t.equal((await get(large, label('1'))).targets, 4)
  t.equal((await get(large, label('2'))).targets, 4)
})

t.test('a large list is cut in a thread, to the same bytes', async (t) => {
  const { get } = created(t)
  const snapshot = await snapshotOf(40_000)
  t.ok(snapshot.body.byteLength > 512 * 1024)
  const parts = await Promise.all(
    [0, 1].map((index) => get(snapshot, { labels: [], shard: { index, count: 2 } })),
  )
  t.equal(
    parts.reduce((sum, part) => sum + part.targets, 0),
    40_000,
  )
  await t.rejects(get(snapshot, { labels: [['sight', 'x']] }), {
    code: 'label_not_found',
    message: /a label sight;/,
  })
})

t.test('50: a flood of different filters finds a bounded cache', async (t) => {
  const { views, get } = created(t)
  const snapshot = await snapshotOf(1_000)
  for (let count = 2; count < 60; count++) await get(snapshot, { labels: [], shard: { index: 0, count } })
  for (let value = 0; value < 1_200; value++) await get(snapshot, site(String(value)))
  t.ok(views.size() > 0)
  t.ok(views.size() < 1_024 * (snapshot.body.byteLength + bytesIn(snapshot.gzip)), `${views.size()} bytes`)
})

t.test('50: a flood at the same moment is refused beyond a bound, and works again after it', async (t) => {
  const { get } = created(t)
  const snapshot = await snapshotOf(1_000)
  const flood = await Promise.allSettled(
    Array.from({ length: 100 }, (_, value) => get(snapshot, site(String(value)))),
  )
  const refused = flood.filter((one) => one.status === 'rejected')
  t.equal(refused.length, 100 - 32)
  t.match(refused[0], { reason: { code: 'overloaded' } })
  t.equal((await get(snapshot, site('99'))).targets, 0)
})

t.test('a view that never had targets is empty at once', async (t) => {
  const { views, get } = created(t)
  const snapshot = await snapshotOf(10)
  t.equal((await get(snapshot, site('nowhere'))).plain.join(''), '[]')
  t.equal((await get(snapshot, site('1'), 'one list')).targets, 2)
  const moved = await snapshotOf(10, () => '2')
  t.equal((await get(moved, site('1'), 'another list')).targets, 0, 'nor does another list count')
  t.notOk(views.accept('0'.repeat(64)))
})

t.test('69: a view that had targets turns empty: it is an error, then [] after a while', async (t) => {
  const { clock, get } = created(t)
  const [before, after] = [await snapshotOf(10), await snapshotOf(10, () => '2')]
  await get(before, site('1'))
  clock.advance(60_000)
  await t.rejects(get(after, site('1')), { code: 'view_emptied', message: / in 15m,/ })
  clock.advance(HOLD_MS - 1)
  await t.rejects(get(after, site('1')), { code: 'view_emptied', message: / in 1s,/ })
  t.equal((await get(after, site('2'))).targets, 10, 'no other view of the list is concerned')
  clock.advance(1)
  t.equal((await get(after, site('1'))).plain.join(''), '[]')
  t.equal((await get(after, site('1'))).plain.join(''), '[]', 'and it stays so')
})

t.test('69, 70: a view that turns empty over a restart is as one that does so without', async (t) => {
  const files = memoryFiles({ clock: manualClock() })
  const { log, messages } = recordingLog()
  const memory = () => createMemory<readonly string[]>(files, '/data/.views.json', log)
  const [before, after] = [await snapshotOf(10), await snapshotOf(10, () => '2')]
  const first = memory()
  const one = created(t, await first.load(), first.keep)
  for (const value of ['1', '3', '3']) await one.get(before, site(value))
  await t.rejects(one.get(after, site('1')), { code: 'view_emptied' })
  await first.settled()

  const second = memory()
  const { get, views, clock } = created(t, await second.load(), second.keep)
  t.equal((await get(after, site('4'))).targets, 0, 'nobody had this one')
  const error = await get(after, site('1')).catch((thrown: HttpError) => thrown)
  t.match(error, { code: 'view_emptied', message: / in 15m,/ })
  t.ok(views.accept(digestIn(error as HttpError)))
  await t.rejects(get(after, site('3')), { code: 'view_emptied' })
  clock.advance(HOLD_MS)
  t.equal((await get(after, site('3'))).targets, 0)
  await second.settled()
  t.same(await memory().load(), [], 'what is believed is forgotten')
  t.same(messages(), [])
})

t.test('69: a view that has targets again in between is empty only after as long again', async (t) => {
  const { clock, get } = created(t)
  const [before, after] = [await snapshotOf(10), await snapshotOf(10, () => '2')]
  await get(before, site('1'))
  await t.rejects(get(after, site('1')))
  clock.advance(HOLD_MS - 1)
  await get(before, site('1'))
  await t.rejects(get(after, site('1')), { code: 'view_emptied', message: / in 15m,/ })
})

t.test('69: a shard that turns empty is an error, its neighbours are sent', async (t) => {
  const { get } = created(t)
  const shard = (index: number): View => ({ labels: [], shard: { index, count: 2 } })
  const [many, one] = [await snapshotOf(100), await snapshotOf(1)]
  for (const index of [0, 1]) t.ok((await get(many, shard(index))).targets > 0)
  const now = await Promise.allSettled([0, 1].map((index) => get(one, shard(index))))
  t.match(now.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

t.test('69: a view that is asked for rarely is not believed at once either', async (t) => {
  const { clock, get } = created(t)
  const [before, after] = [await snapshotOf(10), await snapshotOf(10, () => '2')]
  await get(before, site('1'))
  clock.advance(7 * 86_400_000)
  await t.rejects(get(after, site('1')), { code: 'view_emptied' })
})

t.test('69: an operator lets a view be empty by its digest', async (t) => {
  const { views, get } = created(t)
  const [before, after] = [await snapshotOf(10), await snapshotOf(10, () => '2')]
  await get(before, site('1'))
  await get(before, site('3'))
  const digestOf = (value: string) => get(after, site(value)).then(() => 'no error', digestIn)
  const [one, three] = [await digestOf('1'), await digestOf('3')]
  t.match(one, /^[0-9a-f]{64}$/)
  t.not(one, three)
  t.ok(views.accept(one))
  t.equal((await get(after, site('1'))).targets, 0)
  await t.rejects(get(after, site('3')), 'the other is as it was')
  t.notOk(views.accept(one), 'nothing is left to be accepted')
})
