import { writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { RefreshError } from '../../../src/base/errors.ts'
import { createHttpSource } from '../../../src/sources/http/source.ts'
import { readUsable, type Source } from '../../../src/sources/source.ts'
import { manualClock } from '../../helpers/clock.ts'
import { httpOptions, loginOptions } from '../../helpers/http-options.ts'
import { httpSource } from '../../helpers/http-source.ts'
import { inventoryServer } from '../../helpers/inventory-server.ts'
import { names, refreshing } from '../../helpers/refreshing.ts'
import { until } from '../../helpers/until.ts'

const NEVER = new AbortController().signal
const PASSWORD = 'hunter2'

interface Asked {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

type Answer = (response: ServerResponse, asked: Asked, count: number) => unknown

/** An inventory that asks for a login at /login; sessions are numbered. */
async function api(t: Test, { login, list }: { login?: Answer; list?: Answer } = {}) {
  const server = await inventoryServer(t)
  const [logins, reads]: [Asked[], Asked[]] = [[], []]
  const state = {
    /** The session that is valid. */
    session: 0,
    login: login ?? ((response, _asked, count) => response.end(`{"data":{"token":"token-${count}"}}`)),
    list: list ?? ((response: ServerResponse) => response.end(JSON.stringify(names(2)))),
    isValid: ({ headers }: Asked) => headers.authorization === `Bearer token-${state.session}`,
  } as { session: number; login: Answer; list: Answer; isValid: (asked: Asked) => boolean }
  server.handle(async (request, response) => {
    const body = (await request.toArray()).join('')
    const asked = { path: String(request.url), headers: request.headers, body }
    if (asked.path.startsWith('/login')) {
      state.session = logins.push(asked)
      return void state.login(response, asked, logins.length)
    }
    reads.push(asked)
    if (state.isValid(asked)) state.list(response, asked, reads.length)
    else response.writeHead(401).end('{"error":"who are you?"}')
  })
  return { server, state, logins, reads, url: server.url.href }
}

const LOGIN = { url: '/login', body: { username: 'rollcall', password: PASSWORD }, token: 'data.token' }

async function read(source: Source) {
  const reading = await source.read(NEVER)
  if (reading.kind === 'unchanged') throw new Error('it was not asked about a version')
  return reading.documents.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()))
}

const failure = (source: Source) => read(source).catch((error) => error)

t.test(
  'a session is kept between readings, and made again when the inventory says that it is over',
  async (t) => {
    const { url, logins, reads, state } = await api(t)
    const source = await httpSource(t, { url, login: LOGIN })
    t.same(await read(source), [names(2)])
    t.same(await read(source), [names(2)])
    t.match(logins, [
      {
        body: `{"username":"rollcall","password":"${PASSWORD}"}`,
        headers: { 'content-type': 'application/json' },
      },
    ])
    state.session = 7
    t.same(await read(source), [names(2)])
    t.equal(logins.length, 2)
    t.same(
      reads.map(({ headers }) => headers.authorization),
      ['Bearer token-1', 'Bearer token-1', 'Bearer token-1', 'Bearer token-2'],
    )
  },
)

t.test('the login is done once a reading; a new session that is refused fails it', async (t) => {
  const { url, logins, state } = await api(t)
  state.isValid = () => false
  const source = await httpSource(t, { url, login: LOGIN })
  t.match(await failure(source), { reason: 'auth', status: 401 })
  t.equal(logins.length, 1)
  t.match(await failure(source), { reason: 'auth' })
  t.equal(logins.length, 2, 'the next reading logs in anew')
})

t.test('pages are all of one session: when it ends between them, all are read again', async (t) => {
  let isOver = true
  const { url, reads, state } = await api(t, {
    list(response, { path }, count) {
      const page = Number(/page=(\d)/.exec(path)?.[1])
      if (page === 1 && isOver && count === 1) state.session = 9
      response.end(JSON.stringify(page > 2 ? [] : [`host-${page}`]))
    },
  })
  const pagination = { page: { parameter: 'page' } }
  const source = await httpSource(t, { url, login: LOGIN, pagination })
  t.match(await failure(source), { reason: 'auth', status: 401, message: /^page 2: / }, 'one login a reading')
  isOver = false
  t.same(await read(source), [['host-1'], ['host-2'], []])
  state.list = (response, asked, count) => {
    if (count === 6) state.session = 9
    response.end(JSON.stringify(asked.path.includes('page=1') ? ['a'] : []))
  }
  state.session = 9
  reads.length = 0
  t.same(await read(source), [['a'], []])
  t.same(
    reads.map(({ path, headers }) => [path.slice(-1), headers.authorization]),
    [
      ['1', 'Bearer token-2'],
      ['1', 'Bearer token-3'],
      ['2', 'Bearer token-3'],
    ],
  )
})

