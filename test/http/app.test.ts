import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { handleClientError } from '../../src/base/client-error.ts'
import { HttpError, RefreshError } from '../../src/base/errors.ts'
import { readHalf } from '../helpers/app.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { heldTargets } from '../helpers/held.ts'
import { until } from '../helpers/until.ts'

/** Sends raw bytes over a real socket and returns all that comes back. */
async function exchange(t: Test, port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let received = ''
  socket.setEncoding('utf8').on('data', (text) => {
    received += text
  })
  socket.on('error', () => {})
  socket.write(bytes)
  await once(socket, 'close')
  return received
}

async function listening(t: Test, options: Parameters<typeof readHalf>[1] = {}) {
  const half = await readHalf(t, options)
  await half.app.listen({ host: '127.0.0.1', port: 0 })
  return { ...half, port: (half.app.server.address() as AddressInfo).port }
}

t.test('5: another method is 405 with the methods that there are', async (t) => {
  const { app } = await readHalf(t)
  const rows: [
    method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT' | 'OPTIONS',
    url: string,
    allow: string,
  ][] = [
    ['POST', '/targets', 'GET, HEAD'],
    ['PUT', '/targets/sensors', 'GET, HEAD'],
    ['DELETE', '/metrics', 'GET, HEAD'],
    ['PATCH', '/health', 'GET, HEAD'],
    ['OPTIONS', '/', 'GET, HEAD'],
    ['GET', '/-/refresh', 'POST'],
    ['POST', '/-/ready/', 'GET, HEAD'],
  ]
  for (const [method, url, allow] of rows) {
    const answer = await app.inject({ method, url })
    t.equal(answer.statusCode, 405, `${method} ${url}`)
    t.equal(answer.headers.allow, allow)
    t.match(answer.json(), {
      error: { code: 'method_not_allowed', message: new RegExp(`^${method} is not`) },
    })
  }
})

t.test('46: paths with encoded line breaks, null bytes and slashes are refused', async (t) => {
  const { app } = await readHalf(t)
  for (const url of [
    '/targets/a%0d%0aSet-Cookie:x',
    '/targets/a%00',
    '/targets/..%2f..%2fetc',
    '/x%5cy',
    '/%zz',
  ]) {
    const answer = await app.inject(url)
    t.equal(answer.statusCode, 400, url)
    t.match(answer.json(), { error: { code: 'bad_request' } }, url)
  }
})

t.test('health says what would let the targets of removed sources go', async (t) => {
  const { app, store } = await readHalf(t, { sources: [] })
  const held = (reason: string) => heldTargets({ reason, sources: ['cmdb'], until: undefined })
  store.setRemoved({ snapshots: [], lastSuccessMs: [], held: [held('replaced'), held('removed')] })
  const { removed } = (await app.inject('/health')).json()
  t.match(removed.held, [
    { sources: ['cmdb'], until: null, leaves: /^when every source that was added or changed has been read/ },
    { sources: ['cmdb'], until: null, leaves: /^when it is accepted: POST .*, or global\.guard\.accept$/ },
  ])
})

