import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { freeze } from '../../src/snapshot/freeze.ts'
import { INITIAL_STATUS } from '../../src/snapshot/store.ts'
import { readHalf } from '../helpers/app.ts'
import { until } from '../helpers/until.ts'

t.test(
  '1: before the first list there is 503 with Retry-After and the reason, never an empty list',
  async (t) => {
    const { app, store } = await readHalf(t)
    for (const url of ['/targets', '/targets/sensors']) {
      const answer = await app.inject(url)
      t.equal(answer.statusCode, 503)
      t.equal(answer.headers['retry-after'], '5')
      t.match(answer.json(), {
        error: { code: 'not_loaded', message: 'no list yet from sensors: not read yet' },
      })
    }
    const at = { wallMs: 0, monotonicMs: 0 }
    store.setStatus('sensors', { ...INITIAL_STATUS, failure: { reason: 'dns', message: 'no such host', at } })
    t.match((await app.inject('/targets')).json(), { error: { message: /sensors: no such host/ } })
    store.setStatus('sensors', { ...INITIAL_STATUS, isEmpty: true })
    t.match((await app.inject('/targets')).json(), { error: { message: /empty and not yet confirmed/ } })
  },
)

t.test('a list is sent with everything that a client may want to know about it', async (t) => {
  const { app, publish, clock } = await readHalf(t)
  await publish('sensors', ['a:1', 'b:1'])
  clock.advance(1_500)
  const answer = await app.inject('/targets/sensors')
  t.equal(answer.statusCode, 200)
  t.same(answer.json(), [{ targets: ['a:1', 'b:1'], labels: { source: 'sensors' } }])
  t.match(answer.headers, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(answer.rawPayload.length),
    etag: `"${createHash('sha256').update(answer.rawPayload).digest('hex')}"`,
    'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
    vary: 'Accept-Encoding',
    'cache-control': 'no-cache',
    'x-rollcall-age-seconds': '1.500',
  })
  t.equal(answer.headers['content-encoding'], undefined)
  t.equal((await app.inject('/targets')).payload, answer.payload, 'with one source, all is that source')
})

t.test('all sources together: their groups in order of their names, the age of the oldest', async (t) => {
  const { app, publish, clock } = await readHalf(t, { sources: ['b', 'a'] })
  await publish('b', ['b:1'])
  t.equal((await app.inject('/targets')).statusCode, 503, 'a list known to be partial is never sent')
  t.equal((await app.inject('/targets/b')).statusCode, 200)
  clock.advance(10_000)
  await publish('a', ['a:1'])
  const answer = await app.inject('/targets')
  t.same(answer.json(), [
    { targets: ['a:1'], labels: { source: 'a' } },
    { targets: ['b:1'], labels: { source: 'b' } },
  ])
  t.equal(answer.headers['x-rollcall-age-seconds'], '10.000')
})

t.test('a list that no refresh has confirmed is as old as the process', async (t) => {
  const { app, store, clock } = await readHalf(t)
  const body = Buffer.from('[]')
  store.publish('sensors', await freeze(body, { groups: 0, targets: 0 }, clock.now()))
  const age = Number((await app.inject('/targets')).headers['x-rollcall-age-seconds'])
  t.equal(age, clock.monotonic() / 1000)
})

t.test('a list that is older than max_staleness is 503, until a refresh succeeds again', async (t) => {
  const { app, publish, clock } = await readHalf(t, { sources: ['a', 'b'], maxStalenessMs: 60_000 })
  await publish('a', ['a:1'])
  clock.advance(30_000)
  const at = { wallMs: 0, monotonicMs: 0 }
  await publish('b', ['b:1'], { failure: { reason: 'dns', message: 'no such host', at } })
  clock.advance(29_999)
  t.equal((await app.inject('/targets')).statusCode, 200)
  clock.advance(1)
  for (const url of ['/targets', '/targets/a']) {
    const answer = await app.inject(url)
    t.equal(answer.statusCode, 503, url)
    t.equal(answer.headers['retry-after'], '5')
    t.same(answer.json().error, {
      code: 'stale',
      message: 'a: its list is 1m old, more than its max_staleness: no refresh has succeeded since',
    })
  }
  t.equal((await app.inject('/targets/b')).statusCode, 200, 'the others are served')
  clock.advance(30_000)
  t.match((await app.inject('/targets/b')).json().error.message, /more than its max_staleness: no such host$/)
  await publish('a', ['a:1'])
  await publish('b', ['b:1'])
  t.equal((await app.inject('/targets')).statusCode, 200)
})

