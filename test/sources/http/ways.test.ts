import t, { type Test } from 'tap'
import { createHttpSource } from '../../../src/sources/http/source.ts'
import { readUsable, type Source, type Version } from '../../../src/sources/source.ts'
import { manualClock } from '../../helpers/clock.ts'
import { httpOptions } from '../../helpers/http-options.ts'
import { httpSource } from '../../helpers/http-source.ts'
import { type InventoryServer, inventoryServer } from '../../helpers/inventory-server.ts'
import { names, refreshing } from '../../helpers/refreshing.ts'
import { until } from '../../helpers/until.ts'

const NEVER = new AbortController().signal

/** A source with these servers as its ways. */
const sourceOf = (t: Test, ...servers: InventoryServer[]) =>
  httpSource(t, { urls: servers.map(({ url }) => url.href) })

async function two(t: Test) {
  const [first, second] = [await inventoryServer(t, ['a']), await inventoryServer(t, ['b'])]
  return { first, second, source: await sourceOf(t, first, second) }
}

async function read(source: Source, since?: Version) {
  const reading = await source.read(NEVER, since)
  if (reading.kind === 'unchanged') return { list: 'unchanged', version: since }
  const [document] = reading.documents
  return {
    list: JSON.parse(Buffer.from(document?.bytes ?? []).toString()),
    version: reading.version,
    way: reading.way,
  }
}

const fail = (server: InventoryServer, status = 500) =>
  server.handle((_request, response) => response.writeHead(status).end())

/** Answers with an ETag, and 304 to those who have it. */
const tagged = (server: InventoryServer, list: unknown, etag = '"same"') =>
  server.handle((request, response) =>
    request.headers['if-none-match'] === etag
      ? response.writeHead(304).end()
      : response.writeHead(200, { etag }).end(JSON.stringify(list)),
  )

t.test('a standby is asked only when those before it failed, and the first one is asked first', async (t) => {
  const { first, second, source } = await two(t)
  t.match(await read(source), { list: ['a'], way: { url: first.url.href, isStandby: false } })
  t.equal(second.requests.length, 0)
  fail(first)
  t.match(await read(source), { list: ['b'], way: { url: second.url.href, isStandby: true } })
  first.json(['c'])
  t.match(await read(source), { list: ['c'], way: { isStandby: false } })
  t.equal(second.requests.length, 1)
})

t.test('what one URL says of its version is told to no other', async (t) => {
  const { first, second, source } = await two(t)
  tagged(first, ['a'])
  tagged(second, ['b'])
  const { version } = await read(source)
  t.equal((await read(source, version)).list, 'unchanged')
  await first.stop()
  const standby = await read(source, version)
  t.same(standby.list, ['b'], 'the standby, whose version has the same name, is read')
  t.equal((await read(source, standby.version)).list, 'unchanged', 'its own version is its own')
  await first.restart()
  t.same((await read(source, standby.version)).list, ['a'])
})

t.test('when all fail each URL is named with its reason, and no secret', async (t) => {
  const { first, second } = await two(t)
  await first.stop()
  second.handle((_request, response) => response.writeHead(503, { 'retry-after': '7' }).end())
  const secret = 'hunter2-token'
  const urls = [`${first.url.href}?token=${secret}`, second.url.href.replace('//', `//user:${secret}@`)]
  const source = await httpSource(t, { urls })
  const error = await source.read(NEVER).catch((error) => error)
  t.match(error, { name: 'RefreshError', reason: 'connect', retryAfterMs: undefined })
  t.match(
    error.message,
    /^no URL returned a complete list: GET http:\S+\?…: .*ECONNREFUSED.*; GET http:\S+: HTTP 503/,
  )
  t.notMatch(error.message, secret)
  first.handle((_request, response) => response.writeHead(429, { 'retry-after': '3' }).end())
  await first.restart()
  t.match(await source.read(NEVER).catch((error) => error), { reason: 'rate_limited', retryAfterMs: 3_000 })
})

