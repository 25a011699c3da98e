import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { createMetrics } from '../../src/base/metrics.ts'
import { createThreads } from '../../src/base/threads.ts'
import { createHistory, MAX_WAITING } from '../../src/history/history.ts'
import { createSegments } from '../../src/history/segments.ts'
import type { EventQuery, TargetEvent } from '../../src/model/history.ts'
import { manualClock } from '../helpers/clock.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { diskFiles } from '../helpers/files.ts'
import { recordingLog } from '../helpers/log.ts'
import { memoryFiles } from '../helpers/memory-files.ts'

const DAY_MS = 86_400_000

/** A list of targets as a roll of which nothing is absent has it. */
const listOf = (targets: readonly string[]) => ({
  body: encodeGroups(targets.length === 0 ? [] : [{ targets: [...targets].sort(), labels: [] }]),
  keys: new Uint32Array(targets.length),
  groups: 0,
  absenceOf: new Int32Array(),
  absences: [],
  held: [],
  accepted: [],
  seen: { selection: 'all' },
})

const names = (count: number, first = 0) =>
  Array.from({ length: count }, (_, index) => `host-${first + index}:1`)

const NAME = /^\/data\/history\/\d{16}-\d{13}\.jsonl$/

/** A history in files in memory, and more of them by later processes. */
function keeping(
  t: Test,
  options: { maxAgeMs?: number; maxBytes?: number; isInMemory?: boolean; isShared?: boolean } = {},
) {
  const clock = manualClock()
  const files = memoryFiles({ clock })
  const metrics = createMetrics('test')
  const { log, messages } = recordingLog()
  const threads = createThreads()
  t.teardown(() => threads.close())
  const { maxAgeMs = 30 * DAY_MS, maxBytes = 2 ** 20, isInMemory = false, isShared = false } = options
  const start = () => {
    const history = createHistory(
      { storagePath: isInMemory ? undefined : '/data', maxAgeMs, maxBytes, isShared },
      { files, clock, threads, metrics: metrics.history, log },
    )
    /** A change from some targets to others. */
    const record = (before: readonly string[], after: readonly string[], source = 'cmdb', isPush = false) =>
      history.record({
        source,
        atMs: clock.now(),
        before: listOf(before),
        after: listOf(after),
        wallAheadMs: 0,
        isPush,
      })
    const find = async (query: Partial<EventQuery> = {}) => history.find({ limit: 100, ...query })
    const addresses = async (query: Partial<EventQuery> = {}) =>
      (await find(query)).events.map(({ kind, address }) => `${kind} ${address}`)
    return { ...history, record, find, addresses }
  }
  const value = async (name: string) =>
    seriesValue(await metrics.registry.metrics(), `rollcall_history_${name}`) ?? Number.NaN
  const onDisk = () => Object.entries(files.contents()).filter(([path]) => NAME.test(path))
  return { clock, files, start, messages, value, onDisk }
}

t.test('what happened is found, the newest first, also by the next process', async (t) => {
  const { start, clock, onDisk, value } = keeping(t)
  const first = start()
  first.record([], ['a:1', 'b:1'])
  await first.find()
  clock.advance(1_000)
  first.record(['a:1', 'b:1'], ['b:1'])
  await first.close()
  const second = start()
  const before = await second.find()
  t.same(
    before.events.map(({ id, kind, address, source }) => [id, kind, address, source]),
    [
      [3, 'left', 'a:1', 'cmdb'],
      [2, 'joined', 'b:1', 'cmdb'],
      [1, 'joined', 'a:1', 'cmdb'],
    ],
  )
  t.equal(before.next, undefined)
  second.record(['b:1'], ['b:1', 'c:1'])
  t.same((await second.find({ limit: 1 })).events[0]?.id, 4, 'ids go on')
  await second.close()
  t.equal(onDisk().length, 1, 'in the same file')
  t.equal(await value('bytes'), second.status().bytes)
  t.equal(second.status().bytes, onDisk()[0]?.[1].length)
})

