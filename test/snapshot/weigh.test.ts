import t from 'tap'
import type { Target } from '../../src/model/target-group.ts'
import { encodeGroups } from '../../src/snapshot/encode.ts'
import { DEFAULT_GUARD } from '../../src/snapshot/guard.ts'
import { weigh } from '../../src/snapshot/weigh.ts'
import { packed } from '../helpers/packed.ts'

/** An encoded list of the targets with these numbers, on two sites. */
function listOf(first: number, last: number): Buffer {
  const targets = Array.from({ length: last - first }, (_, index): Target => {
    const number = first + index
    return { address: `sensor-${number}:9100`, labels: [['site', String(number % 2)]] }
  })
  return encodeGroups(packed(targets))
}

t.test('what changes is counted, and what drops too much is to be held', async (t) => {
  const sensors = (...numbers: number[]) => numbers.map((number) => `sensor-${number}:9100`)
  t.same(weigh(listOf(0, 20), listOf(5, 22), undefined, DEFAULT_GUARD), {
    added: 2,
    removed: 5,
    samples: { added: sensors(20, 21), removed: sensors(0, 2, 4, 1, 3) },
    isDrop: false,
    held: undefined,
  })
  t.match(weigh(listOf(0, 20), listOf(11, 22), undefined, DEFAULT_GUARD), {
    added: 2,
    removed: 11,
    isDrop: true,
    held: { seen: 1, missing: 11 },
  })
})

t.test('a held drop goes on with what all lists lacked', async (t) => {
  const first = weigh(listOf(0, 20), listOf(12, 20), undefined, DEFAULT_GUARD)
  const second = weigh(listOf(0, 20), listOf(11, 20), first.held, DEFAULT_GUARD)
  t.match(second, { isDrop: true, held: { seen: 2, missing: 11 } })
  const third = weigh(listOf(0, 20), listOf(11, 20), second.held, DEFAULT_GUARD)
  t.match(third, { isDrop: true, held: undefined }, 'it is confirmed')
})

t.test('a first list is held when it is empty, and one that loses all', async (t) => {
  const empty = listOf(0, 0)
  const first = weigh(undefined, empty, undefined, DEFAULT_GUARD)
  t.match(first, { isDrop: true, held: { seen: 1, missing: 0 } })
  t.match(weigh(undefined, empty, first.held, DEFAULT_GUARD), { held: { seen: 2, missing: 0 } })
  t.match(weigh(undefined, listOf(0, 3), undefined, DEFAULT_GUARD), { added: 3, isDrop: false })
  t.match(weigh(listOf(0, 3), empty, undefined, DEFAULT_GUARD), { removed: 3, isDrop: true })
  t.match(weigh(empty, empty, undefined, DEFAULT_GUARD), { isDrop: false })
})

t.test('no drop allowed: one of many is a drop', async (t) => {
  const strict = { ...DEFAULT_GUARD, maxDrop: 0 }
  t.match(weigh(listOf(0, 20), listOf(1, 20), undefined, strict), { isDrop: true })
  t.match(weigh(listOf(0, 20), listOf(0, 30), undefined, strict), { isDrop: false })
})

t.test('of many that joined or left some are shown', async (t) => {
  const { added, removed, samples } = weigh(listOf(0, 50), listOf(40, 90), undefined, DEFAULT_GUARD)
  t.same([added, removed, samples.added.length, samples.removed.length], [40, 40, 10, 10])
})