t.test('health is 200 whatever the sources do, and says what they do', async (t) => {
  const { app, publish, clock, store } = await readHalf(t, {
    sources: ['failing', 'fine', 'holding', 'stale', 'unreadable', 'waiting'],
  })
  const at = { wallMs: clock.now(), monotonicMs: clock.monotonic() }
  await publish('fine', ['a:1'], {
    rejected: { invalid_host: 2 },
    samples: [{ index: 3, reason: 'invalid_host', detail: 'x' }],
  })
  await publish('failing', ['a:1'], { failures: 4, failure: { reason: 'dns', message: 'no such host', at } })
  await publish('holding', ['a:1'], {
    absent: 3,
    held: [
      heldTargets({ targets: 2 }),
      heldTargets({ reason: 'configuration', why: 'a reason', until: undefined, digest: 'e'.repeat(64) }),
    ],
  })
  await publish('unreadable', ['a:1'], { absent: 1, held: [heldTargets({ reason: 'unreadable' })] })
  await publish('stale', ['a:1'], { restored: true })
  clock.advance(1_234)
  const answer = await app.inject('/health')
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), {
    status: 'ok',
    version: '1.2.3',
    draining: false,
    removed: { held: [] },
    uptime_seconds: Number,
    sources: {
      fine: {
        state: 'ok',
        required: true,
        targets: 1,
        target_groups: 1,
        records: 1,
        rejected: { invalid_host: 2 },
        rejected_samples: [{ index: 3, reason: 'invalid_host', detail: 'x' }],
        last_success: '2026-01-01T00:00:00.000Z',
        last_change: '2026-01-01T00:00:00.000Z',
        age_seconds: 1.234,
        consecutive_failures: 0,
        failure: null,
        absent: 0,
        held: [],
      },
      failing: {
        state: 'failing',
        consecutive_failures: 4,
        failure: { reason: 'dns', message: 'no such host', at: '2026-01-01T00:00:00.000Z' },
      },
      stale: { state: 'stale' },
      holding: {
        state: 'holding',
        absent: 3,
        held: [
          {
            digest: 'd'.repeat(64),
            targets: 2,
            samples: ['old:9100'],
            reason: 'too_many',
            why: 'too many of the targets would leave within an hour',
            since: '2026-01-01T00:00:00.000Z',
            until: '2026-01-01T00:15:00.000Z',
            leaves: /^at 2026-01-01T00:15:00.000Z, if every reading until then lacks them; or when it is/,
          },
          {
            reason: 'configuration',
            until: null,
            leaves: `when it is accepted: POST /-/accept?digest=${'e'.repeat(64)}, or guard.accept`,
          },
        ],
      },
      unreadable: { state: 'ok', absent: 1, held: [{ reason: 'unreadable' }] },
      waiting: { state: 'waiting', targets: 0, last_success: null, age_seconds: null, last_change: null },
    },
  })
  store.setRemoved({
    snapshots: [],
    lastSuccessMs: [],
    held: [heldTargets({ reason: 'removed', samples: ['source old'] })],
  })
  t.match((await app.inject('/health')).json().removed, {
    held: [{ digest: 'd'.repeat(64), reason: 'removed', samples: ['source old'] }],
  })
  t.match(await app.inject('/-/healthy'), { statusCode: 200, payload: 'Rollcall is healthy.\n' })
})

t.test('ready is 503 until every required source has a list', async (t) => {
  const { app, publish, store } = await readHalf(t, { sources: ['a', 'b'] })
  store.add('optional', {
    required: false,
    maxStalenessMs: Number.POSITIVE_INFINITY,
    holdMs: 0,
  })
  await publish('a', ['a:1'])
  for (const url of ['/ready', '/-/ready']) {
    const waiting = await app.inject(url)
    t.equal(waiting.statusCode, 503)
    t.match(waiting.json(), { error: { code: 'not_loaded', message: 'no list yet from b: not read yet' } })
  }
  await publish('b', ['b:1'])
  for (const url of ['/ready', '/-/ready']) {
    t.match(await app.inject(url), { statusCode: 200, payload: 'Rollcall is ready.\n' })
  }
})

t.test('ready says each list that is older than --web.ready-max-age', async (t) => {
  const { app, publish, clock } = await readHalf(t, { sources: ['a', 'b'], readyMaxAgeMs: 60_000 })
  await publish('a', ['a:1'])
  clock.advance(30_000)
  const at = { wallMs: 0, monotonicMs: 0 }
  await publish('b', ['b:1'], { failure: { reason: 'dns', message: 'no such host', at } })
  clock.advance(29_999)
  t.equal((await app.inject('/ready')).statusCode, 200)
  clock.advance(1)
  for (const url of ['/ready', '/-/ready']) {
    const answer = await app.inject(url)
    t.equal(answer.statusCode, 503)
    t.equal(answer.headers['retry-after'], '5')
    t.match(answer.json().error, { code: 'stale', message: /^a: its list is 1m old, .*ready-max-age/ })
    t.notMatch(answer.json().error.message, /b: /)
  }
  clock.advance(30_000)
  t.match(
    (await app.inject('/ready')).json().error.message,
    /a: its list is 1m30s .*b: its list is 1m .*no such host/,
  )
  await publish('a', ['a:1'])
  await publish('b', ['b:1'])
  t.equal((await app.inject('/ready')).statusCode, 200)
})

