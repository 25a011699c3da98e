import t from 'tap'
import { HttpError } from '../../src/base/errors.ts'
import type { Instances, Registration } from '../../src/model/registration.ts'
import { readHalf } from '../helpers/app.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { pushSource } from '../helpers/push-source.ts'

const PATH = '/api/v1/sources/devices/instances'
const ROUTE = '/api/v1/sources/:source/instances/:id'
const authorization = 'Bearer right'
const body = { address: '10.0.0.7:9100' }

/** A server with a real push source, and a source of another kind. */
async function served(t: Parameters<typeof readHalf>[0]) {
  const half = await readHalf(t, { sources: ['devices', 'sensors'] })
  const push = pushSource(t)
  half.state.instances.devices = push.source.instances
  const send = (method: 'PUT' | 'DELETE', url: string, payload?: string | object, headers = {}) =>
    half.app.inject({
      method,
      url: url.startsWith('/api') ? url : `${PATH}/${url}`,
      headers: { authorization, ...headers },
      ...(payload !== undefined && { payload }),
    })
  return { ...half, ...push, send }
}

t.test('a device registers with 201, renews with 200 and leaves with 204, however often', async (t) => {
  const { send, source } = await served(t)
  const first = await send('PUT', 'a', body)
  t.equal(first.statusCode, 201)
  t.same(first.json(), { ttl_seconds: 90 })
  t.equal(first.headers['cache-control'], 'no-store')
  const again = await send('PUT', 'a/', { ...body, ttl: '1500ms' })
  t.equal(again.statusCode, 200)
  t.same(again.json(), { ttl_seconds: 1.5 })
  t.equal(source.registry.table.size(), 1)
  for (let times = 0; times < 2; times++) {
    const left = await send('DELETE', 'a')
    t.equal(left.statusCode, 204)
    t.equal(left.body, '')
  }
  t.equal(source.registry.table.size(), 0)
})

t.test('a body is JSON whatever it is called, and a DELETE may have one', async (t) => {
  const { send } = await served(t)
  const json = JSON.stringify(body)
  for (const type of ['application/json', 'application/x-www-form-urlencoded', 'text/plain'])
    t.match((await send('PUT', type.replace('/', '-'), json, { 'content-type': type })).statusCode, 201, type)
  t.equal((await send('DELETE', 'text-plain', '{', { 'content-type': 'application/json' })).statusCode, 204)
})

t.test('an id is what it was before it was encoded', async (t) => {
  const { send, source } = await served(t)
  const ids = ['00:1b:44', 'Küche 1', 'a%b', 'x?y#z', '漢'.repeat(253)]
  for (const id of ids) t.equal((await send('PUT', encodeURIComponent(id), body)).statusCode, 201, id)
  t.same(
    source.registry.table.records().map((record) => JSON.parse(record).id),
    ids,
  )
})

t.test('what is wrong is told with its code', async (t) => {
  const { send } = await served(t)
  const rows: [
    what: string,
    url: string,
    payload: string | object | undefined,
    code: string,
    status: number,
  ][] = [
    ['no body', 'a', undefined, 'bad_request', 400],
    ['half a body', 'a', '{"address":"a:', 'bad_request', 400],
    ['no address', 'a', {}, 'bad_request', 400],
    ['an address that is none', 'a', { address: 'http://a' }, 'bad_request', 400],
    ['a label that is none', 'a', { ...body, labels: { 'a-b': '' } }, 'bad_request', 400],
    ['a time that is too long', 'a', { ...body, ttl: '1d' }, 'bad_request', 400],
    ['__proto__', 'a', '{"address":"a:1","__proto__":{"x":1}}', 'bad_request', 400],
    [
      'far too much',
      'a',
      JSON.stringify({ ...body, labels: { a: 'x'.repeat(16_384) } }),
      'payload_too_large',
      413,
    ],
    ['an id with a slash', 'a%2fb', body, 'bad_request', 400],
    ['an id with a line break', 'a%0ab', body, 'bad_request', 400],
    ['an id that is too long', 'x'.repeat(254), body, 'bad_request', 400],
    ['an id that is malformed', '%zz', body, 'bad_request', 400],
    ['no id', '', body, 'not_found', 404],
    ['a source that is none', '/api/v1/sources/device/instances/a', body, 'source_not_found', 404],
    ['a source of another kind', '/api/v1/sources/sensors/instances/a', body, 'no_push_source', 404],
    ['no name of a source', '/api/v1/sources/a.b/instances/a', body, 'bad_request', 400],
  ]
  for (const [what, url, payload, code, status] of rows) {
    const answer = await send('PUT', url, payload)
    t.equal(answer.statusCode, status, what)
    t.match(answer.json(), { error: { code, message: String } }, what)
  }
  t.equal((await send('DELETE', 'a%2fb')).statusCode, 400)
})