t.test('28: the age does not follow jumps of the wall clock', async (t) => {
  const { app, publish, clock } = await readHalf(t)
  await publish('sensors', ['a:1'])
  clock.advance(2_000)
  clock.jump(3_600_000)
  t.equal((await app.inject('/targets')).headers['x-rollcall-age-seconds'], '2.000')
})

t.test('5: a client that has the list gets 304 without a body', async (t) => {
  const { app, publish } = await readHalf(t)
  await publish('sensors', ['a:1'])
  const { headers } = await app.inject('/targets')
  const etag = String(headers.etag)
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const answer = await app.inject({ url: '/targets', headers: { 'if-none-match': known } })
    t.equal(answer.statusCode, 304, known)
    t.equal(answer.payload, '')
    t.equal(answer.headers.etag, etag)
    t.ok(answer.headers['x-rollcall-age-seconds'])
  }
  t.equal((await app.inject({ url: '/targets', headers: { 'if-none-match': '"other"' } })).statusCode, 200)
  await publish('sensors', ['a:1', 'b:1'])
  t.equal((await app.inject({ url: '/targets', headers: { 'if-none-match': etag } })).statusCode, 200)
})

t.test('5: HEAD is GET without the body', async (t) => {
  const { app, publish } = await readHalf(t)
  await publish('sensors', ['a:1'])
  for (const url of ['/targets', '/targets/sensors', '/metrics', '/health', '/ready', '/-/healthy', '/']) {
    const [get, head] = [await app.inject(url), await app.inject({ method: 'HEAD', url })]
    t.equal(head.statusCode, get.statusCode, url)
    t.equal(head.payload, '', url)
    t.equal(head.headers['content-type'], get.headers['content-type'], url)
    t.equal(head.headers.etag, get.headers.etag, url)
  }
  const head = await app.inject({ method: 'HEAD', url: '/targets' })
  t.equal(head.headers['content-length'], (await app.inject('/targets')).headers['content-length'])
})

t.test('6: gzip is a ready-made body with an entity tag of its own', async (t) => {
  const { app, publish } = await readHalf(t)
  await publish('sensors', ['a:1'])
  const plain = await app.inject('/targets')
  const zipped = await app.inject({ url: '/targets', headers: { 'accept-encoding': 'gzip' } })
  t.equal(zipped.headers['content-encoding'], 'gzip')
  t.equal(zipped.headers.vary, 'Accept-Encoding')
  t.same(gunzipSync(zipped.rawPayload), plain.rawPayload)
  t.not(zipped.headers.etag, plain.headers.etag)
  const again = await app.inject({
    url: '/targets',
    headers: { 'accept-encoding': 'gzip', 'if-none-match': String(zipped.headers.etag) },
  })
  t.equal(again.statusCode, 304)
  const other = await app.inject({
    url: '/targets',
    headers: { 'accept-encoding': 'gzip', 'if-none-match': String(plain.headers.etag) },
  })
  t.equal(other.statusCode, 304, 'the other form of the same list will do too')
  t.equal(other.headers.etag, plain.headers.etag, 'and is the one that is named')
})

