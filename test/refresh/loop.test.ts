import t from 'tap'
import { RefreshError } from '../../src/base/errors.ts'
import { createLoop } from '../../src/refresh/loop.ts'
import type { Outcome } from '../../src/refresh/refresh-once.ts'
import { manualClock } from '../helpers/clock.ts'
import { until } from '../helpers/until.ts'

const good: Outcome = { source: 'sensors', result: 'unchanged', targets: 1 }
const bad: Outcome = { ...good, result: 'failed', error: new RefreshError('connect', 'refused') }

/** A loop whose refreshes end when the test says so. */
function looping(intervalMs = 30_000) {
  const clock = manualClock()
  const ends: ((outcome: Outcome) => void)[] = []
  const signals: AbortSignal[] = []
  const loop = createLoop(
    (stop) => {
      signals.push(stop)
      return new Promise<Outcome>((resolve) => ends.push(resolve))
    },
    intervalMs,
    { clock, random: () => 0.5 },
  )
  return { clock, ends, signals, loop }
}

/** Starts the loop and ends its first refresh. */
async function started(outcome: Outcome = good) {
  const looped = looping()
  looped.loop.start()
  looped.ends[0]?.(outcome)
  await until('the next refresh is planned', () => looped.clock.pending().length === 1)
  return looped
}

t.test('the first refresh comes at once, the next one interval after its end', async (t) => {
  const { clock, ends } = await started()
  t.same(clock.pending(), [30_000])
  clock.advance(29_999)
  t.equal(ends.length, 1)
  clock.advance(1)
  t.equal(ends.length, 2)
})

t.test('27: refreshes that are asked for while one is under way share one that comes after it', async (t) => {
  const { ends, loop, clock } = looping()
  loop.start()
  const [one, two] = [loop.refresh(), loop.refresh()]
  t.equal(ends.length, 1, 'never two at once')
  ends[0]?.(bad)
  await until('the follow-up has begun', () => ends.length === 2)
  t.same(clock.pending(), [], 'the interval starts after the follow-up')
  ends[1]?.(good)
  t.equal(await one, good)
  t.equal(await two, good)
  t.equal(ends.length, 2)
  t.same(clock.pending(), [30_000])
})

t.test('27: never two at once, whoever asks when', async (t) => {
  let running = 0
  let most = 0
  const once = async () => {
    running++
    most = Math.max(most, running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
    return good
  }
  const loop = createLoop(once, 30_000, { clock: manualClock(), random: () => 0.5 })
  loop.start()
  // Each asks again as soon as it has an answer.
  const asking = Array.from({ length: 5 }, async () => {
    for (let times = 0; times < 5; times++) await loop.refresh()
  })
  await Promise.all(asking)
  await loop.stop()
  t.equal(most, 1)
})

t.test('after a refresh that was asked for, the interval starts anew', async (t) => {
  const { clock, ends, loop } = await started()
  clock.advance(20_000)
  const ended = loop.refresh()
  t.equal(ends.length, 2)
  t.same(clock.pending(), [], 'the old timer is gone')
  ends[1]?.(good)
  await ended
  t.same(clock.pending(), [30_000])
})

t.test('19: failures in a row back off, a success ends that', async (t) => {
  const { clock, ends, loop } = await started(bad)
  const delays = [...clock.pending()]
  for (const outcome of [bad, bad, good, bad]) {
    const ended = loop.refresh()
    ends.at(-1)?.(outcome)
    await ended
    delays.push(...clock.pending())
  }
  t.same(delays, [750, 1_500, 3_000, 30_000, 750])
})

t.test('28: a jump of the wall clock changes nothing', async (t) => {
  const { clock, ends } = await started()
  clock.jump(3_600_000)
  t.equal(ends.length, 1, 'no storm')
  clock.jump(-7_200_000)
  t.same(clock.pending(), [30_000], 'and no pause')
})

t.test('stopping aborts what is under way, waits for it and what follows, and ends the loop', async (t) => {
  const { clock, ends, signals, loop } = looping()
  loop.start()
  const asked = loop.refresh()
  const stopped = loop.stop()
  t.ok(signals[0]?.aborted)
  ends[0]?.(bad)
  await until('the follow-up has begun', () => ends.length === 2)
  t.ok(signals[1]?.aborted)
  ends[1]?.(bad)
  await asked
  await stopped
  t.same(clock.pending(), [])
})