t.test('51: without the right token nothing is done, and the answer does not tell it', async (t) => {
  const { send, app, source } = await served(t)
  for (const wrong of [
    '',
    'right',
    'Basic right',
    'Bearer',
    'Bearer wrong',
    'Bearer right right',
    'Bearerright',
  ]) {
    for (const method of ['PUT', 'DELETE'] as const) {
      const answer = await send(method, 'a', 'no JSON at all', { authorization: wrong })
      t.equal(answer.statusCode, 401, `${method} ${wrong}`)
      t.equal(answer.headers['www-authenticate'], 'Bearer')
      t.match(answer.json(), { error: { code: 'unauthorized' } })
      t.notMatch(answer.body, 'right')
    }
  }
  t.equal((await app.inject({ method: 'PUT', url: `${PATH}/a`, payload: body })).statusCode, 401)
  t.equal(source.registry.table.size(), 0)
  t.equal((await send('PUT', 'a', body, { authorization: 'bearer  right ' })).statusCode, 201)
})

t.test('one too many is asked to come again later', async (t) => {
  const { send, state, create } = await served(t)
  state.instances.devices = create({ maxInstances: 1 }).instances
  await send('PUT', 'a', body)
  const answer = await send('PUT', 'b', body)
  t.equal(answer.statusCode, 429)
  t.equal(answer.headers['retry-after'], '60')
  t.match(answer.json(), { error: { code: 'too_many_instances' } })
})

t.test('a heartbeat that is shed pauses expiry, and a stranger who is refused does not', async (t) => {
  const { send, app, source, clock, put, metric } = await served(t)
  await app.ready()
  source.watch?.(() => {})
  await put('a')
  clock.pass(89_000)
  const block = (ms: number) => {
    const end = performance.now() + ms
    while (performance.now() < end);
  }
  // The load is real: turns of the event loop that each take longer than the bound.
  const underLoad = async (headers: object) => {
    block(1_300)
    await new Promise<void>((resolve) => void setTimeout(resolve, 5))
    return send('PUT', 'a', body, headers)
  }
  for (let round = 0; round < 5; round++) {
    t.equal((await underLoad({ authorization: 'Bearer stranger' })).statusCode, 401)
  }
  t.equal(await metric('push_expiry_paused'), 0)
  let answer = await send('PUT', 'b', body)
  for (let round = 0; round < 10 && answer.statusCode !== 503; round++) answer = await underLoad({})
  t.match(answer.json(), { error: { code: 'overloaded' } })
  t.equal(await metric('push_expiry_paused'), 1)
  clock.pass(4_000)
  t.ok(source.registry.table.get('a'))
})

t.test('another method is 405 with those that there are', async (t) => {
  const { app } = await served(t)
  for (const method of ['GET', 'POST', 'PATCH'] as const) {
    const answer = await app.inject({ method, url: `${PATH}/a` })
    t.equal(answer.statusCode, 405, method)
    t.equal(answer.headers.allow, 'DELETE, PUT')
  }
})

