import { once } from 'node:events'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { connect as connectHttp2, constants, createSecureServer, type Http2ServerResponse } from 'node:http2'
import { Agent, request } from 'node:https'
import { type AddressInfo, connect as connectPlain } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { closeWhenSettled, createConnections } from '../../src/base/connections.ts'
import { authority } from '../helpers/certificates.ts'
import { manualClock } from '../helpers/clock.ts'
import { until } from '../helpers/until.ts'
import { ask, webServer, written } from '../helpers/web.ts'

const folder = t.testdir()
const ca = authority(folder)
const pairs = ['one', 'two'].map((name) => ca.sign(name, 'DNS:localhost,IP:127.0.0.1'))

/** A folder with the first certificate in place, and a web configuration file that names it. */
function inPlace(t: Test) {
  const own = t.testdir()
  const put = (what: 'cert' | 'key', index: number) => {
    const pair = pairs[index] as (typeof pairs)[number]
    renameSync(written(own, pair[what], `${what}.new`), `${own}/server.${what}`)
  }
  put('cert', 0)
  put('key', 0)
  const path = written(own, 'tls_server_config: { cert_file: server.cert, key_file: server.key }\n')
  return { put, path }
}

/** A session of HTTP/2 and a request on it. */
async function http2(t: Test, port: number) {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: ca.cert })
  t.teardown(() => session.destroy())
  await once(session, 'connect')
  const get = async (headers: Record<string, string>) => {
    const stream = session.request({ ':path': '/targets', ...headers })
    stream.end()
    const [answer] = await once(stream, 'response')
    let bytes = 0
    for await (const chunk of stream) bytes += (chunk as Buffer).byteLength
    return { status: answer[':status'] as number, headers: answer as Record<string, string>, bytes }
  }
  return { session, get }
}

async function peerName(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: ca.cert })
  await once(socket, 'secureConnect')
  const name = socket.getPeerCertificate().subject.CN
  socket.destroy()
  return String(name)
}

t.test('a client that speaks plain HTTP to a port with TLS is told in the log', async (t) => {
  const { path } = inPlace(t)
  const { port, refused = [], lines = [] } = await webServer(t, path)
  const socket = connectPlain(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.on('error', () => {}).write('GET /targets HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await until('it is refused', () => refused.length > 0)
  t.same(refused, ['plain_http'])
  t.match(lines.at(-1), { level: 40, reason: 'plain_http', address: '127.0.0.1', fault: /https/ })
})

t.test('85: certificates are replaced while connections are open, and no poll fails', async (t) => {
  const clock = manualClock()
  const { put, path } = inPlace(t)
  const { port, reloads = [], lines } = await webServer(t, path, { clock })
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: ca.cert })
  t.teardown(() => agent.destroy())
  const { get } = await http2(t, port)
  const sockets = new Set<unknown>()
  const poll = async () => {
    const sent = request({ agent, host: '127.0.0.1', port, servername: 'localhost', path: '/targets' })
    sent.end()
    const [response] = await once(sent, 'response')
    sockets.add(response.socket)
    response.resume()
    await once(response, 'end')
    const fresh = await ask(port, '/targets', { tls: true, ca: ca.cert })
    return [response.statusCode, fresh.status, (await get({})).status]
  }
  const looked = (count: number) =>
    until('it is looked at', async () => {
      clock.advance(1_000)
      t.same(await poll(), [200, 200, 200])
      return reloads.length === count
    })
  t.same(await poll(), [200, 200, 200])
  t.equal(await peerName(port), 'one')
  put('cert', 1)
  await looked(2)
  t.same(reloads, [true, false], 'a certificate without its key is told')
  t.match(lines.at(-1), {
    level: 50,
    msg: 'web configuration not reloaded; the old one stays',
    error: /cert_file/,
  })
  t.equal(await peerName(port), 'one', 'and the old one stays')
  put('key', 1)
  await looked(3)
  t.same(reloads, [true, false, true])
  t.equal(await peerName(port), 'two')
  t.same(await poll(), [200, 200, 200])
  t.equal(sockets.size, 1, 'the connection that was open still is')
  for (const [text, why] of [
    ['', /tls_server_config was added or removed/],
    [
      'tls_server_config: { cert_file: server.cert, key_file: server.key }\nhttp_server_config: { http2: false }',
      /http2 changed/,
    ],
  ] as const) {
    const count = reloads.length + 1
    writeFileSync(path, text)
    await looked(count)
    t.match(lines.at(-1), { level: 50, error: why })
  }
  t.equal(await peerName(port), 'two')
})

t.test('HTTP/2 and HTTP/1.1 give the same answers', async (t) => {
  const { path } = inPlace(t)
  const { port } = await webServer(t, path)
  const { get } = await http2(t, port)
  const one = await ask(port, '/targets', { tls: true, ca: ca.cert })
  const two = await get({})
  t.equal(two.bytes, one.body.length)
  t.equal(two.headers.etag, one.headers.etag)
  t.equal(two.headers['content-type'], one.headers['content-type'])
  t.match(await get({ ':method': 'HEAD' }), {
    status: 200,
    bytes: 0,
    headers: { 'content-length': String(two.bytes) },
  })
  t.match(await get({ 'if-none-match': String(two.headers.etag) }), { status: 304, bytes: 0 })
  t.match(await get({ 'accept-encoding': 'gzip' }), { status: 200, headers: { 'content-encoding': 'gzip' } })
  t.match(await get({ ':path': '/nowhere' }), {
    status: 404,
    headers: { 'x-content-type-options': 'nosniff' },
  })
})

