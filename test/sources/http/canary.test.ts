import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { RefreshError } from '../../../src/base/errors.ts'
import { readArguments } from '../../../src/config/arguments.ts'
import { loadSettings } from '../../../src/config/load.ts'
import { httpSchema } from '../../../src/sources/http/config.ts'
import { createSource } from '../../../src/sources/kinds.ts'
import { manualClock } from '../../helpers/clock.ts'
import { diskFiles } from '../../helpers/files.ts'
import { forwardProxy } from '../../helpers/forward-proxy.ts'
import { type Handler, inventoryServer } from '../../helpers/inventory-server.ts'
import { token, tokenServer } from '../../helpers/token-server.ts'

const CANARY = 'hunter2-canary'
const env = { CANARY }
const folder = t.testdir({ secret: `${CANARY}\n`, broken: `${CANARY}\nbroken` })

/** Loads a configuration whose one source has this `http:`. */
async function load(http: unknown) {
  const path = join(folder, 'rollcall.yml')
  mkdirSync(folder, { recursive: true })
  writeFileSync(path, JSON.stringify({ sources: [{ name: 'sensors', http }] }))
  return loadSettings(readArguments([`--config.file=${path}`]), env, diskFiles)
}

/** The secret, plain and in base64. */
const TOLD = [CANARY, Buffer.from(`:${CANARY}`).toString('base64').slice(4, -4)]

/** One assertion for all that is shown: each costs more than the search itself, and there are thousands. */
function clean(t: Test, what: string, ...shown: unknown[]): void {
  const texts = shown.map((one) =>
    typeof one === 'string' ? one : inspect(one, { depth: 10, showHidden: true }),
  )
  t.same(
    texts.filter((text) => TOLD.some((told) => text.includes(told))),
    [],
    what,
  )
}

/** Every way to give a secret to the HTTP client. */
function plants(inventory: URL, login: URL): Record<string, object> {
  const { host } = inventory
  const url = inventory.href
  const oauth2 = { client_id: 'rollcall', token_url: login.href }
  return {
    'url password': { url: `http://user:${CANARY}@${host}/` },
    'url user': { url: `http://${CANARY}@${host}/` },
    'url password from a variable': { url: `http://user:\${CANARY}@${host}/` },
    'url query': { url: `${url}?token=${CANARY}` },
    'url query from a variable': { url: `${url}?token=\${CANARY}` },
    'url path from a variable': { url: `${url}/\${CANARY}/list` },
    'login body': { url, login: { url: login.href, body: { password: CANARY }, token: 'access_token' } },
    'login body from a variable': {
      url,
      login: { url: login.href, body: 'password=${CANARY}', token: 'access_token' },
    },
    'login body_file': { url, login: { url: login.href, body_file: 'secret', token: 'access_token' } },
    'login header': {
      url,
      login: { url: login.href, http_headers: { 'X-Key': { values: [CANARY] } }, token: 'access_token' },
    },
    'login password': {
      url,
      login: { url: login.href, basic_auth: { username: 'user', password: CANARY }, cookie: true },
    },
    'login path from a variable': { url, login: { url: '/${CANARY}', token: 'access_token' } },
    username: { url, basic_auth: { username: CANARY } },
    username_file: { url, basic_auth: { username_file: 'secret' } },
    password: { url, basic_auth: { username: 'user', password: CANARY } },
    'password from a variable': { url, basic_auth: { username: 'user', password: '${CANARY}' } },
    password_file: { url, basic_auth: { username: 'user', password_file: 'secret' } },
    credentials: { url, authorization: { credentials: CANARY } },
    'credentials from a variable': { url, authorization: { credentials: '${CANARY}' } },
    credentials_file: { url, authorization: { credentials_file: 'secret' } },
    'a broken credentials_file': { url, authorization: { credentials_file: 'broken' } },
    'http_headers values': { url, http_headers: { 'X-Token': { values: [CANARY] } } },
    'http_headers secrets': { url, http_headers: { 'X-Token': { secrets: [CANARY, '${CANARY}'] } } },
    'http_headers files': { url, http_headers: { 'X-Token': { files: ['secret'] } } },
    'a broken http_headers file': { url, http_headers: { 'X-Token': { files: ['broken'] } } },
    client_id: { url, oauth2: { ...oauth2, client_id: CANARY } },
    client_secret: { url, oauth2: { ...oauth2, client_secret: CANARY } },
    'client_secret from a variable': { url, oauth2: { ...oauth2, client_secret: '${CANARY}' } },
    client_secret_file: { url, oauth2: { ...oauth2, client_secret_file: 'secret' } },
    endpoint_params: { url, oauth2: { ...oauth2, endpoint_params: { password: CANARY } } },
    'token_url query': { url, oauth2: { ...oauth2, token_url: `${login.href}?key=${CANARY}` } },
    'token_url path from a variable': { url, oauth2: { ...oauth2, token_url: `${login.origin}/\${CANARY}` } },
    key_file: { url, tls_config: { cert_file: 'broken', key_file: 'secret' } },
  }
}