t.test('each way has an equal share of what is left of the deadline', async (t) => {
  const servers = [await inventoryServer(t), await inventoryServer(t), await inventoryServer(t)]
  for (const server of servers) server.handle(() => {})
  const [first, ...standbys] = servers.map(({ url }) => url) as [URL, ...URL[]]
  const clock = manualClock()
  const source = createHttpSource(httpOptions(first, { standbys }), { clock, userAgent: 'Rollcall/test' })
  t.teardown(() => source.close())
  const reading = readUsable(
    { source, timeoutMs: 9_000 },
    { clock, stop: NEVER },
    async (reading) => reading,
  ).catch((error) => error)
  const asked = () => servers.map(({ requests }) => requests.length)
  await until('the first is asked', () => asked()[0] === 1)
  clock.advance(2_999)
  t.same(asked(), [1, 0, 0])
  clock.advance(1)
  await until('the second is asked', () => asked()[1] === 1)
  fail(servers[2] as InventoryServer)
  clock.advance(3_000)
  const error = await reading
  t.equal(error.reason, 'timeout')
  t.match(
    error.message,
    /no whole answer within 3s, its share of timeout; .*no whole answer within 3s.*HTTP 500/,
  )
})

t.test('the deadline of all together ends the last one, and no other is asked', async (t) => {
  const { first, second } = await two(t)
  for (const server of [first, second]) server.handle(() => {})
  const clock = manualClock()
  const source = createHttpSource(httpOptions(first.url, { standbys: [second.url] }), {
    clock,
    userAgent: 'Rollcall/test',
  })
  t.teardown(() => source.close())
  const reading = readUsable({ source, timeoutMs: 4_000 }, { clock, stop: NEVER }, async (one) => one)
  const failed = reading.catch((error) => error)
  await until('the first is asked', () => first.requests.length === 1)
  clock.advance(4_000)
  const error = await failed
  t.match(error, { reason: 'timeout' })
  t.match(error.message, /no whole answer/)
  t.equal(second.requests.length, 0)
})

t.test('pages are read whole from one way', async (t) => {
  const [first, second] = [await inventoryServer(t), await inventoryServer(t)]
  const pages = (server: InventoryServer, name: string, isBroken = () => false) =>
    server.handle((request, response) => {
      const page = new URL(request.url as string, server.url).searchParams.get('page')
      if (page === '2' && isBroken()) return void response.writeHead(500).end()
      response.end(JSON.stringify(page === '3' ? [] : [`${name}-${page}`]))
    })
  let isBroken = true
  pages(first, 'first', () => isBroken)
  pages(second, 'second')
  const urls = [first.url.href, second.url.href]
  const source = await httpSource(t, { urls, pagination: { page: { parameter: 'page' } } })
  const pagesOf = async () => {
    const reading = await source.read(NEVER)
    if (reading.kind === 'unchanged') throw new Error('it was not asked about a version')
    return reading.documents.map(({ bytes }) => Buffer.from(bytes).toString())
  }
  t.same(await pagesOf(), ['["second-1"]', '["second-2"]', '[]'])
  isBroken = false
  t.same(await pagesOf(), ['["first-1"]', '["first-2"]', '[]'])
})

t.test('15: what is no inventory, though its status is 200, is read from the next way', async (t) => {
  const { first, second, source } = await two(t)
  first.handle((_request, response) => response.end('<html>down for maintenance</html>'))
  second.json(names(2))
  const { refresh, addresses, status } = await refreshing(t, { source, isPaged: false })
  t.match(await refresh(), { result: 'changed' })
  t.same(addresses(), ['sensor_0:9100', 'sensor_1:9100'])
  t.same(status()?.way, { url: second.url.href, isStandby: true })
  second.json({ items: 'none' })
  const { error } = await refresh()
  t.match(error, { reason: 'parse' })
  t.match(error?.message, `the answer looks like HTML or XML, not JSON; it came from ${first.url.origin},`)
  t.match(error?.message, `${second.url.href}: the answer is an object`)
  t.equal(addresses().length, 2, 'what is served stays')
})