t.test('lists of several sources are sent whole, small and large', async (t) => {
  const { app, publish } = await readHalf(t, { sources: ['a', 'b'] })
  for (const count of [1, 10_000]) {
    const namesOf = (source: string) => Array.from({ length: count }, (_, index) => `${source}${index}:1`)
    await publish('a', namesOf('a'))
    await publish('b', namesOf('b'))
    for (const encoding of ['identity', 'gzip']) {
      const answer = await app.inject({ url: '/targets', headers: { 'accept-encoding': encoding } })
      t.equal(Number(answer.headers['content-length']), answer.rawPayload.length)
      const body = encoding === 'gzip' ? gunzipSync(answer.rawPayload) : answer.rawPayload
      const groups = JSON.parse(body.toString()) as { targets: string[] }[]
      t.equal(new Set(groups.flatMap(({ targets }) => targets)).size, 2 * count)
    }
  }
})

t.test('ready is 503 while a list is older than --web.ready-max-age, and targets are served', async (t) => {
  const { app, publish, clock } = await readHalf(t, { readyMaxAgeMs: 60_000 })
  await publish('sensors', ['a:1'])
  clock.advance(59_999)
  t.equal((await app.inject('/ready')).statusCode, 200)
  clock.advance(1)
  const answer = await app.inject('/ready')
  t.equal(answer.statusCode, 503)
  t.match(answer.json().error, {
    code: 'stale',
    message: /^sensors: its list is 1m old, .*--web\.ready-max-age \(1m\).*\/health/,
  })
  t.equal((await app.inject('/targets')).statusCode, 200)
  await publish('sensors', ['a:1'])
  t.equal((await app.inject('/ready')).statusCode, 200)
})

t.test(
  'an old list that is not required keeps nobody away, nor any from devices that register',
  async (t) => {
    const { app, publish, clock, store, state } = await readHalf(t, { readyMaxAgeMs: 60_000 })
    store.add('optional', { required: false, maxStalenessMs: 90_000, holdMs: 0 })
    await publish('optional', ['a:1'])
    clock.advance(61_000)
    await publish('sensors', ['a:1'])
    t.equal((await app.inject('/ready')).statusCode, 200)
    clock.advance(61_000)
    t.equal((await app.inject('/ready')).statusCode, 503)
    store.add('devices', { required: false, maxStalenessMs: 90_000, holdMs: 0 })
    state.instances = { devices: {} as never }
    t.equal((await app.inject('/ready')).statusCode, 200, 'devices reach the server')
  },
)

t.test('by default ready does not mind how old a list is, even if its source does', async (t) => {
  const { app, publish, clock } = await readHalf(t, { maxStalenessMs: 60_000 })
  await publish('sensors', ['a:1'])
  clock.advance(400 * 86_400_000)
  t.equal((await app.inject('/ready')).statusCode, 200)
})

t.test('35: while the server drains, only ready says 503', async (t) => {
  const { app, publish, state } = await readHalf(t)
  await publish('sensors', ['a:1'])
  state.draining = true
  t.match((await app.inject('/ready')).json(), { error: { code: 'draining' } })
  const answer = await app.inject('/targets')
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers.connection, 'close', 'clients are asked to connect elsewhere next time')
  t.equal((await app.inject('/health')).statusCode, 200)
})

t.test('55: what changes state is off unless switched on', async (t) => {
  const { app, state } = await readHalf(t)
  state.reloadError = new Error('a reload was tried')
  for (const url of ['/-/refresh', '/-/refresh?source=sensors', '/-/accept?source=sensors', '/-/reload']) {
    const answer = await app.inject({ method: 'POST', url })
    t.equal(answer.statusCode, 403, url)
    t.match(answer.json(), { error: { code: 'lifecycle_disabled', message: /--web.enable-lifecycle/ } })
  }
  t.same(state.refreshed, [])
  t.same(state.accepted, [])
})

