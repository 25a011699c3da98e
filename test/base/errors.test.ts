import t from 'tap'
import { HTTP_ERRORS, HttpError, messageOf, REFRESH_FAILURES, RefreshError } from '../../src/base/errors.ts'

t.test('an HTTP error takes its status from the catalogue', async (t) => {
  const error = new HttpError('not_loaded', 'no list yet', 5)
  t.match(error, { code: 'not_loaded', statusCode: 503, retryAfterSeconds: 5, message: 'no list yet' })
  for (const [code, { status, meaning }] of Object.entries(HTTP_ERRORS)) {
    t.ok(status >= 400 && status < 600, code)
    t.match(meaning, /^[A-Z].*\.$/, code)
  }
})

t.test('a refresh error carries its reason and its cause', async (t) => {
  const cause = new Error('why')
  t.match(new RefreshError('dns', 'no such host', { cause }), {
    reason: 'dns',
    cause,
    retryAfterMs: undefined,
  })
  t.equal(new RefreshError('parse', 'x').cause, undefined)
  t.ok(Object.keys(REFRESH_FAILURES).length > 10)
})

t.test('the message of anything thrown is one line', async (t) => {
  t.equal(messageOf(new Error('first\n   second')), 'first second')
  const full = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' })
  t.equal(messageOf(full), 'ENOSPC: no space left; the disk is full, or has no inodes left')
  t.equal(messageOf(Object.assign(new Error(messageOf(full)), { code: 'ENOSPC' })), messageOf(full), 'once')
  t.equal(messageOf('text'), 'text')
  t.equal(messageOf(undefined), 'undefined')
})
