import { createServer, type Socket } from 'node:net'
import t from 'tap'
import { Secret } from '../../../../src/base/secret.ts'
import { parseNoProxy } from '../../../../src/sources/http/client/no-proxy.ts'
import { authority, tlsOptions, tlsServer } from '../../../helpers/certificates.ts'
import { forwardProxy } from '../../../helpers/forward-proxy.ts'
import { httpReader } from '../../../helpers/http-reader.ts'
import { inventoryServer } from '../../../helpers/inventory-server.ts'
import { until } from '../../../helpers/until.ts'

const folder = t.testdir()
const ca = authority(folder)
const server = ca.sign('server', 'DNS:inventory.test,IP:127.0.0.1')
const tls = tlsOptions({ ca: Secret.of(ca.cert) })

const through = (proxy: URL, bypass?: string) => ({
  proxy: { http: proxy, https: proxy, bypass: bypass === undefined ? undefined : parseNoProxy(bypass) },
})

function withUser(url: URL, user: string, password = ''): URL {
  const copy = new URL(url)
  copy.username = user
  copy.password = password
  return copy
}

const AUTHORIZATION = `Basic ${Buffer.from('us er:p:ss').toString('base64')}`

t.test('http goes through the proxy as a request for the whole URL', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const proxy = await forwardProxy(t)
  const url = new URL(`http://user:secret@inventory.test:${inventory.port}/inventory?limit=5`)
  const read = httpReader(t, url, through(proxy.url))
  await read()
  await read()
  const target = `inventory.test:${inventory.port}`
  t.same(proxy.asked, Array(2).fill(`GET http://${target}/inventory?limit=5`))
  t.equal(proxy.requests[0]?.socket, proxy.requests[1]?.socket, 'over one connection')
  t.match(inventory.requests[0], { url: '/inventory?limit=5', headers: { host: target } })
})

t.test('https goes through a tunnel, with TLS to the inventory itself', async (t) => {
  const url = await tlsServer(t, server, (_request, response) => response.end('["a"]'))
  url.hostname = 'inventory.test'
  const proxy = await forwardProxy(t)
  const read = httpReader(t, url, { tls, ...through(proxy.url) })
  t.match(await read(), { kind: 'documents' })
  await read()
  t.same(proxy.asked, [`CONNECT inventory.test:${url.port}`], 'over one tunnel')
  t.equal(proxy.requests[0]?.headers.host, `inventory.test:${url.port}`)
})

t.test('the port of a tunnel is always told, and an IPv6 address is in brackets', async (t) => {
  const proxy = await forwardProxy(t, { refuse: 403 })
  for (const host of ['inventory.test', '[2001:db8::1]']) {
    await t.rejects(httpReader(t, new URL(`https://${host}/`), through(proxy.url))(), {
      reason: 'connect',
      message: /through the proxy http:\/\/127.0.0.1:\d+: the proxy \S+ answered CONNECT with HTTP 403/,
    })
  }
  t.same(proxy.asked, ['CONNECT inventory.test:443', 'CONNECT [2001:db8::1]:443'])
})

t.test('user and password of the proxy are sent to it and nobody else', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const secure = await tlsServer(t, server, (request, response) => {
    t.equal(request.headers['proxy-authorization'], undefined)
    response.end('[]')
  })
  const proxy = await forwardProxy(t, { authorization: AUTHORIZATION })
  const known = withUser(proxy.url, 'us er', 'p:ss')
  await httpReader(t, inventory.url, through(known))()
  await httpReader(t, secure, { tls, ...through(known) })()
  t.equal(proxy.asked.length, 2)
  for (const url of [inventory.url, secure]) {
    for (const wrong of [proxy.url, withUser(proxy.url, 'us er', 'wrong-password')]) {
      await t.rejects(httpReader(t, url, { tls, ...through(wrong) })(), {
        reason: 'auth',
        message:
          /^GET \S+: through the proxy http:\/\/127\S+: the proxy http:\/\/127\S+ answered 407; check the user and/,
      })
    }
  }
})

