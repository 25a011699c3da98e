import t from 'tap'
import { RefreshError } from '../../../src/base/errors.ts'
import { toRefreshError } from '../../../src/sources/http/failure.ts'

const failed = (code: string, message = `what ${code} says`) =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(message), { code }) })

t.test('the innermost cause gives the reason and the message', async (t) => {
  const rows: [code: string, reason: string][] = [
    ['ECONNREFUSED', 'connect'],
    ['EHOSTUNREACH', 'connect'],
    ['ENOTFOUND', 'dns'],
    ['EAI_AGAIN', 'dns'],
    ['ETIMEDOUT', 'timeout'],
    ['CERT_HAS_EXPIRED', 'tls'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls'],
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'tls'],
    ['ECONNRESET', 'reset'],
    ['UND_ERR_SOCKET', 'reset'],
    ['SOMETHING_NEW', 'reset'],
  ]
  for (const [code, reason] of rows) {
    t.match(toRefreshError(failed(code), 'GET http://a/'), {
      reason,
      message: new RegExp(`^GET http://a/: .*what ${code} says`),
    })
  }
})

t.test(
  '80: what this machine lacks or forbids is no broken connection, and it is said what to do',
  async (t) => {
    const rows: [code: string, advice: RegExp][] = [
      ['EMFILE', /; this process has no file descriptors left; raise its limit \(ulimit -n/],
      ['ENFILE', /; this machine has no file descriptors left; raise its limit \(fs.file-max\)$/],
      ['ENOMEM', /; this machine, or the container, has no memory left$/],
      ['EACCES', /; this process may not do that; check its user, and what restricts it/],
      ['EPERM', /; this process may not do that; check its user, and what restricts it/],
    ]
    for (const [code, message] of rows) {
      t.match(toRefreshError(failed(code), 'GET http://a/'), { reason: 'local', message }, code)
    }
  },
)

t.test('an error without a message shows its code: every address of a name was refused, say', async (t) => {
  const refused = new AggregateError([new Error('one'), new Error('two')], '')
  const error = new TypeError('fetch failed', { cause: Object.assign(refused, { code: 'ECONNREFUSED' }) })
  t.match(toRefreshError(error, 'GET http://a/'), {
    reason: 'connect',
    message:
      'GET http://a/: ECONNREFUSED; nothing listens there; check the host and the port, and that the server runs',
  })
})

t.test('a connection that cannot be made says what to check', async (t) => {
  const rows: [code: string, advice: RegExp][] = [
    ['ECONNREFUSED', /; nothing listens there; check the host and the port/],
    ['EHOSTUNREACH', /; there is no way to that host; check its address/],
    ['EHOSTDOWN', /; there is no way to that host; check its address/],
    ['ENETUNREACH', /; there is no way to that host; check its address/],
    ['ETIMEDOUT', /; the host does not answer; check the host and the port/],
    ['UND_ERR_CONNECT_TIMEOUT', /; the host does not answer; check the host and the port/],
    ['EADDRNOTAVAIL', /what EADDRNOTAVAIL says$/],
  ]
  for (const [code, message] of rows)
    t.match(toRefreshError(failed(code), 'GET http://a/'), { message }, code)
})

t.test('what is a refresh error already only gets its URL', async (t) => {
  const error = new RefreshError('auth', 'no', { retryAfterMs: 5 })
  t.match(toRefreshError(error, 'GET http://a/'), {
    reason: 'auth',
    message: 'GET http://a/: no',
    retryAfterMs: 5,
  })
  t.match(toRefreshError('thrown text', 'GET http://a/'), { reason: 'reset', message: /thrown text/ })
})

t.test('a defect of ours is not blamed on the network', async (t) => {
  t.match(toRefreshError(new TypeError('x is not a function'), 'GET http://a/'), {
    reason: 'internal',
    message: 'GET http://a/: x is not a function',
  })
})
