import t from 'tap'
import { within } from '../../src/base/deadline.ts'
import { manualClock } from '../helpers/clock.ts'

t.test('work that ends in time gives what it gives, and leaves no timer', async (t) => {
  const clock = manualClock()
  t.equal(await within(1_000, 'it', clock, Promise.resolve(5)), 5)
  await t.rejects(within(1_000, 'it', clock, Promise.reject(new Error('no'))), { message: 'no' })
  t.same(clock.pending(), [])
})

t.test('work that hangs is not waited for', async (t) => {
  const clock = manualClock()
  const late = t.rejects(within(1_500, 'the write', clock, new Promise(() => {})), {
    message: 'the write took longer than 1.5 s',
  })
  clock.advance(1_500)
  await late
})
