import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'

t.test('the real clock tells the time and calls back once', async (t) => {
  t.ok(Math.abs(systemClock.now() - Date.now()) < 1_000)
  const start = systemClock.monotonic()
  await new Promise<void>((resolve) => void systemClock.after(1, resolve))
  t.ok(systemClock.monotonic() > start)
})

t.test('a cancelled timer never fires', async (t) => {
  let fired = false
  const cancel = systemClock.after(1, () => {
    fired = true
  })
  cancel()
  await new Promise<void>((resolve) => void systemClock.after(20, resolve))
  t.notOk(fired)
})
