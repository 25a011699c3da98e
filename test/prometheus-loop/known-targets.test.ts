import t from 'tap'
import { createKnownTargets, type Found } from '../../src/prometheus/known-targets.ts'

const said = (state: Found['state'], pool = 'node') => ({
  state,
  pool,
  why: undefined,
  lastScrapeMs: undefined,
})

t.test('the best state of a reading counts, with the time since when it is so', async (t) => {
  const targets = createKnownTargets()
  const read = (nowMs: number, ...states: Found['state'][]) => {
    targets.begin()
    for (const state of states) targets.note('s', 'a', said(state), { pool: state, nowMs })
    targets.end()
    return targets.found.get('s')?.get('a')
  }
  t.match(read(1, 'dropped', 'up', 'down'), { state: 'up', pool: 'up', sinceMs: 1 })
  t.match(read(2, 'dropped', 'up'), { state: 'up', sinceMs: 1 })
  t.match(read(3, 'down', 'pending'), { state: 'down', sinceMs: 3 })
  t.match(read(4, 'down'), { state: 'down', sinceMs: 3 })
  t.equal(read(5), undefined)
  t.equal(targets.found.size, 0)
  t.match(read(6, 'down'), { sinceMs: 6 })
})

t.test('there is a limit, and what left makes room', async (t) => {
  const targets = createKnownTargets(2)
  const read = (...keys: string[]) => {
    targets.begin()
    for (const key of keys) targets.note('s', key, said('up'), { pool: 'node', nowMs: 1 })
    targets.end()
  }
  read('a', 'b')
  read('b')
  read('b', 'c')
  t.throws(() => read('b', 'c', 'd'), { message: 'the server has more than 2 targets' })
})
