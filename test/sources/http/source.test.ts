import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { createHttpSource } from '../../../src/sources/http/source.ts'
import { manualClock } from '../../helpers/clock.ts'
import { httpOptions } from '../../helpers/http-options.ts'
import { httpSource, serveApi } from '../../helpers/http-source.ts'
import { inventoryServer } from '../../helpers/inventory-server.ts'
import { until } from '../../helpers/until.ts'

const deps = { clock: manualClock(), userAgent: 'Rollcall/test' }

function reading(
  t: Test,
  url: URL,
  { maxResponseBytes = 1_000_000, signal = new AbortController().signal } = {},
) {
  const source = createHttpSource(httpOptions(url, { maxResponseBytes }), deps)
  t.teardown(() => source.close())
  return async () => {
    const reading = await source.read(signal)
    return reading.kind === 'documents'
      ? Buffer.concat(reading.documents.map(({ bytes }) => bytes)).toString()
      : reading.kind
  }
}

/** A TCP server that answers each connection with raw bytes. */
async function rawServer(t: Test, answer: (socket: Socket) => void): Promise<URL> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
}

t.test('the body of a 200 is read whole, over one connection', async (t) => {
  const inventory = await inventoryServer(t, ['a', 'b'])
  const read = reading(t, inventory.url)
  t.equal(await read(), '["a","b"]')
  t.equal(await read(), '["a","b"]')
  t.equal(inventory.requests[0]?.headers['user-agent'], 'Rollcall/test')
  t.equal(inventory.requests[0]?.headers.accept, 'application/json')
  t.ok(inventory.requests[0]?.socket === inventory.requests[1]?.socket)
})

t.test('a compressed body is unpacked', async (t) => {
  const inventory = await inventoryServer(t)
  inventory.handle((_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('["zipped"]')),
  )
  t.equal(await reading(t, inventory.url)(), '["zipped"]')
})

t.test('a packed file that is answered as it is, is unpacked', async (t) => {
  const inventory = await inventoryServer(t)
  inventory.handle((_request, response) =>
    response.writeHead(200, { 'content-type': 'application/gzip' }).end(gzipSync('["zipped"]')),
  )
  t.equal(await reading(t, inventory.url)(), '["zipped"]')
})

t.test('a brotli body is unpacked, a coding that was not asked for is refused', async (t) => {
  const inventory = await inventoryServer(t)
  const read = reading(t, inventory.url)
  inventory.handle((_request, response) =>
    response.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync('["zipped"]')),
  )
  t.equal(await read(), '["zipped"]')
  t.equal(inventory.requests[0]?.headers['accept-encoding'], 'gzip, br')
  inventory.handle((_request, response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end('x'))
  await t.rejects(read(), { reason: 'parse', message: /the content coding zstd, which was not requested/ })
})

t.test('13: a compressed body that is cut short or damaged', async (t) => {
  const inventory = await inventoryServer(t)
  const read = reading(t, inventory.url)
  const zipped = gzipSync(JSON.stringify('x'.repeat(100_000)))
  for (const body of [zipped.subarray(0, 50), Buffer.from('not gzip')]) {
    inventory.handle((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(body),
    )
    await t.rejects(read(), { name: 'RefreshError', reason: 'parse' })
  }
})

t.test('any port will do, also one that browsers refuse', async (t) => {
  await t.rejects(reading(t, new URL('http://127.0.0.1:6000/'))(), {
    reason: 'connect',
    message: /ECONNREFUSED/,
  })
})

t.test('the user and password of the URL are sent as basic authentication', async (t) => {
  const inventory = await inventoryServer(t)
  const url = new URL(inventory.url)
  url.username = 'us er'
  url.password = 'p:ss'
  await reading(t, url)()
  t.equal(
    inventory.requests[0]?.headers.authorization,
    `Basic ${Buffer.from('us er:p:ss').toString('base64')}`,
  )
  t.equal(inventory.requests[0]?.url, '/inventory')
})

t.test('a kept-alive connection that the other side closed is no failure', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const read = reading(t, inventory.url)
  await read()
  await inventory.stop()
  await inventory.restart()
  t.equal(await read(), '["a"]')
})

