import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { hostname } from 'node:os'
import { fastify } from 'fastify'
import t from 'tap'
import { allow, guardRoutes } from '../../src/http/auth.ts'
import { readHalf } from '../helpers/app.ts'
import { manualClock } from '../helpers/clock.ts'
import { pushSource } from '../helpers/push-source.ts'
import { until } from '../helpers/until.ts'
import { ask, CAROL, DAVE, openWebFile, webServer, written } from '../helpers/web.ts'

const DIGEST = '9'.repeat(64)

const TOKENS = {
  reader: 'a'.repeat(32),
  explainer: 'b'.repeat(32),
  operator: 'c'.repeat(32),
  partial: 'd'.repeat(32),
}

/** A file with an entry for everything that may be allowed. */
function everybody(folder: string): string {
  for (const [name, token] of Object.entries(TOKENS)) written(folder, `${token}\n`, `${name}-token`)
  return written(
    folder,
    `basic_auth_users:
  dave: ${DAVE}
  carol: { hash: ${CAROL}, may: [read], sources: [sensors] }
bearer_tokens:
  - { name: reader, token_file: reader-token }
  - { name: explainer, token_file: explainer-token, may: [read, explain] }
  - { name: operator, token_file: operator-token, may: [operate] }
  - { name: partial, token_file: partial-token, may: [read, explain, operate], sources: [sensors] }
`,
  )
}

type Credentials = { auth?: string; headers?: Record<string, string> }
const bearer = (token: string): Credentials => ({ headers: { authorization: `Bearer ${token}` } })
const NOBODY: Credentials = {}
const CLIENTS = {
  nobody: NOBODY,
  dave: { auth: 'dave:dave123' },
  carol: { auth: 'carol:carol123' },
  reader: bearer(TOKENS.reader),
  explainer: bearer(TOKENS.explainer),
  operator: bearer(TOKENS.operator),
  partial: bearer(TOKENS.partial),
} satisfies Record<string, Credentials>

