import { Agent } from 'node:http'
import t from 'tap'
import { seriesValue } from '../helpers/exposition.ts'
import { ask, CAROL, DAVE, webServer, written } from '../helpers/web.ts'

/** What depends on the moment, or on the connection. */
const PASSING = ['date', 'connection', 'keep-alive', 'x-rollcall-age-seconds']

type Half = Awaited<ReturnType<typeof webServer>>

/** Asks the server, and the framework alone, for the same. */
async function both(t: Half, url: string, headers: Record<string, string>) {
  const polled = await ask(t.port, url, { headers })
  const routed = await t.app.inject({ url, headers: { host: '127.0.0.1', ...headers } })
  const kept = (all: object) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => !PASSING.includes(name)))
  return [
    { status: polled.status, headers: kept(polled.headers), body: polled.body },
    { status: routed.statusCode, headers: kept(routed.headers), body: routed.body },
  ] as const
}

const PATHS = [
  ...['/targets', '/targets/', '/targets/sensors', '/targets/sensors/', '/targets/other', '/targets/none'],
  ...['/targets?', '/targets/sensors?', '/targets?shard=0/2', '/targets?a=b', '/targets%2Fsensors'],
  ...['/targetsxsensors', '/targets/sensors%20', '/targets//sensors', '//targets', '/'],
]

t.test('a poll is answered as the framework would answer it', async (t) => {
  const half = await webServer(t, undefined, { sources: ['sensors', 'other'] })
  const list = (await half.app.inject({ url: '/targets/sensors' })).headers.etag as string
  const headers = [
    {},
    { 'accept-encoding': 'gzip' },
    { 'if-none-match': list },
    { 'if-none-match': '"other"' },
  ]
  for (const isLoaded of [false, true]) {
    if (isLoaded) await half.publish('other', ['10.0.0.9:9100'])
    for (const path of PATHS)
      for (const one of headers) {
        const [polled, routed] = await both(half, path, one)
        t.same(polled, routed, `${path} ${JSON.stringify(one)}, ${isLoaded ? 'all loaded' : 'one missing'}`)
      }
  }
  half.state.draining = true
  t.equal((await ask(half.port, '/targets')).headers.connection, 'close', 'the last of its connection')
})

t.test('a list that is too old is told alike', async (t) => {
  const half = await webServer(t, undefined, { maxStalenessMs: 1_000 })
  half.clock.advance(5_000)
  const [polled, routed] = await both(half, '/targets/sensors', {})
  t.equal(polled.status, 503)
  t.same(polled, routed)
})

t.test('polls are counted by the route that answers', async (t) => {
  const half = await webServer(t, undefined)
  const counted = async (route: string) =>
    seriesValue((await half.app.inject({ url: '/metrics' })).body, 'rollcall_http_requests_total', {
      route,
      method: 'GET',
      code: '200',
    })
  await ask(half.port, '/targets')
  await ask(half.port, '/targets/sensors')
  await ask(half.port, '/targets/sensors')
  t.same([await counted('/targets'), await counted('/targets/:source')], [1, 2])
})

t.test('who has said who they are is asked again only when something changed', async (t) => {
  const folder = t.testdir()
  const file = written(
    folder,
    `http_server_config: { headers: { X-Frame-Options: deny } }
basic_auth_users:
  dave: ${DAVE}
  carol: { hash: ${CAROL}, may: [read], sources: [sensors] }
bearer_tokens: [{ name: operator, token_file: token, may: [operate] }]
`,
  )
  written(folder, 'c'.repeat(32), 'token')
  const half = await webServer(t, file)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const statuses = async (path: string, options: Parameters<typeof ask>[2]) => {
    const answers = []
    for (let turn = 0; turn < 3; turn++) answers.push(await ask(half.port, path, { agent, ...options }))
    t.same(
      answers.map(({ headers }) => headers['x-frame-options']),
      ['deny', 'deny', 'deny'],
    )
    return answers.map(({ status }) => status)
  }
  t.same(await statuses('/targets', { auth: 'dave:dave123' }), [200, 200, 200])
  t.same(
    await statuses('/targets', { auth: 'dave:wrong' }),
    [401, 401, 401],
    'on the connection of one who may',
  )
  t.same(await statuses('/targets', {}), [401, 401, 401])
  t.same(await statuses('/targets/sensors', { auth: 'carol:carol123' }), [200, 200, 200])
  t.same(await statuses('/targets', { auth: 'carol:carol123' }), [403, 403, 403], 'only one source')
  const headers = { authorization: `Bearer ${'c'.repeat(32)}` }
  t.same(await statuses('/targets', { headers }), [403, 403, 403], 'may not read')
})

t.test('where requests are limited polls are counted too', async (t) => {
  const half = await webServer(t, written(t.testdir(), 'rate_limit: { interval: 1h, burst: 2 }\n'))
  const statuses = []
  for (let turn = 0; turn < 4; turn++) statuses.push((await ask(half.port, '/targets')).status)
  t.same(statuses, [200, 200, 429, 429])
})