t.test('15: a page to log in, answered with 200, ends the session and never the list', async (t) => {
  const page = '<!DOCTYPE html><form action="/login">'
  const { url, logins, state } = await api(t)
  const source = await httpSource(t, { url, login: LOGIN })
  const { refresh, addresses } = await refreshing(t, { source, isPaged: false })
  await refresh()
  const { list } = state
  state.list = (response, asked, count) =>
    asked.headers.authorization === 'Bearer token-2' ? list(response, asked, count) : response.end(page)
  state.isValid = () => true
  t.match(await refresh(), { result: 'unchanged' }, 'read again in a new session')
  t.equal(logins.length, 2)
  state.list = (response) => response.end(page)
  t.match(await refresh(), { result: 'failed', error: { reason: 'parse' } })
  t.equal(logins.length, 3, 'once a reading')
  state.list = list
  t.match(await refresh(), { result: 'unchanged' })
  t.equal(addresses().length, 2)
})

t.test('the same between pages, where it is the pager that cannot read it', async (t) => {
  const { url, logins, state } = await api(t, {
    list: (response, { path, headers }) =>
      response.end(
        headers.authorization === 'Bearer token-1' && path.includes('page=2')
          ? '<html>'
          : JSON.stringify(path.includes('page=3') ? [] : [path]),
      ),
  })
  const source = await httpSource(t, { url, login: LOGIN, pagination: { page: { parameter: 'page' } } })
  t.match(await failure(source), { reason: 'parse' })
  state.isValid = () => true
  t.equal((await read(source)).length, 3)
  t.equal(logins.length, 2)
})

t.test('a token may be the whole answer, and stand in a header of its own', async (t) => {
  const { url, reads, logins, state } = await api(t, {
    login: (response) => response.writeHead(201).end('"b00gz-4711"'),
  })
  state.isValid = ({ headers }) => headers['vmware-api-session-id'] === 'b00gz-4711'
  const login = { url: '/login', token: '@', token_header: 'vmware-api-session-id' }
  const basic = { username: 'rollcall', password: PASSWORD }
  const source = await httpSource(t, { url, login: { ...login, basic_auth: basic } })
  t.same(await read(source), [names(2)])
  t.equal(logins[0]?.headers.authorization, `Basic ${btoa(`rollcall:${PASSWORD}`)}`)
  t.equal(reads[0]?.headers.authorization, undefined, 'who logs in is told to the login only')
  state.login = (response) => response.end('4711')
  state.isValid = ({ headers }) => headers.authorization === 'Bearer 4711'
  t.same(await read(await httpSource(t, { url, login: { url: '/login', token: '@' } })), [names(2)])
})

