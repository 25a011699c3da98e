// The rows of web/tls_config_test.go and web/handler_test.go of exporter-toolkit 0.15, with files of our own: each is
// accepted or refused alike, and the server then behaves as the row says.
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { webFileLoader } from '../../src/config/web-file.ts'
import { authority, NEW_RSA_KEY } from '../helpers/certificates.ts'
import { diskFiles } from '../helpers/files.ts'
import { until } from '../helpers/until.ts'
import { type AskOptions, ask, CAROL, DAVE, webServer, written } from '../helpers/web.ts'

const folder = t.testdir()
const ca = authority(folder, 'tls-ca-chain')
const server = ca.sign('server', 'DNS:localhost', NEW_RSA_KEY)
const self = authority(folder, 'client_selfsigned')
const one = ca.sign('client2', 'DNS:test3,IP:10.0.0.7,IP:2001:db8::1,URI:spiffe://a/b,email:a@example.com')

const PAIR = `  cert_file: "${server.certFile}"\n  key_file: "${server.keyFile}"\n`
const TLS = `tls_server_config:\n${PAIR}`
const GIVEN = `${TLS}  client_auth_type: "VerifyClientCertIfGiven"\n`
const inline = (pem: string) => `|\n${pem.trim().replace(/^/gm, '    ')}\n`
const client = { ca: ca.cert }
const without = ({ cert, key }: { cert: string; key: string }) => ({ cert, key })

let count = 0
/** A file with this text; undefined: one that is not there. */
function fileOf(text: string | undefined): string {
  return text === undefined ? join(folder, 'somefile') : written(folder, text, `web-${count++}.yml`)
}

/** TestYAMLFiles: what is wrong, and where. */
const WRONG: readonly (readonly [name: string, text: string | undefined, place: RegExp])[] = [
  ['path to config yml invalid', undefined, /^--web\.config\.file: .*somefile cannot be read: ENOENT/],
  ['invalid structure', 'hWkNKCp3fvIx3jKnsaBI\nTuEjdwNS8A2vYdFbiKqr\n', /:1:1: ".*" is not a set of keys/],
  [
    'invalid key',
    'tls_server_config:\n  cert_filse: "server.crt"\n',
    /:2:3: tls_server_config\.cert_filse: .*did you mean cert_file\?/,
  ],
  [
    'cert path empty',
    `tls_server_config:\n  cert_file: ""\n  key_file: "${server.keyFile}"\n`,
    /: tls_server_config: has no certificate/,
  ],
  [
    'cert empty',
    `tls_server_config:\n  cert: ""\n  key_file: "${server.keyFile}"\n`,
    /: tls_server_config: has no certificate/,
  ],
  [
    'key path empty',
    `tls_server_config:\n  cert_file: "${server.certFile}"\n  key_file: ""\n`,
    /: tls_server_config: has no private key/,
  ],
  [
    'key empty',
    `tls_server_config:\n  cert_file: "${server.certFile}"\n  key: ""\n`,
    /: tls_server_config: has no private key/,
  ],
  [
    'cert path and key path empty',
    'tls_server_config:\n  cert_file: ""\n  key_file: ""\n  client_auth_type: "x"\n',
    /:4:21: tls_server_config\.client_auth_type: "x" is not /,
  ],
  [
    'cert path and key path empty, with a client auth type',
    'tls_server_config:\n  cert_file: ""\n  client_auth_type: "RequestClientCert"\n',
    /: tls_server_config: has no certificate/,
  ],
  [
    'cert path invalid',
    `tls_server_config:\n  cert_file: "somefile"\n  key_file: "${server.keyFile}"\n`,
    /:2:14: tls_server_config\.cert_file: .*ENOENT/,
  ],
  [
    'key path invalid',
    `tls_server_config:\n  cert_file: "${server.certFile}"\n  key_file: "somefile"\n`,
    /:3:13: tls_server_config\.key_file: .*ENOENT/,
  ],
  [
    'cert path and key path invalid',
    'tls_server_config:\n  cert_file: "somefile"\n  key_file: "somefile"\n',
    /cert_file: .*ENOENT.*\n.*key_file: .*ENOENT/,
  ],
  [
    'invalid ClientAuth',
    `${TLS}  client_ca_file: "${ca.certFile}"\n`,
    /:4:19: tls_server_config\.client_ca_file: .*client_auth_type/,
  ],
  ['invalid ClientCAs filepath', `${TLS}  client_ca_file: "somefile"\n`, /client_ca_file: .*ENOENT/],
  [
    'invalid user list',
    `${TLS}basic_auth_users:\n  john: doe\n`,
    /:5:9: basic_auth_users\.john: <secret> is not a bcrypt hash/,
  ],
  [
    'bad cipher',
    `${GIVEN}  cipher_suites:\n  - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048\n`,
    /:6:5: tls_server_config\.cipher_suites\[0\]: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048" is not/,
  ],
  [
    'bad curves',
    `${GIVEN}  curve_preferences:\n    - CurveP257\n`,
    /curve_preferences\[0\]: "CurveP257" is not/,
  ],
  ['bad TLS version', `${GIVEN}  min_version: TLS111\n`, /min_version: "TLS111" is not/],
  [
    'non-http2 ciphers but http2 enabled',
    `${GIVEN}  cipher_suites:\n    - TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\n  max_version: TLS12\n`,
    /cipher_suites has none that HTTP\/2 needs/,
  ],
  [
    'invalid X-Content-Type-Options',
    'http_server_config:\n  headers:\n    X-Content-Type-Options: sniff\n',
    /:3:29: http_server_config\.headers\.X-Content-Type-Options: "sniff" is not/,
  ],
  [
    'invalid X-Frame-Options',
    'http_server_config:\n  headers:\n    X-Frame-Options: foo\n',
    /X-Frame-Options: "foo" is not/,
  ],
  [
    'HTTP header that can not be overridden',
    'http_server_config:\n  headers:\n    Content-Type: foo\n',
    /:3:5: http_server_config\.headers\.Content-Type: there is no such key/,
  ],
]

