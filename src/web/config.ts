import Type, { type Static } from 'typebox'
import { CIPHER_SUITES, CLIENT_AUTH_TYPES, CURVES, HEADERS, SCOPES, TLS_VERSIONS } from './names.ts'

const closed = { additionalProperties: false } as const

function oneOf(names: readonly string[], what: string) {
  return { pattern: `^(${names.join('|')})$`, expects: `${what}; write one of ${names.join(', ')}` }
}

function text(description: string, example: string) {
  return Type.Optional(Type.String({ expects: 'a text', description, examples: [example] }))
}

function file(description: string, example: string) {
  return Type.Optional(
    Type.String({ title: 'filename', expects: 'a path', description, examples: [example] }),
  )
}

const READ_AGAIN = 'Relative to this file; a change takes effect within about a second.'

const tlsServerConfig = Type.Object(
  {
    cert_file: file(
      `File with the certificate of the server and its chain, in PEM. ${READ_AGAIN}`,
      'server.pem',
    ),
    key_file: file(`File with its private key, in PEM. ${READ_AGAIN}`, 'server.key'),
    cert: text('The certificate itself, instead of cert_file.', '-----BEGIN CERTIFICATE-----…'),
    key: Type.Optional(
      Type.String({
        title: 'secret',
        secret: true,
        expects: 'a text',
        description: 'The private key itself, instead of key_file.',
        examples: ['-----BEGIN PRIVATE KEY-----…'],
      }),
    ),
    client_auth_type: Type.Optional(
      Type.String({
        pattern: `^(${CLIENT_AUTH_TYPES.join('|')})?$`,
        expects: `a client authentication type; write one of ${CLIENT_AUTH_TYPES.join(', ')}`,
        default: 'NoClientCert',
        description:
          'Whether client certificates are requested, required and verified against client_ca. RequireClientCert is RequireAnyClientCert.',
        examples: ['RequireAndVerifyClientCert'],
      }),
    ),
    client_ca_file: file(
      `File with the authorities of client certificates, in PEM; by default those that Node.js trusts. ${READ_AGAIN}`,
      'clients-ca.pem',
    ),
    client_ca: text('The authorities themselves, instead of client_ca_file.', '-----BEGIN CERTIFICATE-----…'),
    client_allowed_sans: Type.Optional(
      Type.Array(Type.String({ expects: 'a name', examples: ['prometheus'] }), {
        description:
          'A client certificate must have one of these subject alternative names: a DNS name, an IP address, a URI or an e-mail address, compared exactly.',
      }),
    ),
    min_version: Type.Optional(
      Type.String({
        ...oneOf(TLS_VERSIONS, 'a TLS version'),
        default: 'TLS12',
        description: 'Oldest TLS version to speak.',
        examples: ['TLS13'],
      }),
    ),
    max_version: Type.Optional(
      Type.String({
        ...oneOf(TLS_VERSIONS, 'a TLS version'),
        default: 'TLS13',
        description: 'Newest TLS version to speak.',
        examples: ['TLS13'],
      }),
    ),
    cipher_suites: Type.Optional(
      Type.Array(
        Type.String({ ...oneOf(CIPHER_SUITES, 'a cipher suite'), examples: ['TLS_AES_128_GCM_SHA256'] }),
        {
          description:
            'Cipher suites of TLS 1.2 and older, by the names of Go; by default those of Node.js. Those of TLS 1.3 are always enabled. HTTP/2 needs TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256.',
        },
      ),
    ),
    curve_preferences: Type.Optional(
      Type.Array(Type.String({ ...oneOf(CURVES, 'a curve'), examples: ['X25519'] }), {
        description: 'Curves of the key exchange, in order of preference; by default those of Node.js.',
      }),
    ),
    prefer_server_cipher_suites: Type.Optional(
      Type.Boolean({
        default: true,
        description: 'Whether the order of cipher_suites takes precedence over that of the client.',
      }),
    ),
  },
  { ...closed, description: 'TLS. Without it the server speaks plain HTTP.' },
)

const headerValue = (name: keyof typeof HEADERS) => {
  const values: readonly string[] = HEADERS[name]
  const description = values.length > 0 ? `One of ${values.join(', ')}.` : undefined
  const plain = { ...(description && { description }), examples: [values[0] ?? '…'] }
  if (values.length > 0)
    return Type.Optional(Type.String({ ...oneOf(values, 'a value of this header'), ...plain }))
  const types = [Type.String(), Type.Number()]
  return Type.Optional(Type.Union(types, { title: 'string', expects: 'a text', ...plain }))
}