/** Every way to fail, by a server that quotes the secret wherever it can. */
const FAILURES: Record<string, Handler> = {
  ...Object.fromEntries(
    [400, 401, 403, 404, 407, 429, 500, 503].map((status) => [
      `HTTP ${status}`,
      (_request, response) =>
        response
          .writeHead(status, { 'www-authenticate': `Basic realm="${CANARY}"`, 'x-echo': CANARY })
          .end(`<h1>${CANARY}</h1>`),
    ]),
  ),
  ...Object.fromEntries(
    [400, 401, 403, 429, 500].map((status) => [
      `HTTP ${status} with a reason`,
      (request, response) => {
        const told = `${request.headers.authorization} ${request.headers['x-token']} of ${request.url}: ${CANARY}`
        response.writeHead(status).end(JSON.stringify({ error: { message: told, detail: CANARY } }))
      },
    ]),
  ),
  'a redirect to what is no URL': (_request, response) =>
    response.writeHead(302, { location: `http://${CANARY}:99999999/` }).end(),
  'a redirect to a file': (_request, response) =>
    response.writeHead(302, { location: `file:///${CANARY}` }).end(),
  'a redirect without end': (_request, response) =>
    response.writeHead(302, { location: `?again=${CANARY}` }).end(),
  'a redirect to the same path elsewhere': (request, response) =>
    request.url?.startsWith('/gone')
      ? response.writeHead(500).end(CANARY)
      : response.writeHead(302, { location: `/gone?${CANARY}` }).end(),
  'an unknown coding': (_request, response) =>
    response.writeHead(200, { 'content-encoding': CANARY }).end(CANARY),
  'a damaged body': (_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(CANARY),
  'a body cut short': (_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(CANARY.repeat(500)).subarray(0, 30)),
  'a broken connection': (_request, response) => {
    response.writeHead(200, { 'content-length': 100 }).write(CANARY, () => response.destroy())
  },
  'not HTTP': (request) => request.socket.end(`${CANARY} ${CANARY}\r\n\r\n`),
}

/** Reads until it fails, and proves that nothing says the secret. */
async function failing(t: Test, what: string, http: unknown): Promise<RefreshError | undefined> {
  const settings = await load(http)
  clean(t, `${what}: settings`, settings, JSON.stringify(settings))
  const source = createSource((settings.sources[0] as (typeof settings.sources)[0]).source, {
    clock: manualClock(),
    files: diskFiles,
    userAgent: 'Rollcall/test',
  })
  const error = await source.read(new AbortController().signal).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  await source.close()
  if (!(error instanceof RefreshError)) return void t.fail(`${what}: it does not fail`)
  clean(t, what, error, error.message, String(error.stack), JSON.stringify(error))
  return error
}

t.test('51: no failure of an inventory tells a secret', async (t) => {
  const inventory = await inventoryServer(t)
  const login = await tokenServer(t)
  for (const [place, http] of Object.entries(plants(inventory.url, login.url))) {
    for (const [failure, handler] of Object.entries(FAILURES)) {
      inventory.handle(handler)
      await failing(t, `${place}, ${failure}`, http)
    }
  }
  inventory.handle((_request, response) => response.writeHead(401).end(CANARY))
  login.reply(() => ({ body: token(CANARY) }))
  const oauth2 = { client_id: 'rollcall', token_url: login.url.href }
  for (const [failure, handler] of Object.entries(FAILURES)) {
    inventory.handle(handler)
    await failing(t, `a token that was given, ${failure}`, { url: inventory.url.href, oauth2 })
  }
  await inventory.stop()
  for (const [place, http] of Object.entries(plants(inventory.url, login.url))) {
    await failing(t, `${place}, nobody listens`, http)
  }
})

t.test('51: no failure of a token server tells a secret', async (t) => {
  const inventory = await inventoryServer(t)
  const login = await tokenServer(t)
  const replies = {
    'an error': {
      status: 400,
      body: { error: CANARY, error_description: `the secret ${CANARY} is wrong` },
    },
    'a page': { status: 500, headers: { 'x-echo': CANARY }, body: CANARY },
    'a redirect': { status: 307, headers: { location: `/${CANARY}` }, body: CANARY },
    'a token with an error': {
      body: { access_token: CANARY, error: 'odd', error_description: CANARY },
    },
    'a token that is not valid in a header': { body: { access_token: `${CANARY}\n` } },
    'a type that is no word': { body: { access_token: CANARY, token_type: `${CANARY} ${CANARY}` } },
    'no token': { body: { refresh_token: CANARY } },
    'an unknown coding': { headers: { 'content-encoding': CANARY }, body: CANARY },
  }
  for (const [place, http] of Object.entries(plants(inventory.url, login.url))) {
    if (!('oauth2' in http)) continue
    for (const [failure, reply] of Object.entries(replies)) {
      login.reply(() => reply)
      const error = await failing(t, `${place}, ${failure}`, http)
      t.match(error?.message, /no token from/)
    }
  }
})

t.test('51: no failure of a proxy tells a secret', async (t) => {
  const inventory = await inventoryServer(t)
  const [strict, shut, cutting] = [
    await forwardProxy(t, { authorization: 'nobody' }),
    await forwardProxy(t, { refuse: 500 }),
    await forwardProxy(t, { refuse: 0 }),
  ]
  await inventory.stop()
  for (const { url: proxy } of [strict, shut, cutting, inventory]) {
    for (const user of [`user:${CANARY}`, 'user:${CANARY}', CANARY]) {
      for (const scheme of ['http', 'https']) {
        const url = `${scheme}://inventory.test:${inventory.port}/?token=${CANARY}`
        const proxy_url = `http://${user}@${proxy.host}`
        await failing(t, `${proxy_url}, ${scheme}`, { url, proxy_url })
        const oauth2 = { client_id: CANARY, token_url: url, proxy_url }
        await failing(t, `${proxy_url} for tokens, ${scheme}`, { url: inventory.url.href, oauth2 })
      }
    }
  }
})

t.test('51: bytes that are no HTTP at all are not told', async (t) => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${CANARY}\r\n\r\n${CANARY}`))
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  await failing(t, 'a length that is none', { url: `http://127.0.0.1:${port}/?token=${CANARY}` })
  await failing(t, 'no TLS', { url: `https://user:${CANARY}@127.0.0.1:${port}/` })
})

