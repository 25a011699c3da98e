import t from 'tap'
import { DEFAULT_GUARD, type Drop, judge } from '../../src/snapshot/guard.ts'

/** Targets by number, from the first up to but not including the last. */
const range = (first: number, last: number) =>
  new Set(Array.from({ length: last - first }, (_, index) => String(first + index)))

/** How many lists like this in a row are held before one passes, with the default guard. */
function heldBefore(served: number | undefined, removed: number, offered: number): number {
  let held: Drop | undefined
  for (let round = 0; round < 10; round++) {
    const verdict = judge(DEFAULT_GUARD, { served, removed: range(0, removed), isEmpty: offered === 0 }, held)
    if (verdict.pass) return round
    held = verdict.held
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
    ['a small fleet is replaced by something else', 0, 9, 9, 1],
    ['the last target vanishes', 2, 1, 1, 0],
    ['everything vanishes', 2, 100, 100, 0],
    ['still empty', 0, 0, 0, 0],
    ['from empty to some', 0, 0, 0, 5],
  ]
  for (const [what, held, served, removed, offered] of rows)
    t.equal(heldBefore(served, removed, offered), held, what)
})

/** What becomes of lists one after the other, each given as what it lacks of a hundred: seen, or passed. */
function judged(...lists: ReadonlySet<string>[]): (number | 'passed')[] {
  let held: Drop | undefined
  return lists.map((removed) => {
    const verdict = judge(DEFAULT_GUARD, { served: 100, removed, isEmpty: removed.size === 100 }, held)
    held = verdict.pass ? undefined : verdict.held
    return verdict.pass ? 'passed' : verdict.held.seen
  })
}

t.test('26: only the same drop adds up', async (t) => {
  const all = range(0, 100)
  t.same(judged(all, all, all), [1, 2, 'passed'])
  t.same(judged(range(40, 100), range(0, 60), all), [1, 1, 1], 'each list lacks something else')
  t.same(judged(range(0, 60), range(0, 60), all), [1, 2, 1], 'everything gone is another drop than some gone')
  t.same(judged(all, range(0, 60), range(0, 60)), [1, 2, 'passed'], 'but some of it was gone all the time')
  t.same(
    judged(range(0, 60), range(0, 62), range(2, 61)),
    [1, 2, 'passed'],
    'a fleet may change a little meanwhile',
  )
  t.same(judged(range(0, 51), range(0, 51), range(40, 99)), [1, 2, 1], 'what is missing now was there before')
  t.same(
    judged(range(0, 60), range(0, 5), range(0, 60)),
    [1, 'passed', 1],
    'a list without a drop ends the row',
  )
})

t.test('a held list tells how often it was seen, and what it lacks', async (t) => {
  const verdict = judge(DEFAULT_GUARD, { served: 100, removed: range(0, 100), isEmpty: true }, undefined)
  t.match(verdict, { pass: false, held: { seen: 1, removed: range(0, 100) } })
})

t.test('one confirmation switches the guard off, no drop allowed makes it strict', async (t) => {
  const gone = { served: 100, removed: range(0, 100), isEmpty: true }
  t.ok(judge({ ...DEFAULT_GUARD, confirmations: 1 }, gone, undefined).pass)
  t.notOk(
    judge({ ...DEFAULT_GUARD, maxDrop: 0 }, { served: 100, removed: range(0, 1), isEmpty: false }, undefined)
      .pass,
  )
  t.notOk(
    judge({ ...DEFAULT_GUARD, minTargets: 0 }, { served: 3, removed: range(0, 2), isEmpty: false }, undefined)
      .pass,
  )
})