t.test('events are found by a part of the address, by source, by time and in pages', async (t) => {
  const { start, clock } = keeping(t)
  const history = start()
  history.record([], ['Alpha:1', 'beta:1'])
  await history.find()
  clock.advance(60_000)
  history.record([], ['alpha:2'], 'stores')
  t.same(await history.addresses({ target: 'ALPHA' }), ['joined alpha:2', 'joined Alpha:1'])
  t.same(await history.addresses({ target: 'alpha', source: 'cmdb' }), ['joined Alpha:1'])
  t.same(await history.addresses({ source: 'store' }), [])
  t.same(await history.addresses({ target: 'ALPHA', isWhole: true }), ['joined alpha:2', 'joined Alpha:1'])
  t.same(await history.addresses({ target: 'alpha:1', isWhole: true }), ['joined Alpha:1'])
  t.same(await history.addresses({ target: 'alph', isWhole: true }), [])
  t.same(await history.addresses({ sinceMs: clock.now() }), ['joined alpha:2'])
  t.same(await history.addresses({ target: 'cmdb' }), [], 'the source is no part of the address')
  const page = await history.find({ limit: 2 })
  t.match(page, { next: 2 })
  t.same(
    (await history.find({ limit: 2, before: page.next })).events.map(({ id }) => id),
    [1],
  )
  await history.close()
  const next = start()
  t.same(await next.addresses({ target: 'ALPHA' }), ['joined alpha:2', 'joined Alpha:1'])
  t.same(await next.addresses({ target: 'alpha', source: 'cmdb' }), ['joined Alpha:1'])
  t.same(await next.addresses({ target: '"' }), [])
  t.same(await next.addresses({ before: 3, limit: 1 }), ['joined beta:1'])
})

t.test('without a folder the newest events are in memory', async (t) => {
  const { start, files } = keeping(t, { isInMemory: true })
  const history = start()
  for (let round = 0; round < 6; round++) {
    history.record([], names(1_000, round * 1_000))
    await history.find()
  }
  const { events, next } = await history.find({ limit: 10_000 })
  t.equal(next, undefined)
  t.equal(events.length, MAX_WAITING)
  t.match(events[0], { id: 6_000, address: 'host-5999:1' })
  t.match(history.status(), { bytes: 0, path: undefined, error: undefined })
  t.same(await history.parts(), [])
  await history.close()
  t.same(files.contents(), {})
})

t.test('what is older than it may be is not found, and its files are deleted', async (t) => {
  const { start, clock, onDisk } = keeping(t, { maxAgeMs: DAY_MS })
  const history = start()
  history.record([], ['a:1'])
  await history.find()
  clock.advance(1.05 * DAY_MS)
  t.same(await history.addresses(), [])
  history.record([], ['b:1'])
  t.same(await history.addresses(), ['joined b:1'])
  await history.close()
  t.equal(onDisk().length, 1)
  t.match(onDisk()[0]?.[1], /b:1/)
  clock.advance(1.05 * DAY_MS)
  const next = start()
  t.same((await next.find()).events, [])
  t.equal(onDisk().length, 0, 'the next process deletes what is too old')
  next.record([], ['c:1'])
  await next.close()
  t.same((await start().find()).events.length, 1)
})

t.test('a line that was cut by a kill is left out, and costs no other', async (t) => {
  const { start, files, onDisk } = keeping(t)
  const first = start()
  first.record([], names(3))
  await first.close()
  const [path = '', text = ''] = onDisk()[0] ?? []
  files.overwrite(path, text.slice(0, -10))
  await files.write(`${path}.12345678-1234-1234-1234-123456789abc.tmp`, Buffer.from('half'))
  const second = start()
  t.same(await second.addresses(), ['joined host-1:1', 'joined host-0:1'])
  second.record([], ['later:1'])
  t.match((await second.find()).events[0], { id: 3, address: 'later:1' })
  await second.close()
  t.equal(onDisk().length, 2, 'another file is begun')
  t.equal(Object.keys(files.contents()).length, 2, 'what was not renamed is removed')
  const third = start()
  t.same(await third.addresses(), ['joined later:1', 'joined host-1:1', 'joined host-0:1'])
})

t.test('a kill while events are written costs those, and no start', async (t) => {
  const { start, files } = keeping(t)
  const first = start()
  first.record([], ['a:1'])
  await first.close()
  files.hang('/data/history')
  first.record([], ['b:1'])
  // It is being written.
  await new Promise((resolve) => setImmediate(resolve))
  files.kill()
  files.release('/data/history')
  const second = start()
  t.same(await second.addresses(), ['joined a:1'])
  second.record([], ['c:1'])
  t.match((await second.find()).events, [{ id: 2, address: 'c:1' }, { id: 1 }])
})