t.test('55: beside them only what asks for a token takes another method than GET and HEAD', async (t) => {
  const { app } = await readHalf(t)
  const posts = app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .filter((line) => /\((?!GET, HEAD\)|HEAD, GET\))/.test(line))
  t.same(posts.map((line) => /[\w-]+ \(.*\)/.exec(line)?.[0]).sort(), [
    'accept (POST)',
    'accept (POST)',
    'id (PUT, DELETE)',
    'refresh (POST)',
    'reload (POST)',
  ])
})

t.test('a refresh that is asked for answers with its result', async (t) => {
  const { app, state } = await readHalf(t, { enableLifecycle: true })
  state.answers = [{ source: 'sensors', result: 'changed', targets: 3 }]
  const answer = await app.inject({ method: 'POST', url: '/-/refresh' })
  t.equal(answer.statusCode, 200)
  t.same(answer.json(), { results: [{ source: 'sensors', result: 'changed', targets: 3 }] })
  await app.inject({ method: 'POST', url: '/-/refresh?source=sensors' })
  t.same(state.refreshed, [undefined, 'sensors'])
})

t.test('25: held targets are accepted by their digest, of one source or of whichever', async (t) => {
  const { app, state } = await readHalf(t, { enableLifecycle: true })
  const accept = (query: string) => app.inject({ method: 'POST', url: `/-/accept${query}` })
  const digest = 'b'.repeat(64)
  state.acceptAnswer = [{ source: 'sensors', result: 'changed', targets: 3 }]
  for (const query of [`?digest=${digest}`, `?source=sensors&digest=${digest}`]) {
    const accepted = await accept(query)
    t.equal(accepted.statusCode, 200, query)
    t.same(accepted.json(), { results: [{ source: 'sensors', result: 'changed', targets: 3 }] })
  }
  state.acceptAnswer = []
  t.same((await accept(`?digest=${digest}`)).json(), { results: [] }, 'a view is of no source')
  const none = await accept(`?source=sensors&digest=${digest}`)
  t.equal(none.statusCode, 409)
  t.match(none.json(), { error: { code: 'not_held', message: /no targets of sensors with this digest/ } })
  state.acceptAnswer = undefined
  t.match((await accept(`?digest=${digest}`)).json(), {
    error: { code: 'not_held', message: /no targets with this digest are held. Look at \/health again/ },
  })
  t.same(state.accepted, [
    [digest, undefined],
    [digest, 'sensors'],
    [digest, undefined],
    [digest, 'sensors'],
    [digest, undefined],
  ])
})

t.test('25: without the digest of what is meant nothing is accepted', async (t) => {
  const { app, state } = await readHalf(t, { enableLifecycle: true })
  const digest = 'b'.repeat(64)
  const rows: [query: string, status: number, message: RegExp][] = [
    ['', 400, /the digest is missing or invalid; .*digest=DIGEST with the digest that \/health shows/],
    ['?source=sensors', 400, /the digest is missing or invalid/],
    ['?digest=abc', 400, /64 hex digits/],
    [`?digest=${digest.toUpperCase()}`, 400, /64 hex digits/],
    [`?digest=${digest}&digest=${digest}`, 400, /the digest is missing or invalid/],
    [`?digest=${digest}&force=1`, 400, /no other parameter than digest and source/],
    [`?digest=${digest}&source=`, 400, /source/],
    [`?digest=${digest}&source=other`, 404, /other/],
  ]
  for (const [query, status, message] of rows) {
    const answer = await app.inject({ method: 'POST', url: `/-/accept${query}` })
    t.equal(answer.statusCode, status, query)
    t.match(answer.json().error.message, message, query)
  }
  t.same(state.accepted, [], 'nothing of that was carried out')
})

