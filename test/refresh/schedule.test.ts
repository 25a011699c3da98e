import fc from 'fast-check'
import t from 'tap'
import { LATEST_BEGIN } from '../../src/config/staleness.ts'
import { nextDelay } from '../../src/refresh/schedule.ts'
import { holds } from '../helpers/property.ts'

const INTERVAL = 30_000

t.test('after a success: one interval, give or take a tenth', async (t) => {
  t.equal(nextDelay(INTERVAL, { failures: 0 }, 0), 27_000)
  t.equal(nextDelay(INTERVAL, { failures: 0 }, 0.5), 30_000)
  t.equal(nextDelay(INTERVAL, { failures: 0 }, 1), 33_000)
})

t.test('19: after failures the delay doubles from one second up to the interval, with jitter', async (t) => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 100].map((failures) =>
    nextDelay(INTERVAL, { failures, reason: 'http_status' }, 1),
  )
  t.same(longest, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  t.equal(nextDelay(INTERVAL, { failures: 3, reason: 'connect' }, 0), 2_000, 'jitter takes up to half off')
  t.equal(nextDelay(200, { failures: 1, reason: 'connect' }, 1), 200, 'never longer than a short interval')
})

t.test('17: 401 and 403 are not retried soon', async (t) => {
  t.ok(nextDelay(INTERVAL, { failures: 1, reason: 'auth' }, 0) >= INTERVAL)
})

t.test('18: Retry-After is honoured, but not beyond ten minutes or one interval', async (t) => {
  const asked = (retryAfterMs: number, interval = INTERVAL) =>
    nextDelay(interval, { failures: 1, reason: 'rate_limited', retryAfterMs }, 0)
  t.equal(asked(90_000), 90_000)
  t.equal(asked(1_000), INTERVAL, 'never sooner than one interval')
  t.equal(asked(365 * 86_400_000), 600_000)
  t.equal(asked(365 * 86_400_000, 3_600_000), 3_600_000)
  t.equal(
    nextDelay(INTERVAL, { failures: 1, reason: 'http_status', retryAfterMs: 20_000 }, 0),
    20_000,
    'a 503 too',
  )
})

t.test('whatever happens there is a next refresh, and never at once', async (t) => {
  const reason = fc.constantFrom('auth' as const, 'rate_limited' as const, 'connect' as const, undefined)
  holds(
    t,
    'any ending',
    fc.property(
      fc.integer({ min: 100, max: 20 * 86_400_000 }),
      fc.nat(1_000_000),
      reason,
      fc.option(fc.nat(), { nil: undefined }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (interval, failures, why, retryAfterMs, random) => {
        const delay = nextDelay(interval, { failures, reason: why, retryAfterMs }, random)
        return delay >= Math.min(interval, 1_000) / 2 && delay <= Math.max(interval * 1.1, 600_000)
      },
    ),
  )
})

t.test('no refresh begins later after a good one than the least max_staleness allows for', async (t) => {
  t.equal(nextDelay(60_000, { failures: 0 }, 1), 60_000 * LATEST_BEGIN)
})

t.test(
  '2: targets that are missing are looked for again in two seconds, unless reading takes long',
  async (t) => {
    const missing = { failures: 0, needsConfirmation: true }
    t.equal(nextDelay(30_000, { ...missing, tookMs: 3_000 }, 0.5), 2_000)
    t.equal(nextDelay(30_000, { ...missing, tookMs: 3_001 }, 0.5), 30_000)
    t.equal(nextDelay(30_000, missing, 0), 1_800)
    t.equal(nextDelay(1_000, missing, 0.5), 1_000, 'never later than otherwise')
    t.ok(nextDelay(30_000, { failures: 1, needsConfirmation: true }, 0.5) < 1_000, 'a failure is no reading')
  },
)