t.test('a file of which nothing can be read costs no other, and ids grow all the same', async (t) => {
  const { start, files, onDisk } = keeping(t)
  const first = start()
  first.record([], names(3))
  await first.close()
  files.overwrite(onDisk()[0]?.[0] ?? '', 'null\n{"id":7}\nrubbish\n')
  await files.write('/data/history/notes', Buffer.from('of somebody else'))
  const second = start()
  t.same((await second.find()).events, [])
  second.record([], ['a:1'])
  t.match((await second.find()).events, [{ id: 2 }])
  await second.close()
  t.ok('/data/history/notes' in files.contents())
})

t.test('a full disk fails nothing; what it takes later is all there, once', async (t) => {
  const { start, files, messages, value } = keeping(t)
  const history = start()
  history.record([], ['a:1'])
  await history.find()
  await history.close()
  files.fail('/data/history', 'ENOSPC', ['append', 'write'])
  history.record([], ['b:1'])
  history.record(['b:1'], ['b:1', 'c:1'])
  t.same(await history.addresses(), ['joined c:1', 'joined b:1', 'joined a:1'], 'they are found')
  await history.close()
  t.match(history.status(), { path: '/data/history', error: /ENOSPC/ })
  t.ok((await value('write_failures_total')) >= 1)
  t.same(messages(), ['history not written; check its folder and the disk'], 'told once')
  files.fail('/data/history', undefined)
  await history.close()
  t.equal(history.status().error, undefined)
  t.same(messages().slice(1), ['history written again'])
  t.same(await start().addresses(), ['joined c:1', 'joined b:1', 'joined a:1'])
})

t.test('what the disk does not take for long is left out, and that is said', async (t) => {
  const { start, files, value } = keeping(t, { maxBytes: 2 ** 24 })
  const history = start()
  await history.find()
  files.fail('/data/history', 'ENOSPC')
  for (let round = 0; round < 7; round++) {
    history.record([], names(900, round * 1_000))
    await history.find()
  }
  t.equal(await value('events_dropped_total'), 6_300 - MAX_WAITING)
  files.fail('/data/history', undefined)
  await history.close()
  history.record([], ['last:1'])
  const [last, note] = (await history.find({ limit: 2 })).events
  t.match([last, note], [{ address: 'last:1' }, { address: '', why: /^1300 events were lost/ }])
})