t.test('45: a webhook may send whatever body it likes, but not a huge or hostile one', async (t) => {
  const { app } = await readHalf(t, { enableLifecycle: true })
  const post = (type: string, payload: string) =>
    app.inject({ method: 'POST', url: '/-/refresh', headers: { 'content-type': type }, payload })
  for (const [type, payload] of [
    ['application/json', '{"event":"changed"}'],
    ['application/xml', '<event/>'],
    ['application/x-www-form-urlencoded', 'a=b'],
    ['text/plain', 'hello'],
  ] as const) {
    t.equal((await post(type, payload)).statusCode, 200, type)
  }
  t.match(await post('application/json', '{"__proto__":{"a":1}}'), { statusCode: 400 })
  t.match(await post('application/json', '{'), { statusCode: 400 })
  const huge = await post('text/plain', 'x'.repeat(2_000_000))
  t.equal(huge.statusCode, 413)
  t.match(huge.json(), { error: { code: 'payload_too_large' } })
})

t.test('a refresh that nobody waits for is answered at once; those within a second are one', async (t) => {
  const { app, state, clock } = await readHalf(t, { enableLifecycle: true, sources: ['a', 'b'] })
  state.answers = [
    { source: 'a', result: 'failed', targets: 0, error: new RefreshError('dns', 'no such host') },
  ]
  const post = async (query: string) => {
    const answer = await app.inject({ method: 'POST', url: `/-/refresh?wait=false${query}` })
    t.equal(answer.statusCode, 202, query)
    t.same(answer.json(), { status: 'accepted' })
  }
  for (let times = 0; times < 3; times++) await post('&source=a')
  clock.pass(999)
  await post('&source=b')
  t.same(state.refreshed, [], 'what a request is about may not be there yet')
  clock.pass(1)
  t.same(state.refreshed, ['a', 'b'])
  clock.pass(10_000)
  t.same(state.refreshed, ['a', 'b'], 'once')
  await post('&source=a')
  await post('')
  clock.pass(1_000)
  t.same(state.refreshed, ['a', 'b', undefined], 'all of them, a among them')
  t.equal((await app.inject({ method: 'POST', url: '/-/refresh?wait=true' })).statusCode, 502)
})

t.test('a defect in a refresh that nobody waits for is logged', async (t) => {
  const { app, state, clock, lines } = await readHalf(t, { enableLifecycle: true })
  state.refreshError = new Error('a defect')
  await app.inject({ method: 'POST', url: '/-/refresh?wait=false' })
  clock.pass(1_000)
  await until('it is logged', () => lines.some((line) => JSON.stringify(line).includes('a defect')))
})

t.test('a refresh that nobody waits for is forgotten with the server', async (t) => {
  const { app, state, clock } = await readHalf(t, { enableLifecycle: true })
  await app.inject({ method: 'POST', url: '/-/refresh?wait=false' })
  await app.close()
  clock.pass(1_000)
  t.same(state.refreshed, [])
  t.same(clock.pending(), [])
})

t.test('a refresh that is asked for and fails is 502 with the reason', async (t) => {
  const { app, state } = await readHalf(t, { enableLifecycle: true })
  state.answers = [
    { source: 'a', result: 'changed', targets: 1 },
    { source: 'b', result: 'failed', targets: 0, error: new RefreshError('dns', 'no such host') },
  ]
  const answer = await app.inject({ method: 'POST', url: '/-/refresh' })
  t.equal(answer.statusCode, 502)
  t.match(answer.json(), { error: { code: 'refresh_failed', message: 'b: no such host' } })
})

t.test('wrong parameters of a refresh', async (t) => {
  const { app, state } = await readHalf(t, { enableLifecycle: true })
  const rows: [query: string, status: number][] = [
    ['source=other', 404],
    ['source=', 400],
    ['source=a&source=b', 400],
    ['sources=a', 400],
    ['wait=', 400],
    ['wait=no', 400],
    ['wait=false&wait=false', 400],
    ['wait=false&source=other', 404],
    ['source=__proto__', 404],
  ]
  for (const [query, status] of rows) {
    t.equal((await app.inject({ method: 'POST', url: `/-/refresh?${query}` })).statusCode, status, query)
  }
  t.same(state.refreshed, [])
})