for (const [name, text, place] of WRONG) {
  t.test(`84: refused: ${name}`, async (t) => {
    await t.rejects(webFileLoader(fileOf(text))(diskFiles), { name: 'UsageError', message: place })
  })
}

const CLOSED = /ECONNRESET|EPIPE|socket hang up|ERR_SSL|EPROTO/

/** TestServerBehaviour and TestUsers: what one request gets: a status, or an error of the connection. */
interface Row {
  readonly name: string
  /** Undefined: without a file. */
  readonly text?: string
  readonly client?: AskOptions
  readonly status?: number
  readonly cipher?: string
  readonly headers?: Readonly<Record<string, string>>
}

const SOME_CIPHERS = (list: string, more = '') =>
  `${GIVEN}  cipher_suites:\n${list.replace(/^/gm, '  - ')}\n  min_version: TLS12\n  max_version: TLS12\n${more}`
const A128 = 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'
const A256 = 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'
const ALL_CIPHERS = `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
${A128}
${A256}
TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
TLS_AES_128_GCM_SHA256
TLS_AES_256_GCM_SHA384
TLS_CHACHA20_POLY1305_SHA256
TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA
TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA`.replace(/^/gm, '  - ')
const CLIENT_CA = `  client_auth_type: "RequireAndVerifyClientCert"\n  client_ca_file: "${ca.certFile}"\n`
const sans = (...names: string[]) =>
  `${TLS}${CLIENT_CA}  client_allowed_sans:\n${names.map((name) => `    - "${name}"\n`).join('')}`
const USERS = `basic_auth_users:\n  carol: ${CAROL}\n  dave: ${DAVE}\n`
const tls = { tls: true, ...client }