t.test('a disk that hangs holds up no change; what cannot be read is an error, not nothing', async (t) => {
  const { start, files, clock, value } = keeping(t)
  const first = start()
  first.record([], ['a:1'])
  await first.close()
  files.hang('/data/history')
  const history = start()
  await new Promise((resolve) => setImmediate(resolve))
  history.record([], ['b:1'])
  const asked = t.rejects(history.find({ limit: 1 }), { code: 'history_unavailable' })
  for (let second = 0; second < 40; second++) {
    clock.pass(1_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await asked
  t.match(history.status().error, /hang/)
  t.ok((await value('write_failures_total')) >= 1)
  files.release('/data/history')
  await new Promise((resolve) => setImmediate(resolve))
  t.same(await history.addresses(), ['joined b:1', 'joined a:1'])
})

t.test('a file that cannot be read any more is an error', async (t) => {
  const { start, files } = keeping(t)
  const history = start()
  history.record([], ['a:1'])
  await history.close()
  files.fail('/data/history', 'EIO', ['read'])
  await t.rejects(history.find(), { code: 'history_unavailable', message: /EIO/ })
})

t.test('an unreadable folder is tried again', async (t) => {
  const { start, files } = keeping(t)
  const first = start()
  first.record([], ['a:1'])
  await first.close()
  files.fail('/data/history', 'EACCES')
  const second = start()
  await t.rejects(second.find(), { code: 'history_unavailable' })
  await t.rejects(second.parts(), /EACCES/)
  files.fail('/data/history', undefined)
  t.same(await second.addresses(), ['joined a:1'])
})

t.test('files that somebody removed are missed, and nothing fails', async (t) => {
  const { start, files, onDisk } = keeping(t)
  const history = start()
  history.record([], ['a:1'])
  await history.find()
  await history.close()
  await files.remove(onDisk()[0]?.[0] ?? '')
  t.same((await history.find()).events, [])
  t.same(await history.parts(), [])
  history.record([], ['b:1'])
  await history.close()
  t.same(await history.addresses(), ['joined b:1'])
})

t.test('changes that come while others are compared are compared as one', async (t) => {
  const { start } = keeping(t)
  const history = start()
  history.record([], ['a:1'])
  history.record(['a:1'], ['a:1', 'b:1'])
  history.record(['a:1', 'b:1'], ['b:1'])
  t.same(await history.addresses(), ['joined b:1'])
})

t.test('large lists are compared in a thread; when there is none, that is said', async (t) => {
  const { start } = keeping(t)
  const history = start()
  // More than is compared where it is.
  const long = names(150_000)
  history.record(long, [...long, 'new:1'])
  t.same(await history.addresses(), ['joined new:1'])
  const threads = createThreads()
  await threads.close()
  const clock = manualClock()
  const { log } = recordingLog()
  const without = createHistory(
    { storagePath: undefined, maxAgeMs: DAY_MS, maxBytes: 2 ** 20 },
    { files: memoryFiles({ clock }), clock, threads, metrics: createMetrics('test').history, log },
  )
  without.record({
    source: 'cmdb',
    atMs: clock.now(),
    before: listOf(long),
    after: listOf(['a:1']),
    wallAheadMs: 0,
    isPush: false,
  })
  t.match((await without.find({ limit: 10 })).events, [
    { address: '', why: /which targets changed is unknown/ },
  ])
})

t.test('few searches at a time', async (t) => {
  const { start } = keeping(t)
  const history = start()
  const ends = await Promise.allSettled(Array.from({ length: 20 }, () => history.find()))
  const refused = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason.code] : []))
  t.same([...new Set(refused)], ['overloaded'])
  t.equal(refused.length, 12)
  await history.find()
})

t.test('the files are what a backup needs', async (t) => {
  const { start, files } = keeping(t)
  const history = start()
  history.record([], names(3))
  const parts = await history.parts()
  t.equal(parts.length, 1)
  for (const { path, pieces } of parts)
    t.equal(Buffer.concat(pieces).toString(), files.contents()[join('/data', path)])
})

/** What happened to so many targets. */
const draftsOf = (...addresses: readonly string[]) =>
  addresses.map((address) => ({ kind: 'joined', address, place: {}, why: 'it is there' }) as const)

t.test('events of other replicas are in order of their time, whenever they come', async (t) => {
  const { start, clock, onDisk } = keeping(t, { isShared: true })
  const history = start()
  const now = clock.now()
  t.equal(await history.publicationOf('cmdb'), 0)
  history.record([], ['own:1'])
  await history.find()
  t.equal(await history.note('cmdb', now - 2 * DAY_MS, draftsOf('a:1', 'b:1'), true), true)
  t.equal(await history.note('cmdb', now - DAY_MS, draftsOf('c:1'), true), true)
  t.equal(await history.note('stores', now - 3 * DAY_MS, draftsOf('s:1'), true), true)
  clock.advance(1_000)
  history.record(['own:1'], ['own:1', 'own:2'])
  const all = ['own:2', 'own:1', 'c:1', 'b:1', 'a:1', 's:1'].map((address) => `joined ${address}`)
  t.same(await history.addresses(), all)
  t.same(await history.addresses({ sinceMs: now - 1.5 * DAY_MS }), all.slice(0, 3))
  t.same(await history.addresses({ sinceMs: now - 2.5 * DAY_MS }), all.slice(0, 5))
  t.equal(await history.publicationOf('cmdb'), now - DAY_MS)
  await history.close()
  const next = start()
  t.equal(await next.publicationOf('cmdb'), now - DAY_MS, 'the next process knows how far it is')
  t.equal(await next.publicationOf('stores'), now - 3 * DAY_MS)
  t.same(await next.addresses(), all)
  const paged: string[] = []
  for (let before: number | undefined; ; ) {
    const page = await next.find({ limit: 2, before })
    paged.push(...page.events.map(({ address }) => `joined ${address}`))
    before = page.next
    if (before === undefined) break
  }
  t.same(paged, all)
  t.equal((await next.find()).events[2]?.id, (now - DAY_MS) * 1024, 'the same on every replica')
  t.equal((await next.find()).events[3]?.id, (now - 2 * DAY_MS) * 1024 + 1)
  t.ok(onDisk().length >= 1)
})