/** The part of a JSON Schema node that this test walks through. */
interface Node {
  readonly secret?: true
  readonly properties?: Readonly<Record<string, Node>>
  readonly patternProperties?: Readonly<Record<string, Node>>
  readonly items?: Node
}

/** The places at and around secrets in a schema. */
function secretPlaces(node: Node, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  const parts: [string | number, Node][] = [
    ...Object.entries(node.properties ?? {}),
    ...Object.values(node.patternProperties ?? {}).map((one) => ['X-Any', one] as [string, Node]),
    ...(node.items === undefined ? [] : [[0, node.items] as [number, Node]]),
  ]
  const below = parts.flatMap(([step, part]) => secretPlaces(part, [...path, step]))
  return node.secret === true || below.length > 0 ? [path, ...below] : below
}

/** A value that stands at a path, with all that is around it. */
function nested([step, ...rest]: readonly (string | number)[], value: unknown): unknown {
  if (step === undefined) return value
  return typeof step === 'number' ? [nested(rest, value)] : { [step]: nested(rest, value) }
}

t.test('51: no line about a wrong configuration tells what stands in the place of a secret', async (t) => {
  const places = secretPlaces(httpSchema as Node)
  t.ok(places.length > 25, 'there are places')
  const wrong = [CANARY, [CANARY], [[CANARY]], { x: CANARY }, { password: { x: CANARY } }, [{ x: [CANARY] }]]
  let mistakes = 0
  for (const place of places) {
    for (const value of wrong) {
      const error = await load(nested(place, value)).catch((thrown: Error) => thrown)
      if (!(error instanceof Error)) continue
      mistakes++
      // A wrong key is named; what it holds is not.
      clean(t, `${place.join('.')}: ${JSON.stringify(value)}`, error.message, error)
    }
  }
  t.ok(mistakes > 150)
})

t.test('51: a URL of the environment is not shown with its secrets', async (t) => {
  for (const url of [`http://user:${CANARY}@inventory/`, `http://inventory/?token=${CANARY}`]) {
    const settings = await loadSettings(readArguments([]), { INVENTORY_URL: url }, diskFiles)
    clean(t, url, settings, JSON.stringify(settings))
  }
})
