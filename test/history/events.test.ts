import t from 'tap'
import { eventsInThread, eventsOf, type ListChange, MAX_EVENTS } from '../../src/history/events.ts'
import type { Draft } from '../../src/model/history.ts'
import type { Labels } from '../../src/model/labels.ts'
import { hashKey, NO_KEY } from '../../src/model/record-key.ts'
import { createPacker } from '../../src/pipeline/pack.ts'
import { callAgain, callRoll, letGo, openRoll, type Reading, type Roll } from '../../src/roll/roll.ts'
import { occasionAt } from '../helpers/occasion.ts'

type Made = readonly [address: string, labels?: Labels, key?: string]

const MINUTE_MS = 60_000

function readingOf(targets: readonly Made[]): Reading {
  const packer = createPacker()
  for (const [address, labels = [], key] of targets) {
    packer.add({ address, labels }, key === undefined ? NO_KEY : hashKey(key, 0))
  }
  return { ...packer.pack(), unreadable: new Set(), keyless: 0, idle: 0, isAtRest: true }
}

const opened = (targets: readonly Made[]) => openRoll(readingOf(targets), occasionAt(0)).roll

const read = (roll: Roll, targets: readonly Made[], nowMs: number) =>
  callRoll(roll, readingOf(targets), occasionAt(nowMs))?.roll as Roll

const many = (count: number, first = 0): Made[] =>
  Array.from({ length: count }, (_, index) => [`host-${first + index}:1`] as const)

function between(before: Roll | undefined, after: Roll, more: Partial<ListChange> = {}): Draft[] {
  return eventsOf({ before, after, wallAheadMs: 0, isPush: false, ...more })
}

const shown = (events: readonly Draft[]) => events.map(({ kind, address }) => `${kind} ${address}`)

t.test('the first list is one event, however long it is', async (t) => {
  t.same(between(undefined, opened(many(3))), [
    { kind: 'joined', address: '', place: {}, why: 'first list: 3 targets' },
  ])
})

t.test('the same list has no events, nor has another order of the same groups', async (t) => {
  const roll = opened([['a:1', [['x', '1']]], ['b:1']])
  t.same(between(roll, roll), [])
})

t.test('a thread finds the same events', async (t) => {
  const change = { before: opened(many(5_000)), after: opened(many(5_000, 1)), wallAheadMs: 0, isPush: false }
  t.same(shown(eventsInThread(change)), ['left host-0:1', 'joined host-5000:1'])
  t.same(eventsInThread(change), eventsOf(change))
})

t.test('a target that joined, with the labels that say where it is scraped', async (t) => {
  const place: Labels = [
    ['__metrics_path__', '/probe'],
    ['room', '7'],
  ]
  const before = opened([['a:1']])
  const [event, ...others] = between(before, read(before, [['a:1'], ['b:1', place]], MINUTE_MS))
  t.same(others, [])
  t.match(event, { kind: 'joined', address: 'b:1', place: { __metrics_path__: '/probe' }, why: /inventory/ })
  t.notOk('room' in (event?.place ?? {}))
})

t.test('a target that left says since when and in how many readings it was missing', async (t) => {
  const first = opened(many(30))
  const missing = read(first, many(29), MINUTE_MS)
  t.same(between(first, missing), [], 'it is still served')
  const gone = callAgain(missing, occasionAt(2 * MINUTE_MS)).roll
  const [event, ...others] = between(missing, gone, { wallAheadMs: 1_000_000 })
  t.same(others, [])
  t.match(event, { kind: 'left', address: 'host-29:1' })
  t.match(event?.why, /2 readings, since 1970-01-01T00:17:40\.000Z$/)
})

t.test('what an operator accepted says so, and why it was held', async (t) => {
  const first = opened(many(30))
  const held = read(first, many(5), MINUTE_MS)
  const [one] = held.held
  const called = letGo(held, one?.digest ?? '', 2 * MINUTE_MS)
  const events = between(held, called?.roll as Roll)
  t.equal(events.length, 25)
  for (const { kind, why } of events) {
    t.equal(kind, 'left')
    t.match(why, /^an operator accepted it; .*held: too many of the targets/)
  }
})

t.test('what was held and then let go says why it was held, and names no operator', async (t) => {
  let roll = opened(many(30))
  let before = roll
  for (let minute = 1; roll.keys.length === 30; minute++) {
    before = roll
    roll = read(roll, many(5), minute * MINUTE_MS)
    t.ok(minute < 60)
  }
  for (const { why } of between(before, roll)) {
    t.match(why, /^the inventory lacked it for \d+ readings, since .*held: too many/)
    t.notMatch(why, /operator/)
  }
})

t.test('a target whose record has another address now says which', async (t) => {
  const others = many(30)
  const first = opened([...others, ['old:1', [], 'sensor-7']])
  const moved: Made[] = [...others, ['new:1', [], 'sensor-7'], ['other:1', [], 'x']]
  const both = read(first, moved, MINUTE_MS)
  t.same(shown(between(first, both)), ['joined new:1', 'joined other:1'])
  const [left] = between(both, callAgain(both, occasionAt(2 * MINUTE_MS)).roll)
  t.match(left, { kind: 'left', address: 'old:1', why: /^its record has the address new:1 now/ })
})

t.test('of records that share a key one address is named', async (t) => {
  const twins: Made[] = many(20).map(([address]) => [address, [], 'twin'] as const)
  const before = opened([['old:1', [], 'twin'], ...twins])
  t.match(between(before, opened(twins))[0]?.why, /^its record has the address host-0:1 now/)
})