t.test('what a standby lacks stays for guard.hold: its list may be an older one', async (t) => {
  const { first, second, source } = await two(t)
  first.json(names(10))
  second.json(names(9))
  const { refresh, addresses, clock } = await refreshing(t, { source, isPaged: false })
  await refresh()
  fail(first)
  for (let count = 0; count < 5; count++) await refresh()
  t.equal(addresses().length, 10, 'the one that the standby does not know yet')
  second.json([...names(9), 'new'])
  await refresh()
  t.equal(addresses().length, 11, 'what the standby has is served at once')
  clock.skip(900_000)
  await refresh()
  t.equal(addresses().length, 10, 'really gone after 15 minutes')
  first.json(names(9))
  await refresh()
  await refresh()
  t.equal(addresses().length, 9, 'the first one is believed after two readings')
})

t.test(
  'a change of way is told once, and the same bytes of another way are a reading of their own',
  async (t) => {
    const { first, second, source } = await two(t)
    tagged(first, names(3))
    tagged(second, names(3))
    const { refresh, messages, status, metric } = await refreshing(t, { source, isPaged: false })
    await refresh()
    fail(first)
    t.match(await refresh(), { result: 'unchanged' })
    t.match(await refresh(), { result: 'unchanged' })
    t.match(status()?.way, { isStandby: true })
    t.equal(await metric('standby'), 1)
    tagged(first, names(3))
    await refresh()
    t.match(status()?.way, { isStandby: false })
    t.equal(messages().filter((text) => String(text).startsWith('read from')).length, 2)
    t.equal(await metric('standby'), 0)
    const plain = await refreshing(t)
    await plain.refresh()
    t.equal(await plain.metric('standby'), undefined, 'of a source with one URL there is none')
  },
)

t.test('26: an empty first list of a standby is believed after guard.hold only', async (t) => {
  const { first, second, source } = await two(t)
  await first.stop()
  second.json([])
  const { refresh, served } = await refreshing(t, { source, isPaged: false })
  for (let count = 0; count < 29; count++) await refresh()
  t.equal(served(), undefined, 'it may have nothing yet')
  await refresh(60_000)
  t.equal(served()?.targets, 0)
})

t.test('a kept list is that of a source to which a way was added, or from which one was taken', async (t) => {
  const storage = t.testdir()
  const { first, second, source } = await two(t)
  const one = await refreshing(t, { source, storage, addresses: ['a'] })
  await one.refresh()
  await one.stop()
  for (const addresses of [['a', 'b'], ['b', 'c'], ['c']]) {
    const next = await refreshing(t, { source, storage, addresses })
    t.match(await next.restore(), { otherOrigin: undefined }, String(addresses))
    await next.refresh()
    await next.stop()
  }
  const other = await refreshing(t, { source, storage, addresses: ['a'] })
  t.match((await other.restore())?.otherOrigin, /^[0-9a-f]{8}$/, 'of another inventory by now')
  t.ok(first.requests.length > second.requests.length)
})

t.test('only the first way is watched', async (t) => {
  const { first, second } = await two(t)
  for (const server of [first, second])
    server.handle((_request, response) => response.writeHead(200, { 'x-index': '1' }).end('[]'))
  const watch = { header: 'X-Index', parameter: 'index' }
  const source = await httpSource(t, { urls: [first.url.href, second.url.href], watch })
  source.watch?.(() => {})
  await until('the first is asked', () => first.requests.length === 1)
  t.equal(second.requests.length, 0)
  t.equal((await sourceOf(t, first, second)).watch, undefined)
})

t.test('a single way is as one URL', async (t) => {
  const server = await inventoryServer(t, ['a'])
  t.match(await read(await sourceOf(t, server)), { list: ['a'], way: undefined })
})