t.test('8: connection refused', async (t) => {
  const inventory = await inventoryServer(t)
  await inventory.stop()
  await t.rejects(reading(t, inventory.url)(), {
    name: 'RefreshError',
    reason: 'connect',
    message: /^GET http:\/\/127\.0\.0\.1:\d+\/inventory: .*ECONNREFUSED/,
  })
})

t.test('9: a name that does not resolve', async (t) => {
  await t.rejects(reading(t, new URL('http://inventory.invalid/'))(), {
    reason: 'dns',
    message: /inventory\.invalid.*check the host name and the resolver/,
  })
})

t.test('10: a certificate that no known CA signed', async (t) => {
  const folder = t.testdir()
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      '-subj',
      '/CN=localhost',
      '-days',
      '1',
    ],
    { stdio: 'ignore' },
  )
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) =>
    response.end('[]'),
  )
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise((resolve) => server.close(resolve)))
  const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  await t.rejects(reading(t, url)(), {
    reason: 'tls',
    message: /SELF_SIGNED.*check the certificate and its CA/,
  })
})

t.test('a server that does not speak TLS', async (t) => {
  const inventory = await inventoryServer(t)
  await t.rejects(reading(t, new URL(`https://127.0.0.1:${inventory.port}/`))(), {
    name: 'RefreshError',
    reason: 'tls',
    message:
      /: the server does not speak TLS on this port \(ERR_SSL_WRONG_VERSION_NUMBER\); write http:\/\/ in the URL, or its port for https$/,
  })
})

t.test('11: a deadline ends an inventory that says nothing, with its own error', async (t) => {
  const controller = new AbortController()
  const url = await rawServer(t, () => controller.abort(new Error('too late')))
  await t.rejects(reading(t, url, { signal: controller.signal })(), { message: 'too late' })
})

t.test('12: a deadline ends an inventory that never gets to the end', async (t) => {
  const controller = new AbortController()
  const url = await rawServer(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[')
    socket.write('1', () => controller.abort(new Error('too late')))
  })
  await t.rejects(reading(t, url, { signal: controller.signal })(), { message: 'too late' })
})