t.test('what a push source lets go says how the registration ended', async (t) => {
  const all: Made[] = ['a', 'b', 'c', 'd'].map((id) => [`${id}:1`, [], id] as const)
  const before = opened(all)
  const after = opened(all.slice(0, 1))
  const endings = new Map([
    [hashKey('b', 0), 'left' as const],
    [hashKey('c', 0), 'expired' as const],
  ])
  const whys = between(before, after, { isPush: true, endings }).map(({ why }) => why)
  t.match(whys, [/unregistered/, /lease expired/, /no longer registered/])
  t.match(between(after, before, { isPush: true })[0]?.why, /device registered/)
  t.match(between(before, after, { isPush: true })[0]?.why, /no longer registered/)
})

t.test('what the last reading alone lacked, and what is let go for one reason, says so', async (t) => {
  const [before, after] = [opened(many(2)), opened(many(1))]
  t.match(between(before, after)[0]?.why, /^the last reading lacked it$/)
  t.equal(between(before, after, { why: 'its source was removed' })[0]?.why, 'its source was removed')
})

t.test('labels that changed are named with their values, masked and cut', async (t) => {
  const before = opened([
    [
      'a:1',
      [
        ['gone', 'x'],
        ['password', 'hunter2'],
        ['room', '1'],
        ['same', 's'],
      ],
    ],
  ])
  const after = opened([
    [
      'a:1',
      [
        ['long', 'y'.repeat(100)],
        ['password', 'correct-horse'],
        ['room', 'correct-horse 2'],
        ['same', 's'],
        ['whole', 'z'.repeat(20_000)],
      ],
    ],
  ])
  const [event, ...others] = between(before, after)
  t.same(others, [])
  t.match(event, { kind: 'changed', address: 'a:1' })
  t.match(event?.why, 'gone "x" → (none), long (none) → "yyy')
  t.match(event?.why, 'password "<secret>" → "<secret>", room "1" → "<secret> 2", whole (none) → "…"')
  t.notMatch(event?.why, /hunter2|correct|same|y{81}/)
})

t.test('of many labels that changed ten are named', async (t) => {
  const labels = (value: string): Labels => Array.from({ length: 15 }, (_, index) => [`l${index}`, value])
  const [event] = between(opened([['a:1', labels('1')]]), opened([['a:1', labels('2')]]))
  t.match(event?.why, /and 5 more$/)
})

t.test('an address that holds a secret is masked', async (t) => {
  const before = opened([['a:1']])
  const after = opened([['a:1'], ['redis://user:hunter2@cache:1'], [`${'x'.repeat(700)}:1`]])
  const [secret, long] = between(before, after)
  t.equal(secret?.address, 'redis://<secret>@cache:1')
  t.equal(long?.address.length, 501)
})

t.test('of targets of one identity each is compared with the one of the same labels', async (t) => {
  const of = (...rooms: string[]): Made[] => rooms.map((room) => ['a:1', [['room', room]]] as const)
  t.same(shown(between(opened(of('1', '2')), opened(of('2')))), ['left a:1'])
  t.same(shown(between(opened(of('2')), opened(of('1', '2')))), ['joined a:1'])
  const [event, ...others] = between(opened(of('1', '2', '3')), opened(of('0', '2', '3')))
  t.same(others, [])
  t.match(event, { kind: 'changed', why: 'labels changed: room "1" → "0"' })
  t.same(shown(between(opened(of('1', '2', '3')), opened(of('4')))), ['left a:1', 'left a:1', 'changed a:1'])
})

t.test('a change of the configuration, and the replica that read, are named', async (t) => {
  const before = opened([['a:1'], ['c:1']])
  const after = opened([['a:1', [['x', '1']]], ['b:1']])
  const other = { ...after, seen: { ...after.seen, selection: 'another' } }
  const [left, joined, changed] = between(before, other, { reader: 'r-2' }).map(({ why }) => why)
  t.match(left, /lacked it \(read by the replica r-2\)$/)
  for (const why of [joined, changed]) t.match(why, /configuration changed \(read by the replica r-2\)$/)
  t.match(between(undefined, after, { reader: 'r-2' })[0]?.why, /r-2/)
})

t.test(
  'of a large change the first thousand are told, and how many more there are of each kind',
  async (t) => {
    const kept: Made[] = many(300)
    const before = opened([...kept, ...many(1_200, 10_000)])
    const relabelled = kept.map(([address]) => [address, [['x', '1']]] as const)
    const events = between(before, opened([...relabelled, ...many(50, 50_000)]))
    const named = events.filter(({ address }) => address !== '')
    t.equal(named.length, MAX_EVENTS)
    t.ok(named.every(({ kind }) => kind === 'left'))
    t.same(
      events.filter(({ address }) => address === '').map(({ kind, why }) => [kind, why]),
      [
        ['left', '200 more targets left'],
        ['joined', '50 more targets joined'],
        ['changed', 'the labels of 300 more targets changed'],
      ],
    )
  },
)

t.test('lists that have nothing in common are compared as a whole, and give the same', async (t) => {
  const own = (mark: string) =>
    Array.from(
      { length: 12_000 },
      (_, index): Made => [`${mark}-${index}:1`, [['n', `${mark}${'x'.repeat(60)}${index}`]], String(index)],
    )
  const [before, after] = [opened(own('a')), opened([...own('b'), ...own('a').slice(11_999)])]
  const events = between(before, after)
  t.match(events.at(-1), { kind: 'joined', why: '12000 more targets joined' })
  t.match(events[1_000], { kind: 'left', why: '10999 more targets left' })
  t.match(events[0], { kind: 'left', why: /its record has the address b-/ })
})