t.test('HTTP/2 can be switched off', async (t) => {
  const { path } = inPlace(t)
  for (const [http2, protocol] of [
    [true, 'h2'],
    [false, 'http/1.1'],
  ] as const) {
    writeFileSync(
      path,
      `tls_server_config: { cert_file: server.cert, key_file: server.key }\nhttp_server_config: { http2: ${http2} }`,
    )
    const { port } = await webServer(t, path)
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca: ca.cert,
      ALPNProtocols: ['h2', 'http/1.1'],
    })
    await once(socket, 'secureConnect')
    t.equal(socket.alpnProtocol || 'http/1.1', protocol)
    socket.destroy()
  }
})

t.test(
  'while it drains connections of HTTP/2 are told to end, and what is in flight is answered',
  async (t) => {
    const { path } = inPlace(t)
    const { port, state } = await webServer(t, path)
    const { session, get } = await http2(t, port)
    t.equal((await get({})).status, 200)
    state.draining = true
    const away = once(session, 'goaway')
    t.equal((await get({})).status, 200)
    t.equal((await away)[0], constants.NGHTTP2_NO_ERROR)
    const second = await http2(t, port)
    const gone = once(second.session, 'goaway')
    t.equal((await second.get({ ':path': '/health' })).status, 200)
    await gone
    t.equal((await ask(port, '/targets', { tls: true, ca: ca.cert })).headers.connection, 'close')
  },
)

t.test('it closes with connections of every kind open', async (t) => {
  const { path } = inPlace(t)
  const connections = createConnections()
  const { app, port } = await webServer(t, path, { connections })
  const { session, get } = await http2(t, port)
  t.equal((await get({})).status, 200)
  const tls = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: ca.cert })
  await once(tls, 'secureConnect')
  const silent = connectPlain(port, '127.0.0.1')
  for (const one of [tls, silent]) one.resume()
  await once(silent, 'connect')
  const ends = [session, tls, silent].map((one) => {
    one.on('error', () => {})
    return once(one, 'close')
  })
  await closeWhenSettled(app, connections)
  await Promise.all(ends)
  t.equal(connections.inFlight(), 0)
})

t.test(
  'beyond the maximum the oldest idle connection is closed, over TLS too, and none in use',
  async (t) => {
    const { path } = inPlace(t)
    const { port } = await webServer(t, path, { maxConnections: 5 })
    const sockets: TLSSocket[] = []
    let closed = 0
    for (let index = 0; index < 15; index++) {
      const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: ca.cert })
      t.teardown(() => socket.destroy())
      socket.on('error', () => {}).once('close', () => closed++)
      await once(socket, 'secureConnect')
      sockets.push(socket)
    }
    t.equal((await ask(port, '/health', { tls: true, ca: ca.cert })).status, 200)
    await until('the oldest are closed', () => closed >= 10)
    const { session, get } = await http2(t, port)
    for (let index = 0; index < 3; index++) t.equal((await get({})).status, 200)
    t.notOk(session.destroyed)
  },
)

t.test('a client that speaks no TLS, or breaks off, hurts nobody', async (t) => {
  const { path } = inPlace(t)
  const { port } = await webServer(t, path)
  for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\u0016\u0003\u0001\u0000\u0005hello', '']) {
    const socket = connectPlain(port, '127.0.0.1').on('error', () => {})
    await once(socket, 'connect')
    const over = once(socket.resume(), 'close')
    socket.end(bytes)
    await over
  }
  t.equal((await ask(port, '/targets', { tls: true, ca: ca.cert })).status, 200)
})

t.test('who does not finish the handshake in time is cut off', async (t) => {
  for (const protocols of ['', 'http_server_config: { http2: false }\n']) {
    const { path } = inPlace(t)
    writeFileSync(path, readFileSync(path, 'utf8') + protocols)
    const { port } = await webServer(t, path, { limits: { handshakeTimeout: 200 } })
    const silent = connectPlain(port, '127.0.0.1').on('error', () => {})
    await once(silent.resume(), 'close')
    t.equal((await ask(port, '/targets', { tls: true, ca: ca.cert })).status, 200)
  }
})

t.test('an idle connection of HTTP/2 is closed', async (t) => {
  const { path } = inPlace(t)
  const { port } = await webServer(t, path, { limits: { keepAliveTimeout: 200 } })
  const { session, get } = await http2(t, port)
  const closed = once(session, 'close')
  t.equal((await get({})).status, 200)
  await closed
  t.ok(session.destroyed)
})

t.test(
  'who never sends all of a request over HTTP/2 is cut off, and not who waits for an answer',
  async (t) => {
    const connections = createConnections({ stallMs: 300 })
    const later: Http2ServerResponse[] = []
    const server = createSecureServer(pairs[0] as (typeof pairs)[number], (_request, response) => {
      later.push(response)
    })
    connections.watch(server as unknown as Server)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => server.close())
    const { port } = server.address() as AddressInfo
    const waiting = await http2(t, port)
    const answer = waiting.get({})
    await until('it waits', () => later.length === 1)
    const { session } = await http2(t, port)
    const stream = session.request({ ':method': 'PUT', ':path': '/' }, { endStream: false })
    stream.on('error', () => {}).resume()
    stream.write('half')
    await once(session, 'close')
    later[0]?.end('here')
    t.match(await answer, { status: 200, bytes: 4 })
  },
)

t.test('83: over HTTP/2 the host is the authority', async (t) => {
  const { path } = inPlace(t)
  const { port } = await webServer(t, path, { enableLifecycle: true })
  const { get } = await http2(t, port)
  const post = { ':method': 'POST', ':path': '/-/refresh' }
  t.equal((await get(post)).status, 200)
  t.equal((await get({ ...post, ':authority': 'evil.example.com' })).status, 403)
})