/** What each of them gets, in the order of CLIENTS. */
const TABLE: readonly (readonly [method: string, path: string, ...statuses: number[]])[] = [
  ['GET', '/-/healthy', 200, 200, 200, 200, 200, 200, 200],
  ['GET', '/-/ready', 200, 200, 200, 200, 200, 200, 200],
  ['GET', '/ready', 200, 200, 200, 200, 200, 200, 200],
  ['GET', '/', 401, 200, 403, 200, 200, 403, 403],
  ['GET', '/?source=sensors', 401, 200, 200, 200, 200, 403, 200],
  ['GET', '/ui/targets', 401, 200, 403, 200, 200, 403, 403],
  ['GET', '/ui/targets?source=sensors', 401, 200, 200, 200, 200, 403, 200],
  ['GET', '/ui/explain?q=a', 401, 200, 403, 403, 200, 403, 403],
  ['GET', '/ui/explain?q=a&source=sensors', 401, 200, 403, 403, 200, 403, 200],
  ['GET', '/ui/changes?source=sensors', 401, 200, 200, 200, 200, 403, 200],
  ['GET', '/ui/pollers?source=sensors', 401, 200, 200, 200, 200, 403, 200],
  ['GET', '/ui/status?source=sensors', 401, 200, 403, 200, 200, 403, 403],
  ['GET', '/ui/style.css', 200, 200, 200, 200, 200, 200, 200],
  ['GET', '/api/v1/targets', 401, 200, 403, 200, 200, 403, 403],
  ['GET', '/api/v1/targets?source=sensors', 401, 200, 200, 200, 200, 403, 200],
  ['GET', '/api/v1/status', 401, 200, 403, 200, 200, 403, 403],
  ['POST', `/ui/accept?digest=${DIGEST}`, 401, 409, 403, 403, 403, 409, 403],
  ['GET', '/targets', 401, 200, 403, 200, 200, 403, 403],
  ['HEAD', '/targets', 401, 200, 403, 200, 200, 403, 403],
  ['GET', '/targets/sensors', 401, 200, 200, 200, 200, 403, 200],
  ['GET', '/targets/others', 401, 200, 403, 200, 200, 403, 403],
  ['GET', '/metrics', 401, 200, 200, 200, 200, 403, 200],
  ['GET', '/health', 401, 200, 403, 200, 200, 403, 403],
  // A parameter that the route does not read limits nothing.
  ['GET', '/health?source=sensors', 401, 200, 403, 200, 200, 403, 403],
  ['GET', '/api/v1/sources', 401, 200, 403, 200, 200, 403, 403],
  ['GET', '/api/v1/sources?source=sensors', 401, 200, 200, 200, 200, 403, 200],
  ['GET', '/api/v1/sources?source=others', 401, 200, 403, 200, 200, 403, 403],
  ['GET', '/api/v1/sources?source=sensors&source=others', 401, 400, 403, 400, 400, 403, 403],
  ['GET', '/api/v1/changes', 401, 200, 403, 200, 200, 403, 403],
  ['GET', '/api/v1/explain?q=a', 401, 200, 403, 403, 200, 403, 403],
  ['GET', '/api/v1/explain?q=a&source=sensors', 401, 200, 403, 403, 200, 403, 200],
  ['POST', '/-/refresh', 401, 200, 403, 403, 403, 200, 403],
  ['POST', '/-/refresh?source=sensors', 401, 200, 403, 403, 403, 200, 200],
  ['POST', `/-/accept?digest=${DIGEST}`, 401, 409, 403, 403, 403, 409, 403],
  ['POST', '/-/reload', 401, 200, 403, 403, 403, 200, 403],
  ['POST', '/-/reload?source=sensors', 401, 400, 403, 403, 403, 400, 403],
  // A backup is one of everything, and is not for who may operate some sources only.
  ['GET', '/api/v1/backup?source=sensors', 401, 400, 403, 403, 403, 400, 403],
  // Devices have tokens of their own.
  ['GET', '/api/v1/sources/sensors/instances/a', 405, 405, 405, 405, 405, 405, 405],
  ['GET', '/nowhere', 401, 404, 404, 404, 404, 403, 404],
  ['POST', '/targets', 401, 405, 405, 405, 405, 403, 405],
]

t.test('each may do what the file says, and nothing else', async (t) => {
  const { port, refused } = await webServer(t, everybody(t.testdir()), {
    enableLifecycle: true,
    sources: ['sensors', 'others'],
  })
  for (const [method, path, ...statuses] of TABLE) {
    const answers = await Promise.all(
      Object.values<Credentials>(CLIENTS).map((client) => ask(port, path, { method, ...client })),
    )
    const got = answers.map(({ status }) => status)
    // Nothing of `others` has been read.
    const wanted = statuses.map((status) =>
      status === 200 && (path === '/targets/others' || path === '/targets' || /ready$/.test(path))
        ? 503
        : status,
    )
    t.same(got, wanted, `${method} ${path}`)
  }
  t.same([...new Set(refused)].sort(), ['forbidden', 'no_credentials'])
})

t.test('a 401 says what to send, and a 403 what is allowed', async (t) => {
  const folder = t.testdir()
  const { port, metrics, lines } = await webServer(t, everybody(folder))
  const nobody = await ask(port, '/targets')
  t.same(
    nobody.headers['www-authenticate'],
    'Basic realm="rollcall", charset="UTF-8", Bearer realm="rollcall"',
  )
  t.match(JSON.parse(nobody.body), { error: { code: 'unauthorized' } })
  const wrong = await ask(port, '/targets', bearer('e'.repeat(32)))
  t.match([wrong.status, JSON.parse(wrong.body)], [401, { error: { code: 'unauthorized' } }])
  t.match(JSON.parse((await ask(port, '/health', CLIENTS.carol)).body), {
    error: { code: 'forbidden', message: /carol.*sensors.*\/targets\/sensors/ },
  })
  for (const authorization of [
    'Basic',
    'Basic !',
    `Basic ${Buffer.from('dave').toString('base64')}`,
    'Digest x',
  ]) {
    t.equal((await ask(port, '/targets', { headers: { authorization } })).status, 401)
  }
  t.match(
    await metrics.registry.metrics(),
    /rollcall_http_requests_total\{route="\/targets",method="GET",code="401"\} 6/,
  )
  const secrets = [...Object.values(TOKENS), 'e'.repeat(32), 'dave123']
  t.notOk(
    secrets.some((secret) => JSON.stringify(lines).includes(secret)),
    'no secret is logged',
  )
  const tokensOnly = written(folder, 'bearer_tokens: [{ name: r, token_file: reader-token }]', 'tokens.yml')
  const second = await webServer(t, tokensOnly)
  const asked = await ask(second.port, '/targets', { auth: 'dave:dave123' })
  t.same([asked.status, asked.headers['www-authenticate']], [401, 'Bearer realm="rollcall"'])
})

