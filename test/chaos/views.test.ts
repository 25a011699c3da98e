import t from 'tap'
import type { Sites } from './inventories.ts'
import { createViewCheck } from './views.ts'

const some = new Map([
  ['a', 's'],
  ['b', 's'],
  ['c', 'other'],
])
const fewer = new Map([...some].filter(([target]) => target !== 'b'))
const NONE: Sites = new Map()

function setUp() {
  const check = createViewCheck(1_000)
  const shows = (answer: Sites | string, ms = 0, before: Sites = some, after: Sites = before) =>
    check.shows({ site: 's', around: [before, after], answer, askedMs: ms, answeredMs: ms })
  return { check, shows }
}

t.test('a view has what both lists around it have, and nothing that neither has', async (t) => {
  for (const [name, answer, before, after, wrong] of [
    ['the same', ['a', 'b'], some, some, undefined],
    ['left meanwhile', ['a'], some, fewer, undefined],
    ['joined meanwhile', ['a', 'b'], fewer, some, undefined],
    ['lacks one', ['a'], some, some, 'the view of s lacks b'],
    ['has a stranger', ['a', 'x'], fewer, fewer, 'the view of s has x'],
    ['has one too early', ['a', 'b'], fewer, fewer, 'the view of s has b'],
  ] as const) {
    const { shows } = setUp()
    const wanted = shows(new Map(answer.map((target) => [target, 's'])), 0, before, after)
    if (wrong === undefined) t.equal(wanted, undefined, name)
    else t.match(wanted, wrong, name)
  }
  t.match(setUp().shows(new Map([['c', 'other']])), 'the view of s has c at other')
})

t.test('a view that turns empty is refused for a while, and one that has targets never', async (t) => {
  const { check, shows } = setUp()
  t.equal(shows(NONE, 0, NONE), undefined, 'it never had any')
  t.equal(shows(new Map([['a', 's']]), 0, some, fewer), undefined)
  t.match(shows('view_emptied'), 'lacks a')
  check.begins()
  t.equal(shows('view_emptied', 0, NONE), undefined)
  t.match(shows(NONE, 999, NONE), 'turned empty, and was refused for 999 ms')
  t.equal(shows(NONE, 999, NONE), undefined, 'it is known to be empty')
  shows(new Map([['a', 's']]), 2_000, some, fewer)
  t.match(shows(NONE, 9_000, NONE), 'refused for 0 ms')
  shows(new Map([['a', 's']]), 10_000, some, fewer)
  t.equal(shows('view_emptied', 10_100, NONE), undefined)
  t.equal(shows(NONE, 11_100, NONE), undefined)
})

t.test('a view is refused for no other reason when there are targets', async (t) => {
  const { shows } = setUp()
  t.match(shows('label_not_found'), 'the view of s is answered label_not_found')
  t.match(shows('not_loaded'), 'the view of s is answered not_loaded')
  t.equal(shows('label_not_found', 0, NONE), undefined)
  t.equal(shows('overloaded'), undefined)
})