t.test(
  'cookies are sent back, those too that the inventory itself sets, and where they belong',
  async (t) => {
    const { url, reads, state, logins } = await api(t, {
      login: (response) =>
        response
          .writeHead(302, {
            location: '/login/done',
            'set-cookie': [
              'TOKEN=one; Path=/; HttpOnly',
              'other=1; Path=/elsewhere',
              'bad; Domain=example.com',
            ],
          })
          .end(),
    })
    const { login } = state
    state.login = (response, asked, count) =>
      asked.path === '/login/done' ? response.end('<html>hello</html>') : login(response, asked, count)
    state.isValid = ({ headers }) => /TOKEN=(one|two)$/.test(String(headers.cookie))
    state.list = (response) => response.writeHead(200, { 'set-cookie': 'TOKEN=two; Path=/' }).end('["a"]')
    const form = 'user=rollcall&password=hunter2'
    const source = await httpSource(t, { url, login: { url: '/login', body: form, cookie: true } })
    t.same(await read(source), [['a']])
    t.same(await read(source), [['a']])
    t.same(
      reads.map(({ headers }) => headers.cookie),
      ['TOKEN=one', 'TOKEN=two'],
    )
    t.match(logins, [
      { body: form, headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      { path: '/login/done', headers: { cookie: 'TOKEN=one' } },
    ])
  },
)

t.test('what is sent to log in has the content type that it looks like', async (t) => {
  const { url, logins } = await api(t)
  const bodies = ['{"a":1}', ['a', 1], 'user=a&password=b c', 'a=b&c=', 'hello']
  for (const body of bodies) await read(await httpSource(t, { url, login: { ...LOGIN, body } }))
  t.same(
    logins.map(({ headers, body }) => [headers['content-type'], body]),
    [
      ['application/json', '{"a":1}'],
      ['application/json', '["a",1]'],
      ['text/plain', 'user=a&password=b c'],
      ['application/x-www-form-urlencoded', 'a=b&c='],
      ['text/plain', 'hello'],
    ],
  )
})

t.test('a login that fails is a failed reading with a reason of its own, and shows no secret', async (t) => {
  const { url, state, reads } = await api(t)
  const source = await httpSource(t, {
    url,
    login: { url: '/login', body_file: 'login', token: 'data.token' },
  })
  // In the folder of the configuration.
  writeFileSync(join(t.testdirName, 'login'), `{"user":"rollcall","password":"${PASSWORD}"}`)
  const cases: [Answer, RegExp][] = [
    [
      (response) => response.writeHead(401).end(`{"error":"not ${PASSWORD}"}`),
      /^login: POST \S+\/login: HTTP 401 \(not <secret>\)/,
    ],
    [(response) => response.writeHead(500).end(), /^login: .*HTTP 500/],
    [(response) => response.end('<html>'), /^login: the answer is not JSON/],
    [(response) => response.end('{"data":{}}'), /^login: token gave null, not a text/],
    [(response) => response.end('{"data":{"token":""}}'), /^login: token gave an empty text/],
    [(response) => response.end(JSON.stringify({ data: { token: 'a\nb' } })), /^login: .*control character/],
    [(response) => response.writeHead(302, { location: '' }).end(), /^login: .*unusable location/],
  ]
  for (const [login, message] of cases) {
    state.login = login
    const error = await failure(source)
    t.match(error, { name: 'RefreshError', reason: 'login_failed', message })
    t.notMatch(error.message, PASSWORD)
  }
  t.equal(reads.length, 0)
  state.login = (response) => response.writeHead(429, { 'retry-after': '5' }).end()
  t.match(await failure(source), { reason: 'rate_limited', retryAfterMs: 5_000, message: /^login: / })
  const cookies = await httpSource(t, { url, login: { url: '/login', cookie: true } })
  state.login = (response) => response.end()
  t.match(await failure(cookies), { reason: 'login_failed', message: 'login: the answer sets no cookie' })
  const numbers = await httpSource(t, { url, login: { url: '/login', token: 'abs(@)' } })
  state.login = (response) => response.end('"secret-answer"')
  t.match(await failure(numbers), { reason: 'login_failed', message: /cannot be applied to the answer$/ })
  const elsewhere = await httpSource(t, { url, login: { url: 'http://127.0.0.1:1/login', cookie: true } })
  t.match(await failure(elsewhere), { reason: 'connect', message: /^login: / })
})

t.test('a session is shown nowhere, whoever quotes it', async (t) => {
  const { url, state } = await api(t, {
    login: (response) => response.end('{"data":{"token":"tok-4711"}}'),
    list: (response, { headers }) =>
      response.writeHead(500).end(JSON.stringify({ error: `no list for ${headers.authorization}` })),
  })
  state.isValid = () => true
  const source = await httpSource(t, { url, login: LOGIN })
  const error = await failure(source)
  t.match(error.message, /HTTP 500 \(no list for/)
  t.notMatch(error.message, 'tok-4711')
  t.equal(source.redact?.(`tok-4711 and ${PASSWORD}`), '<secret> and <secret>')
})

t.test('22: a session goes to no other origin, by a redirect or by a page', async (t) => {
  const other = await inventoryServer(t, ['stranger'])
  const { url, state } = await api(t, {
    login: (response) =>
      response.writeHead(200, { 'set-cookie': 'sid=1; Path=/' }).end('{"data":{"token":"token-1"}}'),
  })
  state.isValid = () => true
  state.list = (response) => response.writeHead(302, { location: other.url.href }).end()
  const source = await httpSource(t, { url, login: { ...LOGIN, cookie: true } })
  t.same(await read(source), [['stranger']])
  t.match(other.requests, [{ headers: { authorization: undefined, cookie: undefined } }])
  state.list = (response) => response.writeHead(200, { link: `<${other.url.href}>; rel="next"` }).end('["a"]')
  const paged = await httpSource(t, { url, login: LOGIN, pagination: { link_header: true } })
  t.match(await failure(paged), { reason: 'pagination' })
  t.equal(other.requests.length, 1)
})

t.test('a redirect can say that the session is over', async (t) => {
  const { url, logins, state } = await api(t)
  const source = await httpSource(t, { url, login: { ...LOGIN, renew_on: [302] } })
  await read(source)
  state.isValid = ({ headers }) => headers.authorization !== 'Bearer token-1'
  const { list } = state
  state.isValid = () => true
  state.list = (response, asked, count) =>
    asked.headers.authorization === 'Bearer token-1'
      ? response.writeHead(302, { location: '/login?from=inventory' }).end()
      : list(response, asked, count)
  t.same(await read(source), [names(2)])
  t.equal(logins.length, 2)
})

t.test('11: a login that hangs ends with the deadline', async (t) => {
  const { server, logins } = await api(t, { login: () => {} })
  const clock = manualClock()
  const login = loginOptions(new URL('/login', server.url))
  const options = httpOptions(server.url, { login })
  const source = createHttpSource(options, { clock, userAgent: 'Rollcall/test' })
  t.teardown(() => source.close())
  const reading = readUsable({ source, timeoutMs: 2_000 }, { clock, stop: NEVER }, async (one) => one)
  const failed = reading.catch((error) => error)
  await until('it logs in', () => logins.length === 1)
  clock.advance(2_000)
  t.match(await failed, { reason: 'timeout', message: /^login: no whole answer within 2s/ })
})

t.test('a reading that is stopped ends with the reason, and the session stays', async (t) => {
  const { url, logins, reads, state } = await api(t)
  const source = await httpSource(t, { url, login: LOGIN })
  const { list } = state
  state.list = () => {}
  const controller = new AbortController()
  const stopped = new Error('stopped')
  const reading = source.read(controller.signal).catch((error) => error)
  await until('it reads', () => reads.length === 1)
  controller.abort(stopped)
  t.equal(await reading, stopped)
  state.list = list
  t.same(await read(source), [names(2)])
  t.equal(logins.length, 1)
})

t.test('a watch goes along with the session of the readings', async (t) => {
  const { url, reads, logins, state } = await api(t, {
    list: (response) => response.writeHead(200, { 'x-index': '1' }).end('["a"]'),
  })
  const watch = { header: 'X-Index', parameter: 'index' }
  const source = await httpSource(t, { url, login: LOGIN, watch })
  await read(source)
  source.watch?.(() => {})
  await until('it watches', () => reads.length === 2)
  t.equal(reads[1]?.headers.authorization, `Bearer token-${state.session}`)
  t.equal(logins.length, 1)
})

t.test(
  'of several URLs each has a session of its own, and a login that fails leads to the next',
  async (t) => {
    const [first, second] = [await api(t), await api(t)]
    const source = await httpSource(t, { urls: [first.url, second.url], login: LOGIN })
    await read(source)
    t.same([first.logins.length, second.logins.length], [1, 0])
    first.state.session = 9
    first.state.login = (response) => response.writeHead(403).end()
    t.same(await read(source), [names(2)])
    t.same([first.logins.length, second.logins.length], [2, 1])
  },
)

t.test('a login anew has the share of its way, and a standby what is left', async (t) => {
  const [first, second] = [await api(t), await api(t)]
  const clock = manualClock()
  const login = loginOptions(new URL('/login', first.server.url), 'data.token')
  const source = createHttpSource(httpOptions(first.server.url, { login, standbys: [second.server.url] }), {
    clock,
    userAgent: 'Rollcall/test',
  })
  t.teardown(() => source.close())
  second.state.isValid = () => true
  const lists: unknown[] = []
  const readAll = () =>
    readUsable({ source, timeoutMs: 10_000 }, { clock, stop: NEVER }, async (reading) => {
      lists.push(reading.kind === 'documents' && reading.way?.isStandby)
      if (lists.length === 2) throw new RefreshError('parse', 'a page to log in')
    })
  await readAll()
  first.state.login = () => {}
  const again = readAll()
  await until('it logs in anew', () => first.logins.length === 2)
  second.state.login = (response) => response.end('{"data":{"token":"token-1"}}')
  first.state.login = (response) => response.end('{"data":{"token":"token-3"}}')
  clock.advance(5_000)
  await again
  t.same(lists, [false, false, true])
})
