import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Secret } from '../../../../src/base/secret.ts'
import type { OAuth2Options } from '../../../../src/sources/http/authorization/oauth2.ts'
import { authority, tlsOptions, tlsServer } from '../../../helpers/certificates.ts'
import { manualClock } from '../../../helpers/clock.ts'
import { diskFiles } from '../../../helpers/files.ts'
import { forwardProxy } from '../../../helpers/forward-proxy.ts'
import { httpReader } from '../../../helpers/http-reader.ts'
import { inventoryServer } from '../../../helpers/inventory-server.ts'
import { token, tokenServer } from '../../../helpers/token-server.ts'
import { until } from '../../../helpers/until.ts'

function oauth2(tokenUrl: URL, options: Partial<OAuth2Options> = {}): OAuth2Options {
  return {
    kind: 'oauth2',
    clientId: Secret.of('rollcall'),
    clientSecret: Secret.of('s3cr&t'),
    tokenUrl,
    scopes: [],
    endpointParams: [],
    tls: undefined,
    proxy: undefined,
    ...options,
  }
}

/** An inventory that wants a token, the server that gives it, and a source that reads. */
async function scene(t: Test, options: Partial<OAuth2Options> = {}) {
  const inventory = await inventoryServer(t, ['a'])
  const tokens = await tokenServer(t)
  const clock = manualClock()
  const authorization = oauth2(tokens.url, options)
  const read = httpReader(t, inventory.url, { authorization }, clock)
  const sent = () => inventory.requests.map(({ headers }) => headers.authorization)
  return { inventory, tokens, clock, read, sent }
}

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`

t.test('the client proves itself by basic authentication first, with both parts encoded', async (t) => {
  const { tokens, read, sent } = await scene(t, {
    scopes: ['inventory.read', 'hosts'],
    endpointParams: [
      ['audience', Secret.of('inv')],
      ['grant_type', Secret.of('special')],
    ],
  })
  await read()
  t.same(tokens.requests[0]?.form, {
    grant_type: 'special',
    scope: 'inventory.read hosts',
    audience: 'inv',
  })
  t.match(tokens.requests[0]?.headers, {
    authorization: basic('rollcall:s3cr%26t'),
    'content-type': 'application/x-www-form-urlencoded',
    'user-agent': 'Rollcall/test',
  })
  t.same(sent(), ['Bearer t1'])
})

t.test('a server that refuses that gets id and secret in the form, from then on at once', async (t) => {
  const { tokens, clock, read, sent } = await scene(t)
  for (const status of [400, 401, 403]) {
    tokens.requests.length = 0
    tokens.reply(({ form }, count) =>
      form.client_secret === 's3cr&t' && form.client_id === 'rollcall'
        ? { body: token(`t${count}`) }
        : { status, body: { error: 'invalid_client' } },
    )
    await read()
    clock.advance(3_600_000)
    await read()
    t.same(
      tokens.requests.map(({ headers }) => headers.authorization !== undefined),
      [true, false, false],
      String(status),
    )
    t.same(sent().slice(-2), ['Bearer t2', 'Bearer t3'])
    // What worked is forgotten when it is refused.
    clock.advance(3_600_000)
    tokens.reply(() => ({ status: 400, body: {} }))
    await t.rejects(read(), { name: 'RefreshError', reason: 'auth' })
  }
})

t.test('a client without a secret sends none', async (t) => {
  const { tokens, read } = await scene(t, { clientSecret: undefined })
  tokens.reply(({ form }) =>
    form.client_id === undefined ? { status: 401, body: {} } : { body: token('public') },
  )
  await read()
  t.equal(tokens.requests[0]?.headers.authorization, basic('rollcall:'))
  t.same(tokens.requests[1]?.form, { grant_type: 'client_credentials', client_id: 'rollcall' })
})

t.test('a token is used until ten seconds before it expires', async (t) => {
  const { tokens, clock, read, sent } = await scene(t)
  tokens.reply((_request, count) => ({ body: token(`t${count}`, '60') }))
  await read()
  clock.advance(49_999)
  await read()
  clock.jump(86_400_000)
  await read()
  t.same(sent(), ['Bearer t1', 'Bearer t1', 'Bearer t1'], 'the wall clock does not count')
  clock.advance(1)
  await read()
  t.equal(sent().at(-1), 'Bearer t2')
})

t.test('a token of which no end is told is used until the inventory refuses it', async (t) => {
  const { inventory, tokens, clock, read, sent } = await scene(t)
  tokens.reply((_request, count) => ({ body: { access_token: `t${count}` } }))
  await read()
  clock.advance(30 * 86_400_000)
  await read()
  inventory.handle((request, response) => {
    response.writeHead(request.headers.authorization === 'Bearer t2' ? 200 : 401).end('["b"]')
  })
  t.match(await read(), { kind: 'documents' })
  t.same(sent(), ['Bearer t1', 'Bearer t1', 'Bearer t1', 'Bearer t2'])
})

t.test('a fresh token that is refused too fails the refresh', async (t) => {
  const { inventory, tokens, read } = await scene(t)
  inventory.handle((_request, response) => response.writeHead(401).end())
  await t.rejects(read(), {
    reason: 'auth',
    message: /^GET .*: HTTP 401.*; those of oauth2, a token from http:\S+, were sent$/,
  })
  t.equal(inventory.requests.length, 2)
  t.equal(tokens.requests.length, 2)
})

t.test('a refusal of an old token does not drop the one that came after it', async (t) => {
  const { inventory, tokens, read, sent } = await scene(t)
  inventory.handle((request, response) =>
    response.writeHead(request.headers.authorization === 'Bearer t1' ? 401 : 200).end('[]'),
  )
  // One connection: the second request goes out with the first token when the first has been refused.
  await Promise.all([read(), read()])
  t.same(sent().sort(), ['Bearer t1', 'Bearer t1', 'Bearer t2', 'Bearer t2'])
  t.equal(tokens.requests.length, 2)
})

t.test('reads at the same time share one request for a token', async (t) => {
  const { tokens, read } = await scene(t)
  await Promise.all([read(), read(), read()])
  t.equal(tokens.requests.length, 1)
})

t.test('a rotated client secret gives a new token', async (t) => {
  const path = join(t.testdir({ secret: 'first' }), 'secret')
  const { tokens, read, sent } = await scene(t, { clientSecret: Secret.file(path, diskFiles) })
  await read()
  await read()
  writeFileSync(path, 'second')
  await read()
  t.same(sent(), ['Bearer t1', 'Bearer t1', 'Bearer t2'])
  t.equal(tokens.requests[1]?.headers.authorization, basic('rollcall:second'))
})

t.test('the type of the token is written as Go writes it', async (t) => {
  const { tokens, read, sent } = await scene(t)
  for (const [type, header] of [
    ['BEARER', 'Bearer x'],
    ['mac', 'MAC x'],
    ['Basic', 'Basic x'],
    ['DPoP', 'DPoP x'],
  ]) {
    tokens.reply(() => ({ body: { access_token: 'x', token_type: type, expires_in: 1 } }))
    await read()
    t.equal(sent().at(-1), header)
  }
})

t.test('a token in a form is understood', async (t) => {
  const { tokens, read, sent } = await scene(t)
  tokens.reply(() => ({
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: 'access_token=abc&token_type=bearer&expires_in=60',
  }))
  await read()
  t.same(sent(), ['Bearer abc'])
})

t.test('no token: the refresh fails and says what the server said, and no secret', async (t) => {
  const { inventory, tokens, read } = await scene(t)
  const rows = [
    [{ status: 403, body: { error: 'access_denied' } }, /HTTP 403 "access_denied"; check client_id/],
    [
      { status: 400, body: { error: 'invalid_scope', error_description: 'no s3cr&t\nhere s3cr%26t' } },
      /HTTP 400 "invalid_scope" "no <secret>\\nhere <secret>"/,
    ],
    [
      { body: { error: 'odd', access_token: 'leaked-token', error_description: 'leaked-token' } },
      /"<secret>"/,
    ],
    [{ status: 500, body: 'oops' }, /HTTP 500; check/],
    [{ body: 'oops' }, /HTTP 200 without an access_token/],
    [{ body: '"text"' }, /HTTP 200 without an access_token/],
    [{ body: { access_token: 'a\nb' } }, /with a token that is not valid in a header/],
    [{ body: { access_token: 'a', token_type: 'a b' } }, /with a token that is not valid in a header/],
    [{ status: 307, headers: { location: '/elsewhere' }, body: '' }, /HTTP 307; check .* token_url/],
  ] as const
  for (const [reply, message] of rows) {
    tokens.reply(() => reply)
    const error = await read().then(
      () => t.fail('no error'),
      (thrown: Error) => thrown,
    )
    t.match(error, { name: 'RefreshError', reason: 'auth', message })
    t.match(error, { message: /^GET \S+: no token from http:\/\/127.0.0.1:\d+\/token: / })
  }
  tokens.reply(() => ({ status: 503, headers: { 'retry-after': '7' }, body: '' }))
  await t.rejects(read(), { name: 'RefreshError', reason: 'auth', retryAfterMs: 7_000 })
  tokens.reply(() => ({ body: 'x'.repeat(2 ** 20 + 1) }))
  await t.rejects(read(), { reason: 'too_large', message: /larger than 1MB, too large for a token$/ })
  await tokens.server.stop()
  await t.rejects(read(), { reason: 'connect', message: /no token from .*ECONNREFUSED/ })
  t.equal(inventory.requests.length, 0)
})

t.test('a deadline ends the request for a token too, for each that waits by itself', async (t) => {
  const { tokens, read } = await scene(t)
  let release = () => {}
  tokens.reply(async () => {
    await new Promise<void>((resolve) => {
      release = resolve
    })
    return { body: token('late') }
  })
  const [hasty, patient] = [new AbortController(), new AbortController()]
  const reads = [read(hasty.signal), read(patient.signal)]
  await until('the token is asked for', () => tokens.requests.length === 1)
  hasty.abort(new Error('too late'))
  await t.rejects(reads[0] as Promise<unknown>, { message: 'too late' })
  release()
  t.match(await reads[1], { kind: 'documents' })
  t.equal(tokens.requests.length, 1)
})

t.test('a token server has TLS and a proxy of its own', async (t) => {
  const ca = authority(t.testdir())
  const pair = ca.sign('server', 'DNS:login.test')
  const url = await tlsServer(t, pair, (_request, response) => response.end(JSON.stringify(token('safe'))))
  url.hostname = 'login.test'
  const proxy = await forwardProxy(t)
  const { read, sent } = await scene(t, {
    tokenUrl: url,
    tls: tlsOptions({ ca: Secret.of(ca.cert) }),
    proxy: { http: undefined, https: proxy.url, bypass: undefined },
  })
  await read()
  t.same(sent(), ['Bearer safe'])
  t.same(proxy.asked, [`CONNECT login.test:${url.port}`])
})