t.test('a head that was rendered before says the same as a new one', async (t) => {
  const { app, publish, clock, state } = await readHalf(t)
  await publish('sensors', ['a:1'])
  await app.listen({ host: '127.0.0.1', port: 0 })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let received = ''
  socket.setEncoding('latin1').on('data', (text) => {
    received += text
  })
  /** The heads of the responses to so many requests, sent at once; each is followed by the whole list. */
  const poll = async (head = 'GET /targets HTTP/1.1\r\nhost: a\r\n\r\n', requests = 1) => {
    received = ''
    socket.write(head.repeat(requests))
    await until('the responses', () => received.split(BODY).length > requests)
    return received.split(BODY).slice(0, requests)
  }
  const BODY = (await app.inject('/targets')).payload
  const [first = ''] = await poll()
  const dateOf = (head: string) => /\r\ndate: (.*)\r\n/i.exec(head)?.[1] ?? ''
  clock.advance(1_500)
  const lines = (head: string) => head.split('\r\n').filter((line) => !/^date:/i.test(line))
  const aged = lines(first).map((line) =>
    line.replace('x-rollcall-age-seconds: 0.000', 'x-rollcall-age-seconds: 1.500'),
  )
  const dates = new Set([dateOf(first)])
  const heads = new Set<string>()
  const end = Date.now() + 10_000
  while (dates.size < 3 && Date.now() < end) {
    const [head = ''] = await poll()
    heads.add(lines(head).join('\n'))
    if (dates.has(dateOf(head))) continue
    t.ok(Math.abs(Date.parse(dateOf(head)) - Date.now()) < 2_500, 'its date is that of now')
    dates.add(dateOf(head))
  }
  t.same([...heads], [aged.join('\n')])
  t.equal(dates.size, 3)
  for (const head of await poll(undefined, 5)) t.same(lines(head), aged, 'pipelined')
  await publish('sensors', ['b:1'])
  const changed = await app.inject('/targets')
  received = ''
  socket.write('GET /targets HTTP/1.1\r\nhost: a\r\n\r\n')
  await until('the new list', () => received.endsWith(changed.payload))
  t.ok(received.includes(`\r\netag: ${changed.headers.etag}\r\n`))
  state.draining = true
  received = ''
  socket.write('GET /targets HTTP/1.1\r\nhost: a\r\n\r\n')
  await once(socket, 'close')
  t.match(received, /\r\nconnection: close\r\n/i)
})

t.test('a client that does not keep its connection is told that it ends', async (t) => {
  const { app, publish } = await readHalf(t)
  await publish('sensors', ['a:1'])
  await app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/targets`
  // The head is rendered before.
  for (let index = 0; index < 2; index++) await (await fetch(url)).text()
  for (const head of ['HTTP/1.1\r\nhost: a\r\nconnection: close', 'HTTP/1.0']) {
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
    let received = ''
    socket.setEncoding('latin1').on('data', (text) => {
      received += text
    })
    socket.write(`GET /targets ${head}\r\n\r\n`)
    await once(socket, 'close')
    t.match(received, /\r\nconnection: close\r\n/i, head)
    t.match(received, /\["a:1"\]/, head)
  }
})

t.test('46: an unknown source is 404, an impossible name 400, an unknown parameter 400', async (t) => {
  const { app, publish } = await readHalf(t)
  await publish('sensors', ['a:1'])
  const rows: [url: string, status: number, code: string][] = [
    ['/targets/other', 404, 'source_not_found'],
    ['/targets/__proto__', 404, 'source_not_found'],
    ['/targets/constructor', 404, 'source_not_found'],
    ['/targets/a.b', 400, 'bad_request'],
    [`/targets/${'x'.repeat(64)}`, 400, 'bad_request'],
    ['/targets/a/b', 404, 'not_found'],
    ['/targets?shards=0/2', 400, 'bad_request'],
    ['/targets/sensors?label.site=x', 404, 'label_not_found'],
    ['/targetsx', 404, 'not_found'],
  ]
  for (const [url, status, code] of rows) {
    const answer = await app.inject(url)
    t.equal(answer.statusCode, status, url)
    t.match(answer.json(), { error: { code, message: String } }, url)
  }
  t.match((await app.inject('/targets/other')).json(), {
    error: { message: 'there is no source other; there is sensors' },
  })
  t.equal((await app.inject('/targets/')).statusCode, 200, 'a trailing slash does no harm')
})

t.test('an empty list that was confirmed is sent as such', async (t) => {
  const { app, publish } = await readHalf(t)
  await publish('sensors', [])
  t.equal((await app.inject('/targets')).payload, '[]')
})
