import t from 'tap'
import { createAgeCheck } from './age.ts'

/** A check whose inventory was last read whole at that time, and what it says of ages at times. */
function setUp(lastWholeMs: number) {
  const check = createAgeCheck(() => lastWholeMs)
  const at = (ms: number, ageMs: number) => check.shows({ ageMs, askedMs: ms, answeredMs: ms + 10 })
  return { check, at }
}

t.test('an age rises with time, and falls after a reading', async (t) => {
  const { at } = setUp(10_000)
  t.equal(at(5_000, 700), undefined, 'the first one is as it is')
  t.equal(at(6_000, 1_700), undefined)
  t.equal(at(10_500, 400), undefined, 'read since')
  t.equal(at(20_000, 9_900), undefined)
})

t.test('28: an age that follows the wall clock is found', async (t) => {
  const hour = 3_600_000
  for (const [ageMs, message] of [
    [-hour, /^the age is -3600000 ms$/],
    [Number.NaN, /^the age is NaN ms$/],
    [hour, /can be 11010 ms at most$/],
    [0, /must be 7000 ms at least: no inventory was read since$/],
  ] as const) {
    const { at } = setUp(10_000)
    at(19_000, 10_000)
    t.match(at(20_000, ageMs), message)
  }
})

t.test('the first age of another process is as it is, and must go on from there', async (t) => {
  const { check, at } = setUp(0)
  at(1_000, 500)
  check.begins()
  t.equal(at(60_000, 0), undefined, 'the clock went back while nothing ran')
  t.equal(at(61_000, 1_000), undefined)
  t.match(at(70_000, 1_100), /must be 9990 ms at least/)
})
