import t from 'tap'
import { authority } from '../helpers/certificates.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { pushServer } from '../helpers/push-server.ts'
import { sensorHere } from '../helpers/sensor.ts'
import { until } from '../helpers/until.ts'
import { ask, DAVE, openWebFile, written } from '../helpers/web.ts'

const folder = t.testdir()
const ca = authority(folder)
const { certFile, keyFile } = ca.sign('sensor', 'DNS:localhost,IP:127.0.0.1')
const TOKEN = 'e'.repeat(32)
written(folder, TOKEN, 'token')
const FILE = `tls_server_config: { cert_file: ${certFile}, key_file: ${keyFile} }
http_server_config: { headers: { X-Frame-Options: deny } }
basic_auth_users: { dave: ${DAVE} }
bearer_tokens: [{ name: prometheus, token_file: token, sources: [any] }]
`

t.test('a sensor speaks TLS and asks for users, with the file of the server', async (t) => {
  const { web, refused } = await openWebFile(t, written(folder, FILE))
  const counted = new Map([['no_credentials', 0]])
  const sensor = await sensorHere(t, {
    web: { ...web, refused: counted, isInForce: () => refused.length === 0 },
  })
  t.match(sensor.url, /^https:\/\/127\.0\.0\.1:/)
  const tls = { tls: true, ca: ca.cert }
  const get = (path: string, more: object = {}) => ask(sensor.port, path, { ...tls, ...more })
  const dave = { auth: 'dave:dave123' }
  const prometheus = { headers: { authorization: `Bearer ${TOKEN}` } }
  const text = (await get('/metrics', dave)).body
  t.equal(seriesValue(text, 'rollcall_http_refused_total', { reason: 'no_credentials' }), 0)
  t.equal(seriesValue(text, 'rollcall_web_config_last_reload_successful'), 1)
  for (const [path, nobody, user, token] of [
    ['/-/healthy', 200, 200, 200],
    ['/ready', 200, 200, 200],
    ['/', 401, 200, 200],
    ['/metrics', 401, 200, 200],
    ['/health', 401, 200, 200],
    ['/nowhere', 401, 404, 404],
  ] as const) {
    const answers = await Promise.all([get(path), get(path, dave), get(path, prometheus)])
    t.same(
      answers.map(({ status }) => status),
      [nobody, user, token],
      path,
    )
    t.ok(answers.every(({ headers }) => headers['x-frame-options'] === 'deny'))
  }
  t.match((await get('/metrics')).headers['www-authenticate'], /^Basic .*, Bearer /)
  t.equal((await get('/payload', { method: 'POST', ...prometheus })).status, 403)
  t.equal((await get('/payload', { method: 'POST', ...dave })).status, 400, 'it is let in, but says nothing')
  t.match((await get('/metrics', dave)).body, /last_reload_successful 0/)
})

t.test('a sensor with TLS tells its push source so, unless its labels say otherwise', async (t) => {
  const { web } = await openWebFile(t, written(folder, FILE))
  const server = await pushServer(t)
  for (const [labels, scheme] of [
    [{}, 'https'],
    [{ __scheme__: 'http' }, 'http'],
  ] as const) {
    const before = server.pushed.length
    const { stop } = await sensorHere(t, {
      web: { ...web, refused: new Map(), isInForce: () => true },
      registrations: [
        {
          url: new URL(server.url),
          tokenFile: undefined,
          id: 'a',
          address: undefined,
          labels,
          ttl: undefined,
        },
      ],
    })
    await until('it is registered', () => server.pushed.length > before)
    t.match(server.pushed[before], { body: { labels: { __scheme__: scheme } } })
    await stop()
  }
})