const httpServerConfig = Type.Object(
  {
    http2: Type.Optional(
      Type.Boolean({
        default: true,
        description: 'Whether to offer HTTP/2, which needs TLS. HTTP/1.1 is always offered.',
      }),
    ),
    headers: Type.Optional(
      Type.Object(
        {
          'Strict-Transport-Security': headerValue('Strict-Transport-Security'),
          'X-Content-Type-Options': headerValue('X-Content-Type-Options'),
          'X-Frame-Options': headerValue('X-Frame-Options'),
          'X-XSS-Protection': headerValue('X-XSS-Protection'),
          'Content-Security-Policy': headerValue('Content-Security-Policy'),
        },
        { ...closed, description: 'Headers of every response.' },
      ),
    ),
  },
  { ...closed, description: 'HTTP settings.' },
)

const rateLimit = Type.Object(
  {
    interval: Type.Optional(
      Type.Union([Type.String(), Type.Integer({ minimum: 0 })], {
        title: 'duration',
        expects: 'a duration such as 100ms or 1s, or 0',
        default: 0,
        description: 'Time in which the bucket gains one request; with 0 nothing is limited.',
        examples: ['10ms'],
      }),
    ),
    burst: Type.Optional(
      Type.Integer({
        minimum: 0,
        expects: 'a whole number, 0 or more',
        default: 0,
        description:
          'Size of the bucket: the number of requests that can arrive at once. With 0 every request is refused.',
      }),
    ),
  },
  {
    ...closed,
    description:
      'Requests beyond this rate get 429. Probes (/-/healthy, /-/ready, /ready) and registrations are not limited.',
  },
)

const permissions = {
  may: Type.Optional(
    Type.Array(Type.String({ ...oneOf(SCOPES, 'a scope'), examples: ['read'] }), {
      minItems: 1,
      expects: `a list of ${SCOPES.join(', ')}`,
      description:
        'read: /targets, /metrics, /health, sources, changes and pollers. explain: /api/v1/explain. operate: POST /-/refresh, /-/accept and /-/reload, and /api/v1/backup, which need --web.enable-lifecycle too.',
    }),
  ),
  sources: Type.Optional(
    Type.Array(Type.String({ minLength: 1, expects: 'the name of a source', examples: ['sensors'] }), {
      minItems: 1,
      expects: 'a list of names of sources',
      description:
        'Only these sources. Of the paths for the whole server, only /metrics is then allowed. By default all.',
    }),
  ),
}

const HASH = '^\\$2[aby]\\$(0[4-9]|[12]\\d|3[01])\\$[./A-Za-z0-9]{53}$'
const A_HASH = 'a bcrypt hash; create one with htpasswd -nBC 10 "" | tr -d ":\\n"'

const passwordHash = (more: object = {}) =>
  Type.String({
    title: 'secret',
    secret: true,
    pattern: HASH,
    expects: A_HASH,
    examples: ['$2y$10$…'],
    ...more,
  })

const user = Type.Union(
  [
    passwordHash(),
    Type.Object(
      { hash: passwordHash({ description: 'The bcrypt hash of the password.' }), ...permissions },
      { ...closed, title: 'user' },
    ),
  ],
  { secret: true, expects: A_HASH },
)

const bearerToken = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      expects: 'a name',
      description: 'Name of the client in the log.',
      examples: ['prometheus'],
    }),
    token_file: Type.String({
      title: 'filename',
      minLength: 1,
      expects: 'a path',
      description: `File with tokens of at least 16 characters, one on each line, so that a new one can be distributed before the old one is removed. ${READ_AGAIN}`,
      examples: ['prometheus-token'],
    }),
    ...permissions,
  },
  { ...closed, title: 'bearer_token' },
)

/** The file of `--web.config.file`: the format of Prometheus's exporter-toolkit, with more keys. */
export const webSchema = Type.Object(
  {
    tls_server_config: Type.Optional(tlsServerConfig),
    http_server_config: Type.Optional(httpServerConfig),
    rate_limit: Type.Optional(rateLimit),
    basic_auth_users: Type.Optional(
      Type.Record(Type.String(), user, {
        title: 'user',
        description:
          'Users and the bcrypt hashes of their passwords. A user with only a hash has all scopes; keys limit the scopes and sources.',
        examples: [{ prometheus: '$2y$10$…' }],
      }),
    ),
    bearer_tokens: Type.Optional(
      Type.Array(bearerToken, {
        description:
          'Tokens that clients send as "Authorization: Bearer …". By default a token has the scope read.',
      }),
    ),
    allowed_hosts: Type.Optional(
      Type.Array(
        Type.String({
          pattern: '^(\\*\\.)?[A-Za-z0-9_.-]+$',
          expects: 'a host name without port, such as rollcall.example.com, or *.example.com',
          examples: ['rollcall.example.com'],
        }),
        {
          description:
            'Further host names for requests without credentials that change something. The host of --web.external-url, IP addresses and names that cannot be registered in the public DNS are always allowed.',
        },
      ),
    ),
  },
  { ...closed, title: 'web_config_file' },
)

/** The content of a web configuration file. */
export type WebConfig = Static<typeof webSchema>
