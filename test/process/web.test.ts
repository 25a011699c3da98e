import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { authority } from '../helpers/certificates.ts'
import { run, start } from '../helpers/cli.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { until } from '../helpers/until.ts'
import { ask, DAVE, written } from '../helpers/web.ts'

const folder = t.testdir()
const ca = authority(folder)
const { certFile, keyFile } = ca.sign('server', 'DNS:localhost,IP:127.0.0.1')
const TLS = `tls_server_config: { cert_file: ${certFile}, key_file: ${keyFile} }\n`

t.test(
  'the server speaks TLS, says whether its file is in force, and stops with connections open',
  async (t) => {
    const inventory = await inventoryServer(t, ['10.0.0.1'])
    const file = written(folder, `${TLS}basic_auth_users: { dave: ${DAVE} }\n`)
    const env = { INVENTORY_URL: inventory.url.href }
    const { url, child, ended, err } = await start(
      t,
      [`--web.config.file=${file}`, '--web.disable-explain'],
      env,
    )
    const port = Number(new URL(url).port)
    const get = (path: string, auth = 'dave:dave123') => ask(port, path, { tls: true, ca: ca.cert, auth })
    t.match(url, /^https:/)
    t.equal((await get('/targets', 'dave:wrong')).status, 401)
    t.equal((await get('/api/v1/explain?q=a')).status, 403)
    await until('there are targets', async () => (await get('/targets')).status === 200)
    const state = async () =>
      seriesValue((await get('/metrics')).body, 'rollcall_web_config_last_reload_successful')
    t.equal(await state(), 1)
    written(folder, 'rubbish')
    await until('it is told', async () => (await state()) === 0)
    const metrics = (await get('/metrics')).body
    t.equal(seriesValue(metrics, 'rollcall_http_refused_total', { reason: 'wrong_credentials' }), 1)
    t.equal(seriesValue(metrics, 'rollcall_http_refused_total', { reason: 'cross_site' }), 0)
    const session = connect(url, { ca: ca.cert })
    // The end of the process resets a connection on which the client still says something.
    session.on('error', () => {})
    await once(session, 'connect')
    const closed = once(session, 'close')
    child.kill('SIGTERM')
    t.same(await ended, { code: 0, signal: null })
    await closed
    t.match(err(), '"msg":"stopped"')
  },
)

t.test('a wrong web configuration file ends the start, of the server and of a sensor', async (t) => {
  const file = written(folder, 'basic_auth_users: { dave: x }\n')
  for (const args of [['demo', '--demo.listen-address=127.0.0.1:0'], ['sensor']]) {
    const { code, err } = await run([
      ...args,
      `--web.config.file=${file}`,
      '--web.listen-address=127.0.0.1:0',
    ])
    t.equal(code, 2)
    t.match(err, /web\.yml:1:27: basic_auth_users\.dave: /)
  }
})

t.test('a sensor with a web configuration file serves and stops', async (t) => {
  const file = written(folder, `${TLS}basic_auth_users: { dave: ${DAVE} }\n`)
  const serving = /"url":"([^"]+)".*"msg":"serving metrics"/
  const { url, child, ended } = await start(t, ['sensor', `--web.config.file=${file}`], {}, serving)
  const get = (auth: string) => ask(Number(new URL(url).port), '/metrics', { tls: true, ca: ca.cert, auth })
  t.equal((await get('dave:wrong')).status, 401)
  const { status, body } = await get('dave:dave123')
  t.equal(status, 200)
  t.equal(seriesValue(body, 'rollcall_http_refused_total', { reason: 'wrong_credentials' }), 1)
  t.equal(seriesValue(body, 'rollcall_web_config_last_reload_successful'), 1)
  child.kill('SIGTERM')
  t.same(await ended, { code: 0, signal: null })
})

t.test('76: clients that read nothing over TLS cost no copy of the list each', async (t) => {
  const file = written(folder, TLS)
  // 20 MB, of which the buffers on the way take 4.
  const list = Array.from(
    { length: 200_000 },
    (_, index) => `sensor-${index}.${'a'.repeat(60)}.example.com:9100`,
  )
  const inventory = await inventoryServer(t, list)
  const { url, child } = await start(t, [`--web.config.file=${file}`], { INVENTORY_URL: inventory.url.href })
  const port = Number(new URL(url).port)
  await until(
    'there are targets',
    async () => (await ask(port, '/targets', { tls: true, ca: ca.cert })).status === 200,
  )
  const rssMb = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024
  const before = rssMb()
  const clients = Array.from({ length: 60 }, () =>
    connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: ca.cert }).on('error', () => {}),
  )
  t.teardown(() => {
    for (const client of clients) client.destroy()
  })
  await Promise.all(clients.map((client) => once(client, 'secureConnect')))
  for (const client of clients) client.pause().write('GET /targets HTTP/1.1\r\nhost: localhost\r\n\r\n')
  // Whole for those who read, meanwhile and in any version of HTTP.
  const { body } = await ask(port, '/targets', { tls: true, ca: ca.cert })
  t.equal(JSON.parse(body)[0].targets.length, list.length)
  const session = connect(url, { ca: ca.cert, servername: 'localhost' })
  t.teardown(() => session.destroy())
  let second = ''
  for await (const chunk of session.request({ ':path': '/targets' }).setEncoding('utf8')) second += chunk
  t.equal(second, body)
  const more = rssMb() - before
  t.ok(
    more < 600,
    `${more.toFixed(0)} MB more; a copy for each client would be ${(60 * body.length) / 2 ** 20}`,
  )
})
