import t from 'tap'
import { parseRetryAfter } from '../../src/base/retry-after.ts'

t.test('Retry-After as seconds or as a date', async (t) => {
  const now = Date.UTC(2026, 0, 1)
  t.equal(parseRetryAfter(undefined, now), undefined)
  t.equal(parseRetryAfter('120', now), 120_000)
  t.equal(parseRetryAfter(new Date(now + 5_000).toUTCString(), now), 5_000)
  t.equal(parseRetryAfter(new Date(now - 5_000).toUTCString(), now), 0)
  t.equal(parseRetryAfter('soon', now), undefined)
})
