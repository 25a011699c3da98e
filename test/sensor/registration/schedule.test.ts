import fc from 'fast-check'
import t from 'tap'
import {
  REGISTRATION_FAILURES,
  type RegistrationFailure,
  reasonOf,
} from '../../../src/sensor/registration/failure.ts'
import {
  attemptTimeoutMs,
  heartbeatMs,
  nextHeartbeat,
  nextRetry,
} from '../../../src/sensor/registration/schedule.ts'
import { holds } from '../../helpers/property.ts'
import { createRandom } from '../../helpers/random.ts'

t.test('the heartbeat is a third of what the server says, within bounds', async (t) => {
  t.equal(heartbeatMs(90_000), 30_000)
  t.equal(heartbeatMs(1), 1_000)
  t.equal(heartbeatMs(1e15), 86_400_000)
  t.equal(nextHeartbeat(30_000, 0), 30_000)
  t.equal(nextHeartbeat(30_000, 1), 24_000)
  t.equal(attemptTimeoutMs(30_000), 7_500)
  t.equal(attemptTimeoutMs(3_600_000), 10_000)
})

const retry = (reason: RegistrationFailure, failures: number, random: number, retryAfterMs?: number) =>
  nextRetry({ reason, failures, retryAfterMs }, 30_000, random)

t.test('retries come at any time up to a bound that doubles, up to half a heartbeat', async (t) => {
  t.equal(retry('connect', 1, 1), 1_000)
  t.equal(retry('connect', 2, 1), 2_000)
  t.equal(retry('connect', 5, 1), 15_000)
  t.equal(retry('connect', 1_000, 1), 15_000)
  t.equal(retry('connect', 1_000, 0), 100)
  t.equal(retry('unavailable', 1, 1, 20_000), 21_000, 'and not all at once after Retry-After')
  t.equal(retry('rate_limited', 1, 0, 1e9), 600_100, 'ten minutes at most')
  t.equal(retry('auth', 1, 0.5), 60_000)
  t.equal(nextRetry({ reason: 'rejected', failures: 9, retryAfterMs: undefined }, 60_000, 0.5), 120_000)
})

t.test('whatever fails for want of a server is back within one heartbeat of its return', async (t) => {
  const reasons = (Object.keys(REGISTRATION_FAILURES) as RegistrationFailure[]).filter((reason) =>
    ['connect', 'dns', 'tls', 'timeout', 'reset', 'unavailable'].includes(reason),
  )
  holds(
    t,
    'the longest wait and the longest attempt',
    fc.property(
      fc.constantFrom(...reasons),
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 3_000, max: 1e9 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (reason, failures, ttlMs, random) => {
        const heartbeat = heartbeatMs(ttlMs)
        const wait = nextRetry({ reason, failures, retryAfterMs: undefined }, heartbeat, random)
        return wait > 0 && wait + attemptTimeoutMs(heartbeat) < heartbeat
      },
    ),
  )
})

t.test('a hundred sensors come back one by one after a long absence of the server', async (t) => {
  const { int } = createRandom(7)
  const returnMs = 3_600_000
  const arrivals = Array.from({ length: 100 }, () => {
    let atMs = 0
    let failures = 0
    while (atMs < returnMs) atMs += retry('connect', ++failures, int(10_001) / 10_000)
    return atMs - returnMs
  })
  const perSecond = new Map<number, number>()
  for (const ms of arrivals) {
    const second = Math.floor(ms / 1000)
    perSecond.set(second, (perSecond.get(second) ?? 0) + 1)
  }
  t.ok(Math.max(...arrivals) < 30_000)
  t.ok(Math.max(...perSecond.values()) <= 25, `at most ${Math.max(...perSecond.values())} in a second`)
})

t.test('errors of the platform have a reason', async (t) => {
  const rows: [code: string | undefined, reason: RegistrationFailure][] = [
    ['ENOTFOUND', 'dns'],
    ['ECONNREFUSED', 'connect'],
    ['ECONNRESET', 'reset'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'tls'],
    ['HPE_INVALID_CONSTANT', 'answer'],
    [undefined, 'connect'],
  ]
  for (const [code, reason] of rows) {
    const error = new Error('x')
    t.equal(reasonOf(code === undefined ? error : Object.assign(error, { code })), reason, String(code))
  }
})
