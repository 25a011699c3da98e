import t from 'tap'
import { withPast } from '../../src/explain/past.ts'
import type { EventQuery, TargetEvent } from '../../src/model/history.ts'

const NOW_MS = Date.UTC(2026, 0, 10, 12)
const answer = (matches = 0, query = 'a') => ({
  query,
  matches,
  explanations: [],
  verdict: 'not in the inventory',
})

const event = (over: Partial<TargetEvent> = {}): TargetEvent => ({
  id: 1,
  atMs: NOW_MS - 3 * 86_400_000,
  source: 'cmdb',
  kind: 'left',
  address: 'a:1',
  place: {},
  why: 'the last reading lacked it',
  ...over,
})

const verdictOf = async (events: readonly TargetEvent[], nowMs = NOW_MS) => {
  const history = { find: async () => ({ events, next: undefined }) }
  return (await withPast(answer(), undefined, { history, reloadFailure: undefined, nowMs })).verdict
}

t.test('of what is not found it is told when it left, and why', async (t) => {
  t.equal(
    await verdictOf([event()]),
    'not in the inventory; a:1 of cmdb left 3 days ago, at 2026-01-07T12:00:00.000Z: the last reading lacked it',
  )
  for (const [ago, age] of [
    [86_400_000, '1 day'],
    [7_300_000, '2 hours'],
    [61_000, '1 minute'],
    [4_400, '4s'],
    [-5_000, '0s'],
  ] as const)
    t.match(await verdictOf([event({ atMs: NOW_MS - ago })]), `left ${age} ago`)
})

t.test('the newest event of each of three targets is told', async (t) => {
  const events = ['a', 'b', 'a', 'c', 'd'].map((source, index) =>
    event({ source, kind: index === 0 ? 'changed' : index === 1 ? 'joined' : 'left' }),
  )
  const verdict = await verdictOf(events)
  t.match(verdict, /a:1 of a changed its labels .* a:1 of b joined .* a:1 of c left/)
  t.notMatch(verdict, /of a left|of d/)
})

t.test('the address or host is asked for whole, of the source that is asked for', async (t) => {
  const queries: EventQuery[] = []
  const history = {
    find: async (query: EventQuery) => {
      queries.push(query)
      return { events: [], next: undefined }
    },
  }
  const past = { history, reloadFailure: undefined, nowMs: NOW_MS }
  t.same(await withPast(answer(0, ' host=a '), 'cmdb', past), answer(0, ' host=a '))
  t.match(queries, [{ target: 'a', isWhole: true, source: 'cmdb' }])
  const found = { ...answer(1), verdict: 'served as a:1' }
  t.equal(await withPast(found, undefined, past), found, 'what is found needs no past')
  t.equal(queries.length, 1)
})

t.test('a history that cannot be read, or is not kept, costs no explanation', async (t) => {
  const history = {
    find: async () => {
      throw new Error('the history cannot be read: EIO')
    },
  }
  const past = { history, reloadFailure: undefined, nowMs: NOW_MS }
  t.match((await withPast(answer(), undefined, past)).verdict, /^not in the inventory; the history.*EIO$/)
  t.same(await withPast(answer(), undefined, { ...past, history: undefined }), answer())
})

t.test('a reload that failed is told; who asks for one source is not told of the others', async (t) => {
  const reloadFailure = { atMs: Date.UTC(2026, 0, 10), message: 'a: is empty\nb: is empty' }
  const past = { history: undefined, reloadFailure, nowMs: NOW_MS }
  const { verdict } = await withPast(answer(), undefined, past)
  const found = await withPast({ ...answer(1), verdict: 'served as a:1' }, 'cmdb', past)
  t.match(found.verdict, /^served as a:1; the last reload failed at .*Z: see config on \/health;/)
  t.match(
    verdict,
    'failed at 2026-01-10T00:00:00.000Z: a: is empty; b: is empty; the previous configuration is',
  )
})
