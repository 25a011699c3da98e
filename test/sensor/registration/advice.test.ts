import t from 'tap'
import { adviceFor } from '../../../src/sensor/registration/advice.ts'
import type { RegistrationFailure } from '../../../src/sensor/registration/failure.ts'

const SOURCE = 'http://rollcall:8080/api/v1/sources/devices'

t.test('a registration that fails says what to look at, and shows no secret of the URL', async (t) => {
  const rows: [reason: RegistrationFailure, url: string, advice: RegExp][] = [
    [
      'connect',
      SOURCE,
      /^; --register.url is http:\/\/rollcall:8080\/api\/v1\/sources\/devices: is Rollcall running/,
    ],
    ['connect', `${SOURCE}?a=hunter2`, /^; --register.url is http:\/\/[^?]*\?…: /],
    ['dns', SOURCE, /is the host right/],
    ['tls', SOURCE, /does the server speak TLS at all/],
    ['timeout', SOURCE, /firewall/],
    [
      'rejected',
      'http://rollcall:8080',
      /^; --register.url is http:\/\/rollcall:8080\/, and should be the URL of a push source, such as http:\/\/rollcall:8080\/api\/v1\/sources\/devices$/,
    ],
    ['rejected', 'http://rollcall:8080/api/v1/sources/', /should be the URL of a push source/],
    ['rejected', `${SOURCE}/instances/x`, /should be the URL of a push source/],
    ['rejected', SOURCE, /^$/],
    ['rejected', `http://proxy/rollcall/api/v1/sources/devices/`, /^$/],
    ['auth', 'http://rollcall:8080', /^$/],
  ]
  for (const [reason, url, advice] of rows)
    t.match(adviceFor(reason, { url: new URL(url), tokenFile: 'token' }), advice, `${reason} ${url}`)
})

t.test(
  'a server that wants a token, of which none was named, is told with the flag that names it',
  async (t) => {
    t.equal(
      adviceFor('auth', { url: new URL(SOURCE), tokenFile: undefined }),
      '; no token was sent: name the file that holds it with --register.token-file',
    )
  },
)