t.test('what is refused is logged once a minute for each reason, with a count', async (t) => {
  const clock = manualClock()
  const { port, lines } = await webServer(t, everybody(t.testdir()), { clock })
  const told = () =>
    lines.filter(({ msg }) => msg === 'request refused').map(({ reason, count }) => [reason, count])
  for (let index = 0; index < 5; index++) await ask(port, '/targets')
  await ask(port, '/targets', { auth: 'nobody:x' })
  await ask(port, '/targets', { auth: 'dave:x' })
  t.same(told(), [
    ['no_credentials', 1],
    ['wrong_credentials', 1],
  ])
  t.notOk(
    lines.some(({ name }) => name === 'nobody'),
    'a name that nobody has may be a password',
  )
  clock.skip(60_000)
  await ask(port, '/targets')
  await ask(port, '/targets', { auth: 'dave:x' })
  t.same(told().slice(2), [
    ['no_credentials', 5],
    ['wrong_credentials', 2],
  ])
  t.match(lines.at(-1), { reason: 'wrong_credentials', name: 'dave', address: '127.0.0.1' })
})

t.test(
  'a rate limit lets a burst through, and then one in each interval; probes are not limited',
  async (t) => {
    const clock = manualClock()
    const path = written(t.testdir(), 'rate_limit: { interval: 1m30s, burst: 2 }\n')
    const { port, refused } = await webServer(t, path, { clock })
    const statuses = async (count: number) => {
      const all = []
      for (let index = 0; index < count; index++) all.push((await ask(port, '/health')).status)
      return all
    }
    t.same(await statuses(3), [200, 200, 429])
    t.equal((await ask(port, '/health')).headers['retry-after'], '1')
    t.equal((await ask(port, '/-/ready')).status, 200)
    clock.skip(90_000)
    t.same(await statuses(2), [200, 429])
    t.same([...new Set(refused)], ['rate_limited'])
  },
)

t.test('explanations can be switched off', async (t) => {
  const { port } = await webServer(t, undefined, { disableExplain: true })
  const answer = await ask(port, '/api/v1/explain?q=a')
  t.match([answer.status, JSON.parse(answer.body)], [403, { error: { code: 'explain_disabled' } }])
  t.notMatch((await ask(port, '/')).body, 'ui/explain')
  t.equal((await ask(port, '/ui/explain?q=a')).status, 404)
  const on = await webServer(t, undefined)
  t.match((await ask(on.port, '/')).body, 'action="ui/explain"')
})

t.test('a route that does not say who may ask is a defect that shows at the start', async (t) => {
  const { app } = await readHalf(t)
  t.throws(() => {
    const silent = {
      addHook: (_name: string, hook: (route: object) => void) => hook({ url: '/x', method: 'GET' }),
    }
    guardRoutes(silent as never, {} as never, {} as never)
  }, /\/x does not say who may ask/)
  t.ok(app)
})

/** Sends a POST with any headers, Host among them. */
async function post(port: number, headers: Record<string, string>, path = '/-/refresh', method = 'POST') {
  const sent = request({ host: '127.0.0.1', port, path, method, agent: false, headers })
  sent.end(method === 'PUT' ? '{"address":"10.0.0.1:9100"}' : '')
  const [response] = await once(sent, 'response')
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += chunk
  return {
    status: response.statusCode as number,
    code: JSON.parse(body || '{}').error?.code as string | undefined,
  }
}