t.test('a proxy that speaks TLS is checked by its own name', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const secure = await tlsServer(t, server, (_request, response) => response.end('[]'))
  const proxy = await forwardProxy(t, { pair: ca.sign('proxy', 'DNS:localhost,IP:127.0.0.1') })
  const byName = new URL(proxy.url)
  byName.hostname = 'localhost'
  for (const address of [proxy.url, byName]) {
    for (const target of [inventory.url, secure]) {
      const url = new URL(target)
      url.hostname = 'inventory.test'
      t.match(await httpReader(t, url, { tls, ...through(address) })(), { kind: 'documents' })
    }
  }
  const misnamed = await forwardProxy(t, { pair: ca.sign('misnamed', 'DNS:inventory.test') })
  for (const target of [inventory.url, secure]) {
    const url = new URL(target)
    url.hostname = 'inventory.test'
    await t.rejects(httpReader(t, url, { tls, ...through(misnamed.url) })(), {
      reason: 'tls',
      message: /through the proxy https:\/\/127.0.0.1:\d+: .*ALTNAME/,
    })
  }
})

t.test('a proxy that is not there, or breaks the connection, is named', async (t) => {
  const stopped = await inventoryServer(t)
  await stopped.stop()
  const gone = new URL(stopped.url.origin)
  const broken = await forwardProxy(t, { refuse: 0 })
  for (const url of [new URL('http://inventory.test/'), new URL('https://inventory.test/')]) {
    await t.rejects(httpReader(t, url, through(gone))(), {
      reason: 'connect',
      message: /^GET https?:\/\/inventory.test\/: through the proxy http:\/\/127\S+: .*ECONNREFUSED/,
    })
  }
  await t.rejects(httpReader(t, new URL('https://inventory.test/'), through(broken.url))(), {
    reason: 'reset',
    message: /through the proxy .*the connection broke/,
  })
  t.equal(broken.asked.length, 2, 'it is asked once more, not without end')
  const noProxyAtAll = await inventoryServer(t)
  noProxyAtAll.handle((_request, response) => response.writeHead(502).end())
  await t.rejects(httpReader(t, new URL('http://inventory.test/'), through(noProxyAtAll.url))(), {
    reason: 'http_status',
    message: /HTTP 502/,
  })
})

t.test('11: a deadline ends a tunnel that never opens, and the next read has one of its own', async (t) => {
  const sockets: Socket[] = []
  let closed = 0
  const silent = createServer((socket) => {
    sockets.push(socket.on('error', () => {}).resume())
    socket.on('close', () => closed++)
  })
  await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  const proxy = new URL(`http://127.0.0.1:${(silent.address() as { port: number }).port}`)
  const read = httpReader(t, new URL('https://inventory.test/'), through(proxy))
  for (const count of [1, 2]) {
    const controller = new AbortController()
    const reading = read(controller.signal)
    await until('the tunnel is asked for', () => sockets.length === count)
    controller.abort(new Error('too late'))
    await t.rejects(reading, { message: 'too late' })
  }
  await until('both connections are given up', () => closed === 2)
})

t.test('what no_proxy lists is asked directly', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const proxy = await forwardProxy(t)
  await httpReader(t, inventory.url, through(proxy.url, '10.0.0.0/8'))()
  t.same(proxy.asked, [], 'with it, this machine is never asked through the proxy')
  await httpReader(t, inventory.url, through(proxy.url))()
  t.equal(proxy.asked.length, 1, 'without it, it is')
  const httpsOnly = { http: undefined, https: proxy.url, bypass: undefined }
  await httpReader(t, inventory.url, { proxy: httpsOnly })()
  t.equal(proxy.asked.length, 1, 'a proxy for https is not for http')
})

t.test('52: a redirect through the proxy to another origin drops the credentials', async (t) => {
  const inventory = await inventoryServer(t)
  const other = await inventoryServer(t, ['other'])
  inventory.handle((_request, response) =>
    response.writeHead(302, { location: `http://other.test:${other.port}/` }).end(),
  )
  const proxy = await forwardProxy(t)
  const url = withUser(new URL(`http://inventory.test:${inventory.port}/`), 'user', 'secret')
  await httpReader(t, url, through(proxy.url))()
  t.match(inventory.requests[0]?.headers, { authorization: /^Basic/ })
  t.match(other.requests[0]?.headers, { authorization: undefined, host: `other.test:${other.port}` })
})