t.test('events that are noted twice are found once, and those that are not next prove nothing', async (t) => {
  const { start, clock } = keeping(t, { isShared: true })
  const history = start()
  const now = clock.now()
  await history.note('cmdb', now, draftsOf('b:1'), false)
  t.equal(await history.publicationOf('cmdb'), 0)
  await history.note('cmdb', now - 5, draftsOf('a:1'), true)
  await history.note('cmdb', now, draftsOf('b:1'), true)
  await history.note('stores', now, draftsOf('b:1'), true)
  t.same(
    (await history.find()).events.map(({ source, address }) => [source, address]),
    [
      ['cmdb', 'b:1'],
      ['stores', 'b:1'],
      ['cmdb', 'a:1'],
    ],
  )
  t.same((await history.find({ limit: 1 })).events.length, 2, 'a page takes all of one id')
  const { next } = await history.find({ limit: 1 })
  t.same(await history.addresses({ limit: 1, before: next }), ['joined a:1'])
  await history.close()
  t.equal((await start().find()).events.length, 3)
})

t.test('events of one time are never under one id', async (t) => {
  const { start } = keeping(t, { isShared: true })
  const shared = start()
  shared.record([], names(3))
  shared.record([], ['x:1'], 'stores')
  const ids = (await shared.find()).events.map(({ id }) => id)
  t.same(
    ids,
    [...new Set(ids)].sort((a, b) => b - a),
  )
  await shared.close()
})

t.test('what the disk does not take of other replicas is asked for again', async (t) => {
  const { start, clock, files, value } = keeping(t, { isShared: true, maxBytes: 2 ** 24 })
  const history = start()
  await history.find()
  files.fail('/data/history', 'ENOSPC', ['append', 'write'])
  const now = clock.now()
  let taken = 0
  while (await history.note('cmdb', now + taken, draftsOf(...names(900)), true)) taken++
  t.equal(taken, Math.floor(MAX_WAITING / 900))
  t.equal(await history.publicationOf('cmdb'), now + taken - 1)
  t.equal(await value('events_dropped_total'), 0)
  t.equal(await history.note('cmdb', now + taken, draftsOf(...names(900)), false), false)
  t.equal(await value('events_dropped_total'), 900, 'of its own there is no other place')
  files.fail('/data/history', undefined)
  t.equal(await history.note('cmdb', now + taken, draftsOf(...names(900), 'last:1'), true), true)
  t.same(await history.addresses({ limit: 1 }), ['joined last:1'])
  t.equal(history.status().error, undefined)
})

t.test('in memory the newest events of all replicas are found', async (t) => {
  const { start, clock } = keeping(t, { isShared: true, isInMemory: true })
  const history = start()
  const now = clock.now()
  for (let round = 0; round < 6; round++)
    t.equal(await history.note('cmdb', now + round, draftsOf(...names(1_000)), true), true)
  t.equal((await history.find({ limit: 10_000 })).events.length, MAX_WAITING)
  t.equal(await history.publicationOf('cmdb'), now + 5)
})

const eventOf = (id: number, atMs: number, length: number): TargetEvent => ({
  id,
  atMs,
  source: 's',
  kind: 'joined',
  address: `a${id}`,
  place: {},
  why: 'x'.repeat(length),
})