t.test('a source that a reload takes away while somebody registers is not there any more', async (t) => {
  const { send, state } = await served(t)
  const gone: Instances = {
    authorize: async () => {
      delete state.instances.devices
      return {}
    },
    register: async (_id: string, _registration: Registration) => {
      throw new HttpError('internal', 'it is gone')
    },
    heard: () => {},
    overloaded: () => {},
    leave: async () => {},
  }
  state.instances.devices = gone
  t.equal((await send('PUT', 'a', body)).statusCode, 404)
})

t.test('the metrics know the route, never the ids', async (t) => {
  const { send, metrics } = await served(t)
  await send('PUT', 'some-device', body)
  await send('PUT', 'other', body, { authorization: 'no' })
  await send('PUT', '/api/v1/sources/unknown-source/instances/a', body)
  const text = await metrics.registry.metrics()
  const count = (code: string) =>
    seriesValue(text, 'rollcall_http_requests_total', { route: ROUTE, method: 'PUT', code })
  t.same(['201', '401', '404'].map(count), [1, 1, 1])
  t.notMatch(text, /some-device|unknown-source/)
})

t.test('/ready does not wait for a push source, but /targets does', async (t) => {
  const { app, state, publish } = await served(t)
  await publish('sensors', ['a:1'])
  t.equal((await app.inject('/ready')).statusCode, 200)
  t.equal((await app.inject('/targets')).statusCode, 503)
  delete state.instances.devices
  t.equal((await app.inject('/ready')).statusCode, 503)
})

t.test('/ready does not mind how old the list of a push source is', async (t) => {
  const { app, publish, clock, state } = await readHalf(t, {
    sources: ['devices', 'sensors'],
    readyMaxAgeMs: 60_000,
  })
  state.instances.devices = pushSource(t).source.instances
  for (const name of ['sensors', 'devices']) await publish(name, ['a:1'])
  clock.advance(60_000)
  await publish('sensors', ['a:1'])
  t.equal((await app.inject('/ready')).statusCode, 200)
  delete state.instances.devices
  t.match((await app.inject('/ready')).json().error, { code: 'stale', message: /^devices: / })
})

t.test('whatever is wrong with it, a request with a valid token is a heartbeat', async (t) => {
  const { send, source, read, clock } = await served(t)
  const wrong: (string | object)[] = [
    '{',
    { address: 'a:99999' },
    { ...body, more: 1 },
    { ...body, ttl: '9d' },
  ]
  source.watch?.(() => {})
  for (const index of [...wrong.keys(), 'silent'])
    t.equal((await send('PUT', `d${index}`, body)).statusCode, 201)
  for (let ms = 0; ms < 120_000; ms += 500) {
    if (ms % 30_000 === 0)
      for (const [index, payload] of wrong.entries())
        t.equal((await send('PUT', `d${index}`, payload)).statusCode, 400)
    clock.pass(500)
  }
  t.equal(source.registry.table.size(), wrong.length)
  t.match(await read(), { kind: 'documents' })
})

t.test('why a device cannot register is told to whoever asks for it, until it can', async (t) => {
  const { send, app } = await served(t)
  const verdict = async (q: string) => (await app.inject(`/api/v1/explain?q=${q}`)).json().verdict as string
  await send('PUT', 'a', body, { authorization: 'Bearer c4n4ry' })
  t.match(await verdict('a'), /; the registration of a with devices was refused .*: unauthorized: /)
  t.notMatch(await verdict('a'), /c4n4ry/)
  t.match(await verdict('127.0.0.1'), /registration of a /)
  await send('PUT', 'b', '{')
  t.match(await verdict('b'), /registration of b .*: bad_request: the body is not JSON/)
  await send('PUT', 'a', body)
  t.equal(await verdict('a'), 'not in the inventory')
})
