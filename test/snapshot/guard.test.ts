import t from 'tap'
import { DEFAULT_GUARD, judge } from '../../src/snapshot/guard.ts'

/** How many lists like this in a row are held before one passes, with the default guard. */
function heldBefore(served: number | undefined, removed: number, offered: number): number {
  let seen = 0
  for (let round = 0; round < 10; round++) {
    const verdict = judge(DEFAULT_GUARD, { served, removed, offered }, seen)
    if (verdict.pass) return round
    seen = verdict.seen
  }
  return Number.POSITIVE_INFINITY
}

t.test('a list is held when it drops too much, until it was confirmed', async (t) => {
  const rows: [what: string, held: number, served: number | undefined, removed: number, offered: number][] = [
    ['the first list', 0, undefined, 0, 5],
    ['a first list that is empty', 2, undefined, 0, 0],
    ['the same', 0, 100, 0, 100],
    ['growth', 0, 100, 0, 1000],
    ['half gone', 0, 100, 50, 50],
    ['more than half gone', 2, 100, 51, 49],
    ['all replaced by as many others', 2, 100, 100, 100],
    ['a small fleet shrinks', 0, 9, 8, 1],
    ['a small fleet vanishes', 2, 9, 9, 0],
    ['the last target vanishes', 2, 1, 1, 0],
    ['everything vanishes', 2, 100, 100, 0],
    ['still empty', 0, 0, 0, 0],
    ['from empty to some', 0, 0, 0, 5],
  ]
  for (const [what, held, served, removed, offered] of rows)
    t.equal(heldBefore(served, removed, offered), held, what)
})

t.test('a held list tells how often it was seen, and how often it must be', async (t) => {
  const comparison = { served: 100, removed: 100, offered: 0 }
  t.same(judge(DEFAULT_GUARD, comparison, 0), { pass: false, seen: 1, needed: 3 })
  t.same(judge(DEFAULT_GUARD, comparison, 1), { pass: false, seen: 2, needed: 3 })
  t.same(judge(DEFAULT_GUARD, comparison, 2), { pass: true })
})

t.test('one confirmation switches the guard off, no drop allowed makes it strict', async (t) => {
  t.ok(judge({ ...DEFAULT_GUARD, confirmations: 1 }, { served: 100, removed: 100, offered: 0 }, 0).pass)
  t.notOk(judge({ ...DEFAULT_GUARD, maxDrop: 0 }, { served: 100, removed: 1, offered: 99 }, 0).pass)
  t.notOk(judge({ ...DEFAULT_GUARD, minTargets: 0 }, { served: 3, removed: 2, offered: 1 }, 0).pass)
})