t.test(
  'metrics are Prometheus text 0.0.4, even for a client that would rather have OpenMetrics',
  async (t) => {
    const { app } = await readHalf(t)
    const answer = await app.inject({ url: '/metrics', headers: { accept: 'application/openmetrics-text' } })
    t.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
    t.equal(seriesValue(answer.payload, 'rollcall_http_requests_shed_total'), 0)
  },
)

t.test('49: a flood of unknown paths makes one series', async (t) => {
  const { app } = await readHalf(t)
  for (let index = 0; index < 100; index++) await app.inject(`/unknown-${index}`)
  await app.inject('/targets')
  const text = (await app.inject('/metrics')).payload
  const series = text.split('\n').filter((line) => line.startsWith('rollcall_http_requests_total{'))
  const routes = series.map((line) => /route="([^"]*)"/.exec(line)?.[1])
  t.same([...new Set(routes)].sort(), ['/targets', '/targets/:source', 'none'])
  const labels = { route: 'none', method: 'GET', code: '404' }
  t.equal(seriesValue(text, 'rollcall_http_requests_total', labels), 100)
  t.equal(seriesValue(text, 'rollcall_http_request_duration_seconds_count', { route: '/targets' }), 1)
})

t.test(
  '48: while the event loop is saturated, targets are shed, and health and metrics answer',
  async (t) => {
    const { app, publish } = await readHalf(t)
    await publish('sensors', ['a:1'])
    await app.ready()
    const block = (ms: number) => {
      const end = performance.now() + ms
      while (performance.now() < end);
    }
    // The load is real: turns of the event loop that each take longer than the bound.
    let answer = await app.inject('/targets')
    for (let round = 0; round < 10 && answer.statusCode === 200; round++) {
      block(1_300)
      await new Promise<void>((resolve) => void setTimeout(resolve, 5))
      answer = await app.inject('/targets')
    }
    t.equal(answer.statusCode, 503)
    t.equal(answer.headers['retry-after'], '5')
    t.match(answer.json(), { error: { code: 'overloaded' } })
    t.equal((await app.inject('/health')).statusCode, 200)
    const metrics = await app.inject('/metrics')
    t.equal(metrics.statusCode, 200)
    t.ok((seriesValue(metrics.payload, 'rollcall_http_requests_shed_total') ?? 0) >= 1)
  },
)

t.test('a defect in a handler is 500 without details, and is logged', async (t) => {
  const { app, lines } = await readHalf(t)
  app.get('/defect', () => {
    throw new TypeError('secret detail')
  })
  app.get('/teapot', () => {
    throw new HttpError('bad_request', 'no tea')
  })
  const answer = await app.inject('/defect')
  t.equal(answer.statusCode, 500)
  t.match(answer.json(), { error: { code: 'internal' } })
  t.notMatch(answer.payload, /secret/)
  t.match(lines, [
    { level: 50, msg: 'request failed', route: '/defect', status: 500, err: { message: 'secret detail' } },
  ])
  t.equal((await app.inject('/teapot')).statusCode, 400)
  t.equal(lines.length, 1, 'what is the fault of the client is not')
})

t.test(
  'an answer of 503 is logged with its route, once a second at most; one to a probe is not',
  async (t) => {
    const { app, lines, clock } = await readHalf(t)
    const poll = async () => {
      for (const path of ['/targets', '/targets', '/targets/sensors', '/ready'])
        t.equal((await app.inject(path)).statusCode, 503)
    }
    await poll()
    const line = {
      level: 40,
      msg: 'request failed',
      status: 503,
      code: 'not_loaded',
      error: /no list yet from sensors/,
    }
    const wanted = [
      { ...line, route: '/targets' },
      { ...line, route: '/targets/:source' },
    ]
    t.match(lines, wanted)
    t.equal(lines.length, 2)
    clock.advance(999)
    await poll()
    t.equal(lines.length, 2)
    clock.advance(1)
    await poll()
    t.match(lines, [...wanted, ...wanted])
    t.equal(lines.length, 4)
  },
)

