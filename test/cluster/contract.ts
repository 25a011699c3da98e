import { createHash, randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import type { ClusterStore, Lease, Message, Publication } from '../../src/cluster/store.ts'
import { until } from '../helpers/until.ts'

/** One store that two replicas reach. */
export interface Rig {
  readonly a: ClusterStore
  readonly b: ClusterStore
  /** Lets so much time go by on the clock of the store, in milliseconds. */
  pass(ms: number): Promise<void>
}

const MINUTE = 60_000

/** Generations are times. */
const T = 1_790_000_000_000

/** What replica `a` or `b` wants of a lease. */
export const wanted = (name: 'a' | 'b', forMs = MINUTE): Lease => ({
  replicaId: `${name}-1`,
  replicaName: name,
  isWanted: true,
  forMs,
})

/** A publication with a list of its own, by `a`, which has the lease. */
export function publication(change: Partial<Publication> & { text?: string } = {}): Publication {
  const { text = 'list', ...rest } = change
  const list = Buffer.from(text)
  return {
    base: 0,
    generation: 1,
    head: Buffer.from([0, 255, 10, 13]),
    digest: createHash('sha256').update(list).digest('hex'),
    list,
    replicaId: 'a-1',
    ...rest,
  }
}

const replica = (id: string, leases = 0) => ({ id, name: id, version: '1.2.3', leases })
const registered = (id: string, line: string | undefined = `line of ${id}`) => ({ id, line })

/** What any store does; every store passes the same table. */
const CONTRACT: Readonly<Record<string, (t: Test, rig: Rig) => Promise<void>>> = {
  async 'nobody has a lease at first, and looking does not take it'(t, { a }) {
    const seen = await a.look('s', { ...wanted('a'), isWanted: false })
    t.equal(seen.holder, undefined)
    t.equal(seen.generation, 0)
    t.ok(seen.timeMs > 1.6e12)
  },

  async 'who wants a lease has it, and nobody else'(t, { a, b }) {
    t.same((await a.look('s', wanted('a'))).holder, { id: 'a-1', name: 'a' })
    t.same((await b.look('s', wanted('b'))).holder, { id: 'a-1', name: 'a' })
    t.same((await b.look('other', wanted('b'))).holder, { id: 'b-1', name: 'b' })
  },

  async 'a lease runs out, and looking again keeps it, wanted or not'(t, { a, b, pass }) {
    await a.look('s', wanted('a', 1_500))
    await pass(700)
    await a.look('s', { ...wanted('a', 1_500), isWanted: false })
    await pass(900)
    t.equal((await b.look('s', wanted('b'))).holder?.id, 'a-1')
    await pass(800)
    t.equal((await b.look('s', wanted('b'))).holder?.id, 'b-1')
  },

  async 'a lease is given back by its holder only'(t, { a, b }) {
    await a.look('s', wanted('a'))
    await b.release('s', 'b-1')
    t.equal((await b.look('s', wanted('b'))).holder?.id, 'a-1')
    await a.release('s', 'a-1')
    await a.release('s', 'a-1')
    t.equal((await b.look('s', wanted('b'))).holder?.id, 'b-1')
  },

  async 'names may hold anything'(t, { a, b }) {
    const name = 'pod\n"ä"\\0\u{1f600}'
    await a.look('s', { ...wanted('a'), replicaName: name })
    t.same((await b.look('s', wanted('b'))).holder, { id: 'a-1', name })
  },

  async 'replicas see each other, in order, until they say nothing'(t, { a, b, pass }) {
    t.same(await b.meet(replica('b', 2), 1_500), [replica('b', 2)])
    t.same(await a.meet(replica('a'), MINUTE), [replica('a'), replica('b', 2)])
    t.same(
      (await b.meet(replica('c'), 1_500)).map(({ id }) => id),
      ['a', 'b', 'c'],
    )
    await pass(1_600)
    t.same(await a.meet(replica('a', 1), MINUTE), [replica('a', 1)])
  },

  async 'what is published is taken, byte for byte'(t, { a, b }) {
    t.equal(await b.take('s', undefined), undefined)
    await a.look('s', wanted('a'))
    const list = randomBytes(100_000)
    const digest = createHash('sha256').update(list).digest('hex')
    const next = publication({ generation: 1_790_000_000_123, list, digest })
    t.equal(await a.publish('s', next), 'published')
    const { generation, head } = next
    const taken = { generation, head, digest, eventsUntil: 0 }
    t.same(await b.take('s', undefined), { ...taken, list })
    t.same(await b.take('s', 'f'.repeat(64)), { ...taken, list })
    t.same(await b.take('s', digest), { ...taken, list: undefined })
    t.equal((await b.look('s', wanted('b'))).generation, generation)
    t.equal(await b.take('other', undefined), undefined)
  },

  async 'an empty list is a list'(t, { a, b }) {
    await a.look('s', wanted('a'))
    t.equal(await a.publish('s', publication({ text: '' })), 'published')
    t.same((await b.take('s', undefined))?.list, Buffer.alloc(0))
  },

  async 'what does not follow the newest generation is refused'(t, { a, b }) {
    await a.look('s', wanted('a'))
    t.equal(await a.publish('s', publication({ base: 3, generation: 4 })), 'refused')
    t.equal(await a.publish('s', publication({ generation: 5 })), 'published')
    t.equal(await a.publish('s', publication({ base: 0, generation: 6 })), 'refused')
    t.equal(await a.publish('s', publication({ base: 5, generation: 5 })), 'refused')
    t.equal(await a.publish('s', publication({ base: 5, generation: 4 })), 'refused')
    t.equal((await b.take('s', undefined))?.generation, 5)
    t.equal(await a.publish('s', publication({ base: 5, generation: 6, text: 'more' })), 'published')
    t.equal(String((await b.take('s', undefined))?.list), 'more')
  },

  async 'only the holder of the lease publishes what it read'(t, { a, b }) {
    t.equal(await a.publish('s', publication()), 'refused')
    await b.look('s', wanted('b'))
    t.equal(await a.publish('s', publication()), 'refused')
    t.equal(await b.publish('s', publication({ replicaId: 'b-1' })), 'published')
    t.equal(await a.publish('s', publication({ base: 1, generation: 2, replicaId: undefined })), 'published')
  },

  async 'a list that is stored need not be sent again, and one that is not must be'(t, { a, b }) {
    await a.look('s', wanted('a'))
    const unsent = publication({ list: undefined })
    t.equal(await a.publish('s', unsent), 'needs_list')
    t.equal(await a.publish('s', publication()), 'published')
    const head = Buffer.from('second')
    t.equal(await a.publish('s', { ...unsent, base: 1, generation: 2, head }), 'published')
    const taken = await b.take('s', undefined)
    t.same(taken, { generation: 2, head, digest: unsent.digest, list: Buffer.from('list'), eventsUntil: 0 })
    const other = publication({ text: 'other', base: 2, generation: 3 })
    t.equal(await a.publish('s', { ...other, list: undefined }), 'needs_list')
    t.equal((await b.take('s', undefined))?.generation, 2)
    t.equal(await a.publish('s', { ...unsent, base: 1, generation: 2 }), 'refused', 'and not needs_list')
  },

  async 'events are stored with their generation, and read after any other, in order'(t, { a, b }) {
    await a.look('s', wanted('a'))
    t.same(await b.eventsAfter('s', 0), [])
    const bytes = Buffer.from([0, 255, 10, 13])
    let base = 0
    const publish = (generation: number, text?: string) => {
      const news = text === undefined ? undefined : { events: Buffer.from(text), since: 0, maxBytes: 1e6 }
      const next = publication({ base, generation, news })
      base = generation
      return a.publish('s', next)
    }
    t.equal(await publish(T, 'first'), 'published')
    t.equal(await publish(T + 5), 'published')
    t.equal((await b.look('s', wanted('b'))).eventsUntil, T, 'the last that has some')
    t.equal((await b.take('s', undefined))?.eventsUntil, T)
    const news = { events: bytes, since: 0, maxBytes: 1e6 }
    t.equal(await a.publish('s', publication({ base, generation: T + 7, news, text: 'more' })), 'published')
    t.match(await b.take('s', undefined), {
      generation: T + 7,
      eventsUntil: T + 7,
      list: Buffer.from('more'),
    })
    const last = { generation: T + 7, events: bytes }
    t.same(await b.eventsAfter('s', 0), [{ generation: T, events: Buffer.from('first') }, last])
    t.same(await b.eventsAfter('s', T), [last])
    t.same(await b.eventsAfter('s', T + 6), [last])
    t.same(await b.eventsAfter('s', T + 7), [])
    t.same(await b.eventsAfter('other', 0), [])
  },

  async 'events of what is refused are not stored'(t, { a, b }) {
    await a.look('s', wanted('a'))
    const news = { events: Buffer.from('never'), since: 0, maxBytes: 1e6 }
    t.equal(await a.publish('s', publication({ base: 3, generation: T, news })), 'refused')
    t.equal(await b.publish('s', publication({ replicaId: 'b-1', news })), 'refused')
    t.equal(await a.publish('s', publication({ list: undefined, news })), 'needs_list')
    t.same(await b.eventsAfter('s', 0), [])
    t.equal((await b.look('s', wanted('b'))).eventsUntil, 0)
  },

  async 'events are forgotten by age and by size, the oldest first'(t, { a, b }) {
    await a.look('s', wanted('a'))
    let base = 0
    const publish = async (generation: number, size: number, since = 0) => {
      const news = { events: Buffer.alloc(size, 'x'), since, maxBytes: 1_000 }
      t.equal(await a.publish('s', publication({ base, generation, news })), 'published')
      base = generation
      const found: number[] = []
      for (let after = 0; ; after = found.at(-1) as number) {
        const page = await b.eventsAfter('s', after)
        if (page.length === 0) return found.map((one) => one - T)
        found.push(...page.map((one) => one.generation))
      }
    }
    t.same(await publish(T, 300), [0])
    t.same(await publish(T + 1, 300), [0, 1])
    t.same(await publish(T + 2, 400), [0, 1, 2], 'as many as there is room for')
    t.same(await publish(T + 3, 301), [2, 3])
    t.same(await publish(T + 4, 100), [2, 3, 4])
    t.same(await publish(T + 9, 100, T + 3), [3, 4, 9], 'by age')
    t.same(await publish(T + 10, 100, T + 9), [9, 10])
    t.same(await publish(T + 11, 1_000), [11])
  },

  async 'registrations are known everywhere, in their order'(t, { a, b }) {
    const none = await b.changesSince('s', undefined)
    t.same(none.changes, [])
    t.equal(none.isWhole, true)
    await a.register('s', [registered('y'), registered('x')], [])
    const first = await b.changesSince('s', undefined)
    t.same(new Set(first.changes), new Set([registered('x'), registered('y')]))
    t.equal(first.isWhole, true)
    t.same(await b.changesSince('s', first.position), { ...first, changes: [], isWhole: false })
    await b.register('s', [{ id: 'x', line: undefined }, registered('z')], [])
    await a.register('s', [registered('y', 'moved')], [])
    const second = await b.changesSince('s', first.position)
    t.same(second.changes, [{ id: 'x', line: undefined }, registered('z'), registered('y', 'moved')])
    t.equal(second.isWhole, false)
    const whole = await a.changesSince('s', undefined)
    t.same(new Set(whole.changes), new Set([registered('z'), registered('y', 'moved')]))
    t.equal(whole.position, second.position)
    t.same((await a.changesSince('other', undefined)).changes, [])
  },

  async 'what is registered as before, or not there to leave, is no change'(t, { a }) {
    await a.register('s', [registered('x')], [])
    const { position } = await a.changesSince('s', undefined)
    await a.register('s', [registered('x'), { id: 'stranger', line: undefined }], ['nobody'])
    t.same(await a.changesSince('s', position), { position, changes: [], isWhole: false })
    t.same((await a.heardSince('s', 0)).ids, ['x'])
  },

  async 'the last word on a device in one batch holds'(t, { a }) {
    const gone = { id: 'x', line: undefined }
    await a.register('s', [registered('x'), gone, registered('y'), gone, registered('y', 'new')], [])
    t.same((await a.changesSince('s', undefined)).changes, [registered('y', 'new')])
  },

  async 'ids and lines may hold anything'(t, { a }) {
    const odd = [registered('', ''), registered('\n\u{1f600}', '\0"ä"\r\n'), registered('1', '1')]
    await a.register('s', odd, [])
    t.same(new Set((await a.changesSince('s', undefined)).changes), new Set(odd))
  },

  async 'a position that nobody knows gives everything'(t, { a }) {
    await a.register('s', [registered('x')], [])
    for (const position of ['0', '7', '', 'rubbish', '99999999999999-9', '5-0']) {
      const { changes, isWhole } = await a.changesSince('s', position)
      t.same({ changes, isWhole }, { changes: [registered('x')], isWhole: true }, position)
    }
  },

  async 'heartbeats are known by their time, and only of who is registered'(t, { a, b, pass }) {
    await a.register('s', [registered('x'), registered('y')], [])
    const before = await b.heardSince('s', 0)
    t.same(new Set(before.ids), new Set(['x', 'y']))
    await pass(50)
    t.same(await b.register('s', [], ['y', 'stranger']), ['stranger'], 'who is not there is told')
    t.same((await a.heardSince('s', before.timeMs + 25)).ids, ['y'])
    await pass(50)
    const { ids, timeMs } = await a.heardSince('s', (await a.heardSince('s', 0)).timeMs)
    t.same(ids, [])
    t.ok(timeMs >= before.timeMs + 100)
  },

  async 'for how long registrations are known'(t, { a, b, pass }) {
    t.equal(await a.knownForMs('s'), 0)
    await a.register('s', [registered('x')], [])
    await pass(50)
    await a.register('s', [registered('y')], [])
    const knownForMs = await b.knownForMs('s')
    t.ok(knownForMs >= 50 && knownForMs < 40_000, String(knownForMs))
    t.equal(await b.knownForMs('other'), 0)
  },

  async 'the holder ends registrations, unless they were heard since'(t, { a, b, pass }) {
    await a.register('s', [registered('x'), registered('y'), registered('z')], [])
    const { timeMs } = await a.heardSince('s', 0)
    const { position } = await b.changesSince('s', undefined)
    await pass(50)
    await b.register('s', [], ['y'])
    t.same(await a.expire('s', 'a-1', ['x'], timeMs), [], 'without the lease')
    await a.look('s', wanted('a'))
    t.same(await b.expire('s', 'b-1', ['x'], timeMs), [], 'it is another')
    t.same(await a.expire('s', 'a-1', ['x', 'y', 'stranger', 'x'], timeMs), ['x', 'stranger', 'x'])
    const { changes } = await b.changesSince('s', position)
    t.same(changes, [{ id: 'x', line: undefined, ending: 'expired' }])
    t.same(new Set((await a.heardSince('s', 0)).ids), new Set(['y', 'z']))
  },

  async 'thousands of devices at once'(t, { a, b }) {
    const ids = Array.from({ length: 20_000 }, (_, index) => `device-${index}`)
    const { position } = await b.changesSince('s', undefined)
    await a.register(
      's',
      ids.map((id) => registered(id)),
      ids,
    )
    t.equal((await b.changesSince('s', position)).changes.length, ids.length)
    t.equal((await b.heardSince('s', 0)).ids.length, ids.length)
    await a.look('s', wanted('a'))
    const { timeMs } = await a.heardSince('s', 0)
    t.equal((await a.expire('s', 'a-1', ids.slice(1), timeMs)).length, ids.length - 1)
    const rest = await b.changesSince('s', undefined)
    t.same(rest.changes, [registered('device-0')])
  },

  async 'a position of long ago gives everything'(t, { a }) {
    await a.register('s', [registered('x')], [])
    const { position } = await a.changesSince('s', undefined)
    for (let round = 0; round < 4; round++) {
      const ids = Array.from({ length: 5_000 }, (_, index) => registered(`${index}`, `line ${round}`))
      await a.register('s', ids, [])
    }
    const { changes, isWhole } = await a.changesSince('s', position)
    t.equal(isWhole, true)
    t.equal(changes.length, 5_001)
  },

  async 'every replica hears every message, its own too'(t, { a, b }) {
    const heard: { a: Message[]; b: Message[] } = { a: [], b: [] }
    a.listen((message) => heard.a.push(message))
    b.listen((message) => heard.b.push(message))
    const messages: Message[] = [
      { kind: 'refresh', source: 's', id: 'q-1' },
      { kind: 'accept', source: 's', id: 'q-2', digest: 'f'.repeat(64) },
      { kind: 'answer', source: 's', id: 'q-2', result: 'held', why: 'a "reason"', generation: 7 },
      { kind: 'unheard', source: 's', why: 'the disk is "full"\n', forMs: 1_500 },
    ]
    for (const message of messages) await a.tell(message)
    await until('they are heard', () => heard.a.length === 4 && heard.b.length === 4)
    t.same(heard, { a: messages, b: messages })
    await b.register('s', [registered('x')], [])
    await b.register('s', [registered('x')], ['x'])
    await b.look('s', wanted('b'))
    await b.publish('s', publication({ replicaId: 'b-1' }))
    await b.publish('s', publication({ replicaId: 'b-1' }))
    await b.expire('s', 'b-1', ['x'], (await b.heardSince('s', 0)).timeMs)
    await until('they are heard', () => heard.a.length === 7)
    t.same(heard.a.slice(4), [
      { kind: 'registrations', source: 's' },
      { kind: 'generation', source: 's' },
      { kind: 'registrations', source: 's' },
    ])
  },

  async 'a store that is closed rejects, however often it is closed'(t, { a, b }) {
    await a.close()
    await a.close()
    await t.rejects(a.look('s', wanted('a')), { name: 'StoreError' })
    await t.rejects(a.take('s', undefined), { name: 'StoreError' })
    t.equal((await b.look('s', wanted('b'))).holder?.id, 'b-1')
  },
}

/** Runs the whole table on one kind of store. */
export function checkStore(t: Test, create: (t: Test) => Promise<Rig>): void {
  for (const [name, check] of Object.entries(CONTRACT)) t.test(name, async (t) => check(t, await create(t)))
}