t.test('the bounds of size and age hold, and the newest are never lost, whatever happens', async (t) => {
  const maxBytes = 20_000
  const maxAgeMs = 1_000_000
  const step = fc.record({
    events: fc.array(fc.nat(300), { maxLength: 30 }),
    passMs: fc.oneof(fc.nat(50_000), fc.nat(2_000_000)),
    fault: fc.constantFrom('none', 'none', 'none', 'restart', 'torn', 'append'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
      const clock = manualClock()
      const files = memoryFiles({ clock })
      const open = () => createSegments('/h', { maxAgeMs, maxBytes }, { files, clock })
      let segments = open()
      await segments.open()
      let written: TargetEvent[] = []
      for (const { events, passMs, fault } of steps) {
        clock.advance(passMs)
        if (fault === 'append') files.fail('/h', 'EIO', ['append'])
        const added = events.map((length, index) =>
          eventOf(segments.lastId() + 1 + index, clock.now(), length),
        )
        await segments.append(added)
        files.fail('/h', undefined)
        written = [...written, ...added]
        if (fault === 'restart' || fault === 'torn') {
          const [path, text] = Object.entries(files.contents()).at(-1) ?? []
          if (fault === 'torn' && path !== undefined && text !== undefined)
            files.overwrite(path, `${text}{"id":9`)
          const before = segments.lastId()
          segments = open()
          await segments.open()
          if (segments.bytes() > 0) t.equal(segments.lastId(), before)
        }
        const sizes = Object.values(files.contents()).map((text) => text.length)
        const total = sizes.reduce((sum, size) => sum + size, 0)
        if (total > maxBytes + 10) throw new Error(`${total} bytes`)
        const found: number[] = []
        for await (const { text } of segments.read(Number.NEGATIVE_INFINITY)) {
          for (const line of text.split('\n').reverse()) {
            if (!line.endsWith('}')) continue
            const event = JSON.parse(line) as TargetEvent
            // What was written in part, and then again.
            if (found.includes(event.id)) continue
            found.push(event.id)
            const limitMs = maxAgeMs + maxAgeMs / 30 + 1
            if (added.length > 0 && clock.now() - event.atMs > limitMs) throw new Error('too old')
          }
        }
        const newest = [...written].reverse().map(({ id }) => id)
        if (JSON.stringify(newest.slice(0, found.length)) !== JSON.stringify(found))
          throw new Error(`${found} is not the newest of ${newest}`)
        if (added.length > 0 && found[0] !== added.at(-1)?.id) throw new Error('the newest is lost')
      }
    }),
    { numRuns: 100 },
  )
})

t.test('late events are found like others, by time and in pages', async (t) => {
  const late = fc.record({ lateMs: fc.nat(3_000_000), count: fc.nat(30), passMs: fc.nat(100_000) })
  await fc.assert(
    fc.asyncProperty(
      fc.array(late, { minLength: 1, maxLength: 20 }),
      fc.nat(3_000_000),
      fc.integer({ min: 1, max: 40 }),
      async (steps, sinceMs, limit) => {
        const { start, clock } = keeping(t, { isShared: true, maxAgeMs: 2_000_000, maxBytes: 200_000 })
        const history = start()
        const noted = new Map<number, number>()
        for (const { lateMs, count, passMs } of steps) {
          clock.advance(passMs)
          const atMs = clock.now() - lateMs
          await history.note('s', atMs, draftsOf(...names(count)), true)
          for (let index = 0; index < count; index++) noted.set(atMs * 1024 + index, atMs)
        }
        const fromMs = clock.now() - sinceMs
        const found: number[] = []
        for (let before: number | undefined; ; ) {
          const page = await history.find({ limit, before, sinceMs: fromMs })
          found.push(...page.events.map(({ id }) => id))
          before = page.next
          if (before === undefined) break
        }
        const wanted = [...noted].filter(([, atMs]) => atMs >= Math.max(fromMs, clock.now() - 2_000_000))
        const newest = wanted.map(([id]) => id).sort((a, b) => b - a)
        if (String(found) !== String(newest)) throw new Error(`${found} is not ${newest}`)
        await history.close()
      },
    ),
    { numRuns: 100 },
  )
})

t.test('a history on a real disk outlasts its process', async (t) => {
  const folder = t.testdir({})
  const clock = manualClock()
  const threads = createThreads()
  t.teardown(() => threads.close())
  const { log } = recordingLog()
  const open = () =>
    createHistory(
      { storagePath: folder, maxAgeMs: DAY_MS, maxBytes: 2 ** 20 },
      { files: diskFiles, clock, threads, metrics: createMetrics('test').history, log },
    )
  const first = open()
  const change = { source: 'cmdb', atMs: clock.now(), wallAheadMs: 0, isPush: false }
  first.record({ ...change, before: undefined, after: listOf(names(7)) })
  first.record({ ...change, before: listOf(names(7)), after: listOf(names(8)) })
  await first.close()
  t.match((await open().find({ limit: 10 })).events, [{ id: 1, why: /first list: 8 targets/ }])
})
