import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Secret } from '../../src/base/secret.ts'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import type { BasicAuthOptions } from '../../src/sources/http/authorization/basic-auth.ts'
import type { OAuth2Options } from '../../src/sources/http/authorization/oauth2.ts'
import type { HttpSourceOptions } from '../../src/sources/http/source.ts'
import { authority } from '../helpers/certificates.ts'
import { diskFiles } from '../helpers/files.ts'

/** The settings with one source whose `http:` has these keys. */
async function loadAll(t: Test, http: object, env: Record<string, string> = {}, files = {}) {
  const folder = t.testdir(files)
  const path = join(folder, 'rollcall.yml')
  const source = { name: 'sensors', http: { url: 'http://inventory/', ...http } }
  writeFileSync(path, JSON.stringify({ sources: [source] }))
  return loadSettings(readArguments([`--config.file=${path}`]), env, diskFiles)
}

/** The resolved options of that source. */
async function load(...given: Parameters<typeof loadAll>) {
  const { sources } = await loadAll(...given)
  return sources[0]?.source as HttpSourceOptions
}

const text = (secret: Secret | undefined) => secret?.reveal()

t.test('without a key of the HTTP client nothing is set', async (t) => {
  t.match(await load(t, {}), {
    followRedirects: true,
    authorization: undefined,
    headers: [],
    tls: undefined,
    proxy: undefined,
    concealed: [],
  })
})

t.test('basic_auth from variables and files', async (t) => {
  const files = { user: 'me', password: 'hunter2' }
  const env = { USER_NAME: 'me', PASSWORD: 'hunter2' }
  for (const basic_auth of [
    { username: '${USER_NAME}', password: '${PASSWORD}' },
    { username_file: 'user', password_file: 'password' },
  ]) {
    const { authorization } = await load(t, { basic_auth }, env, files)
    const basic = authorization as BasicAuthOptions
    t.equal(basic.kind, 'basic_auth')
    t.equal(await text(basic.username), 'me')
    t.equal(await text(basic.password), 'hunter2')
  }
})

t.test('authorization has the type Bearer unless it says another', async (t) => {
  for (const [type, expected] of [
    [undefined, 'Bearer'],
    ['  ', 'Bearer'],
    [' Token ', 'Token'],
  ]) {
    const { authorization } = await load(t, { authorization: { type, credentials: 'abc' } })
    t.match(authorization, { kind: 'authorization', type: expected })
  }
})

t.test('oauth2 with everything', async (t) => {
  const oauth2 = {
    client_id: 'me',
    client_secret: '${SECRET}',
    scopes: ['a', 'b'],
    token_url: 'https://${LOGIN}/token',
    endpoint_params: { audience: '${SECRET}-x' },
    tls_config: { insecure_skip_verify: true },
    proxy_url: 'http://proxy:3128',
    no_proxy: 'localhost',
  }
  const { authorization } = await load(t, { oauth2 }, { SECRET: 'hunter2', LOGIN: 'login.test' })
  const options = authorization as OAuth2Options
  t.match(options, { kind: 'oauth2', scopes: ['a', 'b'], tls: { insecureSkipVerify: true } })
  t.equal(options.tokenUrl.href, 'https://login.test/token')
  t.equal(options.proxy?.https?.href, 'http://proxy:3128/')
  t.equal(await text(options.clientId), 'me')
  t.equal(await text(options.clientSecret), 'hunter2')
  const [[name, value] = []] = options.endpointParams
  t.equal(`${name}=${await text(value)}`, 'audience=hunter2-x')
  const bare = await load(t, { oauth2: { client_id: 'me', token_url: 'http://login/' } })
  t.match(bare.authorization, { clientSecret: undefined, scopes: [], endpointParams: [], tls: undefined })
})

t.test('http_headers: values, secrets, then files', async (t) => {
  const http_headers = { 'X-Many': { files: ['three'], secrets: ['${TWO}'], values: ['one'] } }
  const { headers } = await load(t, { http_headers }, { TWO: 'two' }, { three: 'three\n' })
  t.equal(headers[0]?.name, 'x-many')
  t.same(await Promise.all(headers[0]?.values.map(text) ?? []), ['one', 'two', 'three'])
})

t.test('tls_config from files and from texts', async (t) => {
  const made = authority(t.testdir())
  const pair = made.sign('client')
  const tls_config = {
    ca: made.cert,
    cert: pair.cert,
    key: '${KEY}',
    server_name: 'inventory.test',
    min_version: 'TLS10',
    max_version: 'TLS12',
  }
  const { tls } = await load(t, { tls_config }, { KEY: pair.key })
  t.match(tls, { serverName: 'inventory.test', minVersion: 'TLSv1', maxVersion: 'TLSv1.2' })
  t.equal(await text(tls?.key), pair.key)
  const files = { ca: 'the ca', cert: 'the cert', key: 'the key' }
  const names = { ca_file: 'ca', cert_file: 'cert', key_file: 'key' }
  const { tls: read } = await load(t, { tls_config: names }, {}, files)
  t.same(await Promise.all([read?.ca, read?.cert, read?.key].map(text)), ['the ca', 'the cert', 'the key'])
  t.match(read, { insecureSkipVerify: false, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' })
})

t.test('a proxy of the configuration is for http and https', async (t) => {
  const { proxy } = await load(
    t,
    { proxy_url: 'http://${P}@proxy:3128', no_proxy: '.a.org' },
    { P: 'u:hunter2' },
  )
  t.equal(proxy?.http?.password, 'hunter2')
  t.equal(proxy?.https?.href, proxy?.http?.href)
  t.equal(proxy?.bypass?.(new URL('http://b.a.org/')), true)
  t.equal((await load(t, { proxy_url: 'http://proxy:3128' })).proxy?.bypass, undefined)
})

t.test('proxies of the environment, in lower case first, with or without a scheme', async (t) => {
  const http = { proxy_from_environment: true }
  const env = {
    http_proxy: 'lower:1',
    HTTP_PROXY: 'upper:1',
    HTTPS_PROXY: 'https://upper:2',
    NO_PROXY: 'a.org',
  }
  const { proxy } = await load(t, http, env)
  t.equal(proxy?.http?.href, 'http://lower:1/')
  t.equal(proxy?.https?.href, 'https://upper:2/')
  t.equal(proxy?.bypass?.(new URL('http://a.org/')), true)
  t.match((await load(t, http)).proxy, { http: undefined, https: undefined })
})

t.test('what variables put into the path of the URL is kept from messages', async (t) => {
  const { url, concealed } = await load(t, { url: 'http://inventory/${TOKEN}/list' }, { TOKEN: 'hunter2' })
  t.equal(url.pathname, '/hunter2/list')
  t.same(await Promise.all(concealed.map(text)), ['hunter2'])
})

t.test('insecure_skip_verify is warned of, for the inventory and for the token server', async (t) => {
  const tls_config = { insecure_skip_verify: true }
  const oauth2 = { client_id: 'a', token_url: 'https://login/' }
  for (const http of [{ tls_config }, { oauth2: { ...oauth2, tls_config } }]) {
    t.match((await loadAll(t, http)).warnings, [/^source sensors: insecure_skip_verify is true, so/])
  }
  for (const http of [{ tls_config: {} }, { oauth2 }]) t.same((await loadAll(t, http)).warnings, [])
})