const CROSS_SITE: readonly (readonly [name: string, headers: Record<string, string>, code?: string])[] = [
  ['curl', { host: '127.0.0.1:8080' }],
  [
    'a page of this server',
    { host: 'localhost:8080', origin: 'http://localhost:8080', 'sec-fetch-site': 'same-origin' },
  ],
  ['a page of this server at a default port', { host: 'localhost:80', origin: 'http://localhost' }],
  ['an address typed by a person', { host: 'localhost', 'sec-fetch-site': 'none' }],
  ['a page behind the external URL', { host: '10.0.0.1', origin: 'https://rollcall.example.com' }],
  ['a page of another site', { host: 'localhost', 'sec-fetch-site': 'cross-site' }, 'cross_site'],
  ['a page of another host of this site', { host: 'localhost', 'sec-fetch-site': 'same-site' }, 'cross_site'],
  [
    'a page of another site in an old browser',
    { host: 'localhost', origin: 'https://evil.example.com' },
    'cross_site',
  ],
  ['a page of another port', { host: 'localhost:8080', origin: 'http://localhost:8081' }, 'cross_site'],
  ['a page of nowhere', { host: 'localhost', origin: 'null' }, 'cross_site'],
  ['a page, and a host that is none', { host: 'a b', origin: 'http://localhost' }, 'cross_site'],
  ['a name that somebody else made resolve to us', { host: 'evil.example.com:8080' }, 'wrong_host'],
  [
    'such a name, from its own page',
    { host: 'evil.example.com', origin: 'http://evil.example.com' },
    'wrong_host',
  ],
  ['such a name that begins with ours', { host: `${hostname()}.example.com` }, 'wrong_host'],
  ['no name at all', { host: '.' }, 'wrong_host'],
  ['the name of this machine', { host: hostname().toUpperCase() }],
  ['a name without a domain', { host: 'rollcall:8080' }],
  ['the name of a Service', { host: 'rollcall.monitoring.svc:8080' }],
  ['its whole name', { host: 'rollcall.monitoring.svc.cluster.local.' }],
  ['an IPv6 address', { host: '[fd00::1]:8080' }],
  ['the external URL', { host: 'rollcall.example.com' }],
  ['a host that is allowed', { host: 'Rollcall.Example.org:8080' }],
  ['a host below one that is allowed', { host: 'a.b.example.net' }],
  ['a host that only ends like one that is allowed', { host: 'badexample.net' }, 'wrong_host'],
]

t.test(
  '83: what changes something is refused from another site, and by a name that is none of ours',
  async (t) => {
    const path = written(t.testdir(), 'allowed_hosts: [rollcall.example.org, "*.example.net"]\n')
    const options = { enableLifecycle: true, externalUrl: new URL('https://rollcall.example.com/') }
    const { port, state, metrics } = await webServer(t, path, options)
    for (const [name, headers, code] of CROSS_SITE) {
      const before = state.refreshed.length
      const answer = await post(port, headers)
      t.same(answer, { status: code === undefined ? 200 : 403, code }, name)
      t.equal(state.refreshed.length - before, code === undefined ? 1 : 0)
    }
    t.equal(
      (await ask(port, '/targets', { headers: { host: 'evil.example.com' } })).status,
      200,
      'reading changes nothing',
    )
    t.match(await metrics.registry.metrics(), /rollcall_http_refused_total\{reason="wrong_host"\} 5/)
  },
)

t.test('83: without a web configuration file too', async (t) => {
  const { port, state } = await webServer(t, undefined, { enableLifecycle: true })
  t.match(await post(port, { host: 'evil.example.com' }), { status: 403, code: 'wrong_host' })
  t.match(await post(port, { host: 'localhost', 'sec-fetch-site': 'cross-site' }), {
    status: 403,
    code: 'cross_site',
  })
  t.same(state.refreshed, [])
  t.match(await post(port, { host: 'localhost' }), { status: 200 })
})