const ROWS: readonly Row[] = [
  { name: 'no file and a client without TLS', status: 200 },
  { name: 'no file and a client with TLS', client: tls },
  { name: 'an empty file', text: '', status: 200 },
  { name: 'TLS and a client without TLS', text: GIVEN },
  { name: 'TLS and a client with TLS', text: GIVEN, client: tls, status: 200 },
  {
    name: 'certificate and key inline',
    text: `tls_server_config:\n  cert: ${inline(server.cert)}  key: ${inline(server.key)}  client_auth_type: "VerifyClientCertIfGiven"\n`,
    client: tls,
    status: 200,
  },
  {
    name: 'a client of TLS 1.1',
    text: GIVEN,
    client: { ...tls, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
  },
  {
    name: 'a client of TLS 1.1 where that is allowed',
    text: `${GIVEN}  min_version: TLS11\n`,
    client: { ...tls, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    status: 200,
  },
  {
    name: 'TLS 1.2 where only TLS 1.3 is allowed',
    text: `${GIVEN}  min_version: TLS13\n`,
    client: { ...tls, maxVersion: 'TLSv1.2' },
  },
  { name: 'all ciphers', text: `${GIVEN}  cipher_suites:\n${ALL_CIPHERS}\n`, client: tls, status: 200 },
  {
    name: 'some ciphers',
    text: SOME_CIPHERS(`${A128}\n${A256}`),
    client: { ...tls, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' },
    status: 200,
    cipher: A128,
  },
  {
    name: 'no common cipher',
    text: SOME_CIPHERS(`${A128}\n${A256}`),
    client: { ...tls, ciphers: 'ECDHE-RSA-AES256-SHA', maxVersion: 'TLSv1.2' },
  },
  {
    name: 'several ciphers of the client, and the server chooses',
    text: SOME_CIPHERS(`${A128}\n${A256}`),
    client: { ...tls, ciphers: 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256' },
    status: 200,
    cipher: A128,
  },
  {
    name: 'several ciphers, and the client chooses',
    text: SOME_CIPHERS(`${A256}\n${A128}`, '  prefer_server_cipher_suites: false\n'),
    client: { ...tls, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384' },
    status: 200,
    cipher: A128,
  },
  {
    name: 'suites of TLS 1.3 are on, whichever are listed',
    text: `${GIVEN}  cipher_suites: [${A128}]\n`,
    client: { ...tls, minVersion: 'TLSv1.3', ciphers: 'TLS_CHACHA20_POLY1305_SHA256' },
    status: 200,
    cipher: 'TLS_CHACHA20_POLY1305_SHA256',
  },
  {
    name: 'all curves',
    text: `${GIVEN}  curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]\n`,
    client: { ...tls, ecdhCurve: 'P-384' },
    status: 200,
  },
  {
    name: 'some curves',
    text: `${GIVEN}  min_version: TLS13\n  curve_preferences: [CurveP521]\n`,
    client: { ...tls, ecdhCurve: 'P-521' },
    status: 200,
  },
  {
    name: 'no common curves',
    text: `${GIVEN}  min_version: TLS13\n  curve_preferences: [CurveP521]\n`,
    client: { ...tls, ecdhCurve: 'P-384' },
  },
  {
    name: 'non-http2 ciphers with http2 off',
    text: `${SOME_CIPHERS(A256)}http_server_config:\n  http2: false\n`,
    client: tls,
    status: 200,
  },
  {
    name: 'headers',
    text: `http_server_config:
  headers:
    X-Frame-Options: deny
    Strict-Transport-Security: max-age=31536000; includeSubDomains
    X-Content-Type-Options: nosniff
    X-XSS-Protection: 1
    Content-Security-Policy: "default-src 'self' *.test.example.net"
`,
    status: 200,
    headers: {
      'x-frame-options': 'deny',
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      'x-xss-protection': '1',
      'content-security-policy': "default-src 'self' *.test.example.net",
    },
  },
  {
    name: 'RequireAnyClientCert and a certificate of nobody',
    text: `${TLS}  client_auth_type: "RequireAnyClientCert"\n`,
    client: { ...tls, ...without(self) },
    status: 200,
  },
  {
    name: 'RequireAnyClientCert and no certificate',
    text: `${TLS}  client_auth_type: "RequireAnyClientCert"\n`,
    client: tls,
  },
  {
    name: 'RequireClientCert and no certificate',
    text: `${TLS}  client_auth_type: "RequireClientCert"\n`,
    client: tls,
  },
  {
    name: 'RequestClientCert and no certificate',
    text: `${TLS}  client_auth_type: "RequestClientCert"\n`,
    client: tls,
    status: 200,
  },
  {
    name: 'RequestClientCert and a certificate of nobody',
    text: `${TLS}  client_auth_type: "RequestClientCert"\n`,
    client: { ...tls, ...without(self) },
    status: 200,
  },
  {
    name: 'certificate from a file, key inline, RequireAnyClientCert and a certificate',
    text: `tls_server_config:\n  cert_file: "${server.certFile}"\n  key: ${inline(server.key)}  client_auth_type: "RequireAnyClientCert"\n`,
    client: { ...tls, ...without(self) },
    status: 200,
  },
  {
    name: 'VerifyClientCertIfGiven and a certificate of nobody',
    text: `${GIVEN}  client_ca_file: "${ca.certFile}"\n`,
    client: { ...tls, ...without(self) },
  },
  {
    name: 'RequireAndVerifyClientCert and a certificate',
    text: `${TLS}${CLIENT_CA}`,
    client: { ...tls, ...without(one) },
    status: 200,
  },
  {
    name: 'RequireAndVerifyClientCert, the authority inline, and a certificate',
    text: `${TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca: ${inline(ca.cert)}`,
    client: { ...tls, ...without(one) },
    status: 200,
  },
  {
    name: 'RequireAndVerifyClientCert and a certificate of nobody',
    text: `${TLS}${CLIENT_CA}`,
    client: { ...tls, ...without(self) },
  },
  { name: 'RequireAndVerifyClientCert and no certificate', text: `${TLS}${CLIENT_CA}`, client: tls },
  {
    name: 'RequireAndVerifyClientCert without authorities',
    text: `${TLS}  client_auth_type: "RequireAndVerifyClientCert"\n`,
    client: { ...tls, ...without(one) },
  },
  {
    name: 'an allowed name',
    text: sans('one', 'test3', 'two'),
    client: { ...tls, ...without(one) },
    status: 200,
  },
  {
    name: 'an allowed IPv4 address',
    text: sans('10.0.0.7'),
    client: { ...tls, ...without(one) },
    status: 200,
  },
  {
    name: 'an allowed IPv6 address',
    text: sans('2001:db8::1'),
    client: { ...tls, ...without(one) },
    status: 200,
  },
  { name: 'an allowed URI', text: sans('spiffe://a/b'), client: { ...tls, ...without(one) }, status: 200 },
  {
    name: 'an allowed e-mail address',
    text: sans('a@example.com'),
    client: { ...tls, ...without(one) },
    status: 200,
  },
  { name: 'no allowed name', text: sans('bad'), client: { ...tls, ...without(one) } },
  {
    name: 'an allowed name and no certificate',
    text: sans('test3').replace('RequireAndVerifyClientCert', 'RequestClientCert'),
    client: tls,
  },
  { name: 'a rate limit of 0', text: 'rate_limit:\n  interval: 0\n  burst: 0\n', status: 200 },
  { name: 'a rate limit without burst', text: 'rate_limit:\n  interval: "1s"\n  burst: 0\n', status: 429 },
  { name: 'without a user', text: USERS, status: 401 },
  { name: 'with a user', text: USERS, client: { auth: 'dave:dave123' }, status: 200 },
  { name: 'without a user, over TLS', text: `${TLS}${USERS}`, client: tls, status: 401 },
  {
    name: 'with a user, over TLS',
    text: `${TLS}${USERS}`,
    client: { ...tls, auth: 'dave:dave123' },
    status: 200,
  },
  {
    name: 'with another user, over TLS',
    text: `${TLS}${USERS}`,
    client: { ...tls, auth: 'carol:carol123' },
    status: 200,
  },
  {
    name: 'with a wrong password, over TLS',
    text: `${TLS}${USERS}`,
    client: { ...tls, auth: 'dave:bad' },
    status: 401,
  },
  {
    name: 'with an unknown user, over TLS',
    text: `${TLS}${USERS}`,
    client: { ...tls, auth: 'nonexistent:nonexistent' },
    status: 401,
  },
]

for (const { name, text, client = {}, status, cipher, headers = {} } of ROWS) {
  t.test(`84: ${name}`, async (t) => {
    const { port } = await webServer(t, text === undefined ? undefined : fileOf(text))
    for (const path of ['/targets', '/health']) {
      if (status === undefined) {
        await t.rejects(ask(port, path, client), { message: CLOSED })
        continue
      }
      const answer = await ask(port, path, client)
      t.equal(answer.status, status)
      t.match(answer.headers, headers)
      if (cipher !== undefined) t.equal(answer.cipher, cipher)
    }
  })
}

t.test('84: TestConfigReloading: what is refused at first is accepted once the file says so', async (t) => {
  const path = fileOf(`${TLS}  client_auth_type: "RequireAndVerifyClientCert"\n`)
  const { port } = await webServer(t, path)
  await t.rejects(ask(port, '/targets', tls), { message: CLOSED })
  writeFileSync(path, GIVEN)
  await until('it is accepted', async () => (await ask(port, '/targets', tls)).status === 200)
  copyFileSync(fileOf(`${TLS}${CLIENT_CA}`), path)
  await until('it is refused', () =>
    ask(port, '/targets', tls).then(
      () => false,
      () => true,
    ),
  )
})

t.test(
  '84: TestByPassBasicAuthVuln: no part of a name or password passes for another (CVE-2022-46146)',
  async (t) => {
    const { port } = await webServer(t, fileOf(USERS))
    const fake = `${DAVE.slice(0, 29)}${'.'.repeat(31)}`
    const login = async (auth: string) => (await ask(port, '/targets', { auth })).status
    t.equal(await login(`dave${DAVE}:fakepassword`), 401)
    t.equal(await login(`dave:${fake}fakepassword`), 401)
    t.equal(await login(`dave${DAVE}:dave123`), 401)
    t.equal(await login('dave:dave123'), 200)
  },
)

t.test(
  '84: TestBasicAuthWithFakepassword, TestBasicAuthCache: the same answers, remembered or not',
  async (t) => {
    const { port } = await webServer(t, fileOf(USERS))
    const login = async (auth: string) => (await ask(port, '/targets', { auth })).status
    for (const _ of [1, 2]) t.equal(await login('fakeuser:fakepassword'), 401)
    t.equal(await login('dave:dave123'), 200)
    t.equal(await login('dave:dave1234'), 401)
    const all = await Promise.all(
      Array.from({ length: 300 }, (_, index) => login(index % 2 === 0 ? 'dave:dave123' : 'dave:dave1234')),
    )
    t.same([...new Set(all.filter((_, index) => index % 2 === 0))], [200])
    t.same([...new Set(all.filter((_, index) => index % 2 === 1))], [401])
  },
)