t.test('the requests for targets are counted from 0, so that rules see even the first failure', async (t) => {
  const { app } = await readHalf(t)
  const text = (await app.inject('/metrics')).payload
  for (const route of ['/targets', '/targets/:source']) {
    for (const code of ['200', '503'])
      t.equal(seriesValue(text, 'rollcall_http_requests_total', { route, method: 'GET', code }), 0)
    t.equal(seriesValue(text, 'rollcall_http_request_duration_seconds_count', { route }), 0)
  }
})

t.test('45: headers over 16 KB are 431, rubbish is 400, both in the usual form', async (t) => {
  const { port } = await listening(t)
  const large = await exchange(t, port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)
  t.match(large, /^HTTP\/1\.1 431 /)
  t.match(large, /\{"error":\{"code":"headers_too_large"/)
  const rubbish = await exchange(t, port, 'rubbish\r\n\r\n')
  t.match(rubbish, /^HTTP\/1\.1 400 /)
  t.match(rubbish, /\{"error":\{"code":"bad_request"/)
})

t.test('43: slow headers and a slow body are 408 within a bound', async (t) => {
  const limits = { headersTimeout: 200, requestTimeout: 300, connectionsCheckingInterval: 50 }
  const { port } = await listening(t, { limits, enableLifecycle: true })
  const slow = [
    'GET /targets HTTP/1.1\r\nHost: a\r\n',
    'POST /-/refresh HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf',
  ]
  for (const bytes of slow) {
    const answer = await exchange(t, port, bytes)
    t.match(answer, /^HTTP\/1\.1 408 /)
    t.match(answer, /\{"error":\{"code":"request_timeout"/)
  }
})

t.test('beyond the maximum the oldest idle connection is closed, and a probe still gets in', async (t) => {
  const { port } = await listening(t, { maxConnections: 100 })
  const sockets = []
  let closed = 0
  for (let index = 0; index < 300; index++) {
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    socket.on('error', () => {})
    socket.once('close', () => closed++)
    await once(socket, 'connect')
    sockets.push(socket)
  }
  const health = await fetch(`http://127.0.0.1:${port}/health`)
  t.equal(health.status, 200)
  await until('the oldest are closed', () => closed >= 200)
  t.ok(sockets.slice(0, 200).every(({ readyState }) => readyState !== 'open'))
  t.ok(sockets.slice(-50).every(({ readyState }) => readyState === 'open'))
})

t.test('a connection that is gone already is not answered', async (t) => {
  const { port } = await listening(t)
  for (const code of ['ECONNRESET', 'HPE_INVALID_METHOD']) {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    if (code !== 'ECONNRESET') socket.destroy()
    handleClientError(Object.assign(new Error(code), { code }), socket)
    t.ok(socket.destroyed, code)
  }
})

t.test('who is answered but never ends the connection is cut off', async (t) => {
  const taken: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    taken.push(socket)
    socket.on('error', () => {})
    // What comes in late does not begin the time anew.
    socket.resume()
    handleClientError(Object.assign(new Error('slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket, 100)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const client = connect({ port: (server.address() as AddressInfo).port, allowHalfOpen: true })
  const drip = setInterval(() => client.write('x'), 20)
  t.teardown(() => {
    clearInterval(drip)
    client.destroy()
  })
  client.on('error', () => {})
  const [answer] = await once(client, 'data')
  t.match(String(answer), /^HTTP\/1\.1 408 /)
  await until('it is closed', () => taken[0]?.closed === true)
})

t.test('a route with a schema is told that there are no compilers for it', async (t) => {
  const { app } = await readHalf(t)
  app.get('/with-schema', { schema: { querystring: { type: 'object' } } }, () => 'x')
  await t.rejects(async () => app.ready(), { message: /a route has a schema/ })
})