t.test(
  '83: who shows credentials may call the server what they like, but not from another site',
  async (t) => {
    const { port } = await webServer(t, everybody(t.testdir()), { enableLifecycle: true })
    const { authorization } = bearer(TOKENS.operator).headers as { authorization: string }
    t.match(await post(port, { authorization, host: 'rollcall.example.com' }), { status: 200 })
    t.match(await post(port, { authorization, host: 'localhost', origin: 'http://evil.example.com' }), {
      status: 403,
      code: 'cross_site',
    })
  },
)

t.test('83: devices register by any name, and with tokens of their own; browsers do not', async (t) => {
  const { port, state } = await webServer(t, everybody(t.testdir()))
  state.instances.sensors = pushSource(t).source.instances
  const put = (headers: Record<string, string>) =>
    post(port, { authorization: 'Bearer right', ...headers }, '/api/v1/sources/sensors/instances/a', 'PUT')
  t.match(await put({ host: 'rollcall.example.com' }), { status: 201 })
  t.match(await put({ host: 'rollcall.example.com', authorization: 'Bearer wrong' }), {
    code: 'unauthorized',
  })
  t.match(await put({ host: 'rollcall.example.com', origin: 'http://rollcall.example.com' }), {
    code: 'wrong_host',
  })
  t.match(await put({ host: 'localhost', 'sec-fetch-site': 'cross-site' }), { code: 'cross_site' })
  t.match(await put({ host: 'localhost', 'sec-fetch-site': 'same-origin' }), { status: 200 })
})

t.test('a change of the file is in force on connections that are open', async (t) => {
  const clock = manualClock()
  const folder = t.testdir()
  const path = everybody(folder)
  const { port, reloads, lines } = await webServer(t, path, { clock })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const status = async () => (await ask(port, '/targets', { ...CLIENTS.dave, agent })).status
  t.equal(await status(), 200)
  t.equal(await status(), 200)
  const pass = async (count: number) =>
    until('it is looked at', () => {
      clock.advance(1_000)
      return reloads?.length === count
    })
  written(folder, 'basic_auth_users: { dave: x }')
  await pass(2)
  t.same(reloads, [true, false], 'a broken file is told')
  t.match(lines.at(-1), { level: 50, error: /web\.yml:1:27: basic_auth_users\.dave: <secret>/ })
  t.equal(await status(), 200, 'and the old one stays')
  written(folder, `basic_auth_users: { carol: ${CAROL} }\nrate_limit: { interval: 1ms, burst: 1000 }`)
  await pass(3)
  t.equal(await status(), 401)
  written(folder, 'tls_server_config: { cert_file: a, key_file: b }')
  await pass(4)
  t.same(reloads, [true, false, true, false])
  t.same(lines.filter(({ level }) => level === 50).length, 2)
})

t.test('83: a request that names no host at all is none of ours', async (t) => {
  const { port, state } = await webServer(t, undefined, { enableLifecycle: true })
  const socket = connect(port, '127.0.0.1')
  socket.end('POST /-/refresh HTTP/1.0\r\n\r\n')
  let answer = ''
  for await (const chunk of socket.setEncoding('utf8')) answer += chunk
  t.match(answer, /^HTTP\/1\.1 403 [\s\S]*"code":"wrong_host"/)
  t.same(state.refreshed, [])
})

t.test('a route of HEAD with a hook of its own is guarded like any other', async (t) => {
  const { web, report } = await openWebFile(t, everybody(t.testdir()))
  const app = fastify()
  t.teardown(() => app.close())
  const { metrics } = await readHalf(t)
  guardRoutes(app, { web, reportRefusal: report, metrics } as never, {} as never)
  const onRequest = (_request: unknown, _reply: unknown, done: () => void) => done()
  app.head('/x', { ...allow('operate'), onRequest }, (_request, reply) => reply.send(''))
  app.get('/y', allow('read'), (_request, reply) => reply.send('y'))
  for (const [method, url] of [
    ['HEAD', '/x'],
    ['GET', '/y'],
    ['HEAD', '/y'],
  ] as const)
    t.equal((await app.inject({ method, url })).statusCode, 401, `${method} ${url}`)
})