t.test(
  '11: a connection that is accepted and then silent in the handshake does not block the next read',
  async (t) => {
    const controller = new AbortController()
    const sockets: Socket[] = []
    const server = createTcpServer((socket) => {
      sockets.push(socket.on('error', () => {}))
      controller.abort(new Error('too late'))
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const { port } = server.address() as AddressInfo
    const client = createHttpSource(httpOptions(new URL(`https://127.0.0.1:${port}/`)), deps)
    t.teardown(() => client.close())
    await t.rejects(client.read(controller.signal), { message: 'too late' })
    const second = new AbortController()
    const again = client.read(second.signal)
    await until('the second read has a connection of its own', () => sockets.length === 2)
    second.abort(new Error('too late again'))
    await t.rejects(again, { message: 'too late again' })
  },
)

t.test('13: a connection that breaks in mid-body', async (t) => {
  const url = await rawServer(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n["a",')
    socket.destroySoon()
  })
  await t.rejects(reading(t, url)(), { reason: 'reset', message: /the connection broke/ })
})

t.test('bytes that are not HTTP', async (t) => {
  const url = await rawServer(t, (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'))
  await t.rejects(reading(t, url)(), { name: 'RefreshError', reason: 'reset' })
})

t.test('16: a body over the limit, and a small one that unpacks to more, are stopped', async (t) => {
  const inventory = await inventoryServer(t, 'x'.repeat(5_000))
  const read = reading(t, inventory.url, { maxResponseBytes: 4_096 })
  await t.rejects(read(), { reason: 'too_large', message: /larger than 4KB; raise max_response_size/ })
  const bomb = gzipSync(Buffer.alloc(50_000_000))
  inventory.handle((_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb))
  await t.rejects(read(), { name: 'RefreshError', reason: 'too_large' })
})

t.test('other statuses than 200 say nothing about the inventory', async (t) => {
  const inventory = await inventoryServer(t)
  const read = reading(t, inventory.url)
  const rows: [status: number, reason: string][] = [
    [204, 'http_status'],
    [304, 'http_status'],
    [401, 'auth'],
    [403, 'auth'],
    [404, 'http_status'],
    [429, 'rate_limited'],
    [500, 'http_status'],
    [503, 'http_status'],
  ]
  for (const [status, reason] of rows) {
    inventory.handle((_request, response) => response.writeHead(status, { 'retry-after': '7' }).end())
    const message = new RegExp(`HTTP ${status}`)
    const retryAfterMs = reason === 'auth' ? undefined : 7_000
    await t.rejects(read(), { reason, message, retryAfterMs }, String(status))
  }
})

t.test(
  'an answer tells its status and its headers, but no cookies; what is in one of 206 is read',
  async (t) => {
    const inventory = await inventoryServer(t)
    const source = createHttpSource(httpOptions(inventory.url), deps)
    t.teardown(() => source.close())
    for (const status of [200, 206]) {
      inventory.handle((_request, response) =>
        response
          .writeHead(status, { 'X-Total-Count': '20', 'set-cookie': ['a=b'], 'x-more': ['a', 'b'] })
          .end('["a"]'),
      )
      const reading = await source.read(new AbortController().signal)
      const answer = reading.kind === 'documents' ? reading.documents[0]?.answer : undefined
      t.match(answer, { status, headers: { 'x-total-count': '20', 'x-more': 'a, b' } })
      t.notOk('set-cookie' in (answer?.headers ?? {}))
    }
  },
)

t.test('what an answer of another status says of it is told: one line, short, without secrets', async (t) => {
  const inventory = await inventoryServer(t)
  const url = new URL(inventory.url)
  url.username = 'rollcall'
  url.password = 'hunter2'
  const read = reading(t, url)
  const basic = Buffer.from('rollcall:hunter2').toString('base64')
  const rows: [status: number, body: string, told: string][] = [
    [500, '{"error":{"message":"shard 3 is away"}}', 'HTTP 500 (shard 3 is away); check the URL'],
    [503, '{"title":"Down","detail":"back at 5"}', 'HTTP 503 (back at 5); check'],
    [403, '{"detail":"no permission"}', 'HTTP 403 (no permission); check the credentials'],
    [401, '{"message":"Invalid token hunter2"}', 'HTTP 401 (Invalid token <secret>); check'],
    [400, JSON.stringify({ message: `Basic ${basic} is wrong` }), 'HTTP 400 (Basic <secret> is wrong);'],
    [500, '{"error":"a\\u001b[2Jb\\nc"}', 'HTTP 500 (a\\u001b[2Jb c);'],
    [500, '{"error":{}}', 'HTTP 500; check'],
    [500, '<h1>no</h1>', 'HTTP 500; check'],
    [500, JSON.stringify({ error: 'x '.repeat(500_000) }), 'HTTP 500; check'],
    [302, '{"error":"moved"}', 'HTTP 302 with an unusable location'],
  ]
  for (const [status, body, told] of rows) {
    inventory.handle((_request, response) => response.writeHead(status).end(body))
    await t.rejects(read(), { message: told }, told)
  }
})

t.test('redirects are followed on the same origin, with the credentials', async (t) => {
  const inventory = await inventoryServer(t)
  inventory.handle((request, response) => {
    if (request.url === '/inventory') response.writeHead(302, { location: '/v2/inventory' }).end('moved')
    else response.end('["moved"]')
  })
  const url = new URL(inventory.url)
  url.username = 'user'
  t.equal(await reading(t, url)(), '["moved"]')
  t.match(inventory.requests[1], { url: '/v2/inventory', headers: { authorization: /^Basic / } })
})

t.test('52: a redirect to another origin drops the credentials', async (t) => {
  const inventory = await inventoryServer(t)
  const other = await inventoryServer(t, ['other'])
  inventory.handle((_request, response) => response.writeHead(307, { location: other.url.href }).end())
  const url = new URL(inventory.url)
  url.username = 'user'
  url.password = 'secret'
  t.equal(await reading(t, url)(), '["other"]')
  t.equal(other.requests[0]?.headers.authorization, undefined)
})

t.test('redirects that lead nowhere', async (t) => {
  const inventory = await inventoryServer(t)
  const read = reading(t, inventory.url)
  inventory.handle((_request, response) => response.writeHead(302, { location: '/inventory' }).end())
  await t.rejects(read(), { reason: 'redirect', message: /more than 10 redirects/ })
  for (const location of ['', 'file:///etc/passwd', 'http://']) {
    inventory.handle((_request, response) =>
      response.writeHead(302, location === '' ? {} : { location }).end(),
    )
    await t.rejects(read(), { reason: 'redirect', message: /unusable location/ }, location)
  }
})

t.test('an inventory that says nothing changed is unchanged, whatever it goes by', async (t) => {
  const inventory = await inventoryServer(t)
  const source = createHttpSource(httpOptions(inventory.url), deps)
  t.teardown(() => source.close())
  const { signal } = new AbortController()
  for (const [name, value, condition, headers] of [
    ['etag', '"v1"', 'if-none-match', {}],
    ['last-modified', 'Thu, 01 Jan 2026 00:00:00 GMT', 'if-modified-since', {}],
    // The length of the 200 that it stands for.
    ['etag', '"v2"', 'if-none-match', { 'content-length': 5 }],
  ] as const) {
    inventory.handle((request, response) => {
      if (request.headers[condition] === value) response.writeHead(304, headers).end()
      else response.writeHead(200, { [name]: value }).end('["a"]')
    })
    const first = await source.read(signal)
    t.equal(first.kind, 'documents')
    const since = first.kind === 'documents' ? first.version : undefined
    t.ok(since, name)
    t.same(await source.read(signal, since), { kind: 'unchanged' })
    t.equal((await source.read(signal)).kind, 'documents', 'without a version all of it is asked for')
  }
  inventory.json(['a'])
  t.match(await source.read(signal, {}), { kind: 'documents', version: undefined })
})

t.test(
  'a date of just now tells no versions apart: the list may change again in the same second',
  async (t) => {
    const inventory = await inventoryServer(t)
    const source = createHttpSource(httpOptions(inventory.url), deps)
    t.teardown(() => source.close())
    const { signal } = new AbortController()
    for (const headers of [
      { 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT', date: 'Thu, 01 Jan 2026 00:00:59 GMT' },
      { 'last-modified': 'soon', date: 'Thu, 01 Jan 2026 00:00:59 GMT' },
    ]) {
      inventory.handle((_request, response) => response.writeHead(200, headers).end('["a"]'))
      t.match(await source.read(signal), { kind: 'documents', version: undefined })
    }
    inventory.handle((_request, response) => {
      response.sendDate = false
      response.writeHead(200, { 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' }).end('["a"]')
    })
    t.match(await source.read(signal), { kind: 'documents', version: undefined })
  },
)

t.test('a content coding that says nothing is none', async (t) => {
  const inventory = await inventoryServer(t)
  const read = reading(t, inventory.url)
  for (const coding of ['', 'identity', ' identity, ']) {
    inventory.handle((_request, response) =>
      response.writeHead(200, { 'content-encoding': coding }).end('[]'),
    )
    t.equal(await read(), '[]')
  }
  inventory.handle((_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip, identity' }).end(gzipSync('["a"]')),
  )
  t.equal(await read(), '["a"]')
})

t.test('redirects are not followed when they should not be', async (t) => {
  const inventory = await inventoryServer(t)
  inventory.handle((_request, response) => response.writeHead(302, { location: '/elsewhere' }).end())
  const source = createHttpSource(httpOptions(inventory.url, { followRedirects: false }), deps)
  t.teardown(() => source.close())
  await t.rejects(source.read(new AbortController().signal), { reason: 'http_status', message: /HTTP 302/ })
})

t.test('a POST sends its body: a text as it is, anything else as JSON', async (t) => {
  const rows: [body: unknown, sent: string, type: string | undefined][] = [
    [undefined, '', undefined],
    ['{"a": 1.0}', '{"a": 1.0}', 'application/json'],
    ['site=x&kind=y', 'site=x&kind=y', 'text/plain'],
    [
      { query: '{ devices { name } }', n: [1, null] },
      '{"query":"{ devices { name } }","n":[1,null]}',
      'application/json',
    ],
    [['a', 1], '["a",1]', 'application/json'],
  ]
  for (const [body, sent, type] of rows) {
    const server = await inventoryServer(t)
    const requests = serveApi(server, () => ({ json: [], headers: { etag: '"v1"' } }))
    const source = await httpSource(t, {
      url: server.url.href,
      method: 'POST',
      ...(body !== undefined && { body }),
    })
    const { signal } = new AbortController()
    await source.read(signal)
    t.match(requests, [{ method: 'POST', body: sent }])
    t.equal(server.requests[0]?.headers['content-type'], type)
    await source.read(signal, { etag: '"v1"' })
    t.equal(server.requests[1]?.headers['if-none-match'], undefined, 'a POST has no conditional form')
  }
})

t.test('the answer is asked for in the format that is configured', async (t) => {
  const rows = [
    [{}, 'application/json', { kind: 'json' }],
    [{ format: 'json' }, 'application/json', { kind: 'json' }],
    [{ format: 'yaml' }, 'application/yaml, */*;q=0.9', { kind: 'yaml' }],
    [{ format: 'csv' }, 'text/csv, */*;q=0.9', { kind: 'csv' }],
    [{ format: 'csv', csv_delimiter: '\t' }, 'text/csv, */*;q=0.9', { kind: 'csv', delimiter: '\t' }],
  ] as const
  for (const [keys, accept, format] of rows) {
    const server = await inventoryServer(t)
    const source = await httpSource(t, { url: server.url.href, ...keys })
    t.match(await source.read(new AbortController().signal), { documents: [{ format, name: 'the answer' }] })
    t.equal(server.requests[0]?.headers.accept, accept)
  }
})

t.test('13: of CSV and YAML, what may have been cut is refused, however the connection ended', async (t) => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\nconnection: close\r\n'
  const list = 'host,port\na,1\nb,2\n'
  const chunks = `transfer-encoding: chunked\r\n\r\n${list.length.toString(16)}\r\n${list}\r\n0\r\n\r\n`
  const cut = /the answer may be truncated: it has no Content-Length and is not chunked/
  const rows: [format: string, answer: string, reset: boolean, message: RegExp | undefined][] = [
    ['csv', `${head}\r\n${list}`, true, cut],
    ['csv', `${head}\r\n${list}`, false, cut],
    ['yaml', `${head}\r\n- a\n- b`, false, cut],
    ['csv', `${head}${chunks}`, false, undefined],
    ['csv', `${head}content-length: ${list.length}\r\n\r\n${list}`, false, undefined],
    ['json', `${head}\r\n["a"]`, false, undefined],
  ]
  for (const [format, answer, reset, message] of rows) {
    const server = await inventoryServer(t)
    server.handle((_request, { socket }) => {
      socket?.write(answer, () => (reset ? socket.resetAndDestroy() : socket.end()))
    })
    const source = await httpSource(t, { url: server.url.href, format })
    const reading = source.read(new AbortController().signal)
    if (message === undefined) t.match(await reading, { kind: 'documents' }, answer)
    else await t.rejects(reading, { name: 'RefreshError', message }, `${format} ${reset}`)
  }
  const pages = await inventoryServer(t)
  pages.handle((_request, { socket }) => void socket?.end(`${head}\r\n${list}`))
  const pagination = { page: { parameter: 'page' } }
  const paged = await httpSource(t, { url: pages.url.href, format: 'csv', pagination })
  await t.rejects(paged.read(new AbortController().signal), { message: cut })
})
