/** The start of a source; what follows are keys of `http:`. */
const HTTP = 'sources:\n  - name: sensors\n    http:\n      url: http://inventory/\n'
const AT = 'rollcall.yml:5:\\d+: sources\\[0\\].http'

/** A file whose `http:` has these lines beside its URL. */
function http(...lines: string[]): string {
  return `${HTTP}${lines.map((line) => `      ${line}\n`).join('')}`
}

/** A file whose `http:` has this URL. */
function url(text: string): string {
  return `sources:\n  - name: sensors\n    http:\n      url: ${text}\n`
}

function at(key: string, message: string): RegExp {
  return new RegExp(`^${AT}.${key.replaceAll(/[[\]]/g, '\\$&')}: ${message}`)
}

function authorization(rest: string): string {
  return http(`authorization: ${rest}`)
}

function header(rest: string): string {
  return http(`http_headers: ${rest}`)
}

function tls(rest: string): string {
  return http(`tls_config: ${rest}`)
}

function oauth2(rest: string): string {
  return http(`oauth2: { ${rest} }`)
}

const OAUTH2 = 'client_id: a, token_url: "http://login/token"'

/** What is wrong in `http:`, and the one line that says so. The environment has EMPTY, HOST, BROKEN and SECRET. */
export const rows: readonly (readonly [what: string, yaml: string, line: RegExp])[] = [
  // Who asks.
  [
    'two ways to prove who asks',
    http('basic_auth: { username: a }', 'authorization: { credentials: hunter2 }'),
    /^rollcall.yml:6:7: sources\[0\].http.authorization: basic_auth already sets the authentication; leave one of them out$/,
  ],
  [
    'oauth2 beside authorization',
    http('authorization: { credentials: hunter2 }', `oauth2: { ${OAUTH2} }`),
    /^rollcall.yml:6:7: sources\[0\].http.oauth2: authorization already sets the authentication/,
  ],
  [
    'a password in the URL beside another',
    `${url('http://user:hunter2@inventory/')}      basic_auth: { username: a }\n`,
    at('basic_auth', 'the url already has a user or password; leave one of them out$'),
  ],
  [
    'a password beside its file',
    http('basic_auth: { username: a, password: hunter2, password_file: b }'),
    at('basic_auth.password_file', 'password is given already; leave one of them out$'),
  ],
  [
    'a user name beside its file',
    http('basic_auth: { username: a, username_file: b }'),
    at('basic_auth.username_file', 'username is given already'),
  ],
  ['basic_auth without anything', http('basic_auth: {}'), at('basic_auth', 'is empty; add username and')],
  [
    '51: basic_auth that is a text',
    http('basic_auth: hunter2'),
    at('basic_auth', '<secret> is not a set of keys$'),
  ],
  [
    '51: a password that is a number',
    http('basic_auth: { username: a, password: 12345 }'),
    at('basic_auth.password', '<secret> is not a text; put it in quotes$'),
  ],
  [
    '51: a password that is a list',
    http('basic_auth: { username: a, password: [hunter2] }'),
    at('basic_auth.password', 'a list is not a text; put it in quotes$'),
  ],
  [
    'an empty password',
    http('basic_auth: { username: a, password: "" }'),
    at('basic_auth.password', 'is empty; expected a text; put it in quotes$'),
  ],
  [
    'a password key that is misspelt',
    http('basic_auth: { username: a, pasword: hunter2 }'),
    at('basic_auth.pasword', 'there is no such key; did you mean password\\?$'),
  ],
  [
    'bearer_token',
    http('bearer_token: hunter2'),
    at('bearer_token', 'there is no such key; write authorization: \\{ credentials: … \\}$'),
  ],
  [
    'bearer_token_file',
    http('bearer_token_file: token'),
    at('bearer_token_file', 'there is no such key; write authorization: \\{ credentials_file: … \\}$'),
  ],
  [
    'credentials beside their file',
    authorization('{ credentials: hunter2, credentials_file: b }'),
    at('authorization.credentials_file', 'credentials is given already'),
  ],
  [
    'authorization without credentials',
    authorization('{ type: Token }'),
    at('authorization', 'is empty; add credentials or credentials_file$'),
  ],
  [
    'authorization of type basic',
    authorization('{ type: basic, credentials: hunter2 }'),
    at('authorization.type', '"basic" cannot be used here; use basic_auth$'),
  ],
  [
    'an authorization type of two words',
    authorization('{ type: To ken, credentials: hunter2 }'),
    at('authorization.type', '"To ken" is not one word; write one such as Bearer$'),
  ],
  [
    '53: credentials with a line break',
    authorization('{ credentials: "hunter2\\nX-Admin: yes" }'),
    at(
      'authorization.credentials',
      'contains a line break or another control character, which is not valid in a header$',
    ),
  ],
  // OAuth 2.
  [
    'oauth2 without a token_url',
    oauth2('client_id: a'),
    at('oauth2.token_url', 'is missing; add it: such as token_url: https'),
  ],
  [
    'oauth2 without a client',
    oauth2('token_url: "http://login/"'),
    at('oauth2.client_id', 'is missing; add it'),
  ],
  // Login.
  [
    'a login that gives nothing',
    http('login: { url: /login }'),
    at('login', 'does not set what the session is; add token'),
  ],
  [
    'a token that is no expression',
    http('login: { url: /login, token: "a[" }'),
    at('login.token', '"a\\[" is not a JMESPath'),
  ],
  [
    'a login elsewhere by two slashes',
    http('login: { url: //a, cookie: true }'),
    at('login.url', 'is not a path; write one'),
  ],
  [
    'a login at no URL',
    http('login: { url: login, cookie: true }'),
    at('login.url', '"login" is not an http or https URL'),
  ],
  [
    'a login with two bodies',
    http('login: { url: /a, cookie: true, body: a, body_file: b }'),
    at('login.body_file', 'body is given already'),
  ],
  [
    'a login by GET with a body',
    http('login: { url: /a, cookie: true, method: GET, body: a }'),
    at('login.body', 'cannot be sent with GET'),
  ],
  [
    'the same with a file',
    http('login: { url: /a, cookie: true, method: GET, body_file: a }'),
    at('login.body_file', 'cannot be sent with GET'),
  ],
  [
    'a variable of a body that is not set',
    http('login: { url: /a, cookie: true, body: "${NOWHERE}" }'),
    at('login.body', 'the environment variable NOWHERE is not set'),
  ],
  [
    'a header of a token that there is not',
    http('login: { url: /a, cookie: true, token_header: a }'),
    at('login.token_header', 'needs a token'),
  ],
  [
    'a header that no token may be',
    http('login: { url: /a, token: a, token_header: Host }'),
    at('login.token_header', 'is set by the host'),
  ],
  [
    'a token and other credentials',
    http('login: { url: /a, token: a }', 'basic_auth: { username: a }'),
    at('login.token', 'is sent as Authorization, which the source sends already'),
  ],
  [
    'a token in a header that is sent',
    http('login: { url: /a, token: a, token_header: x-a }', 'http_headers: { X-A: { values: [a] } }'),
    at('login.token_header', 'is in http_headers already'),
  ],
  [
    'cookies and a Cookie',
    http('login: { url: /a, cookie: true }', 'http_headers: { cookie: { values: [a=b] } }'),
    at('login.cookie', 'is in http_headers already'),
  ],
  [
    'a status that says nothing of a session',
    http('login: { url: /a, cookie: true, renew_on: [200] }'),
    at('login.renew_on[0]', '200 is not an HTTP status from 300 to 599'),
  ],
  [
    'a client secret beside its file',
    oauth2(`${OAUTH2}, client_secret: hunter2, client_secret_file: b`),
    at('oauth2.client_secret_file', 'client_secret is given already'),
  ],
  [
    'a token_url that is none',
    oauth2('client_id: a, token_url: "login:hunter2@x?k=hunter2"'),
    at('oauth2.token_url', '"login:…@x\\?…" is not an http or https URL'),
  ],
  [
    'a token_url with a password',
    oauth2('client_id: a, token_url: "http://a:hunter2@login/token"'),
    at('oauth2.token_url', 'http://login/token must not hold a user or password; write them as client_id'),
  ],
  [
    'a scope with a space',
    oauth2(`${OAUTH2}, scopes: ["a b"]`),
    at('oauth2.scopes[0]', '"a b" is not a scope: a text without spaces$'),
  ],
  [
    'a parameter that is a number',
    oauth2(`${OAUTH2}, endpoint_params: { pin: 12345 }`),
    at('oauth2.endpoint_params.pin', '<secret> is not a text; put it in quotes$'),
  ],
  [
    'a TLS mistake of the token server',
    oauth2(`${OAUTH2}, tls_config: { cert_file: a }`),
    at('oauth2.tls_config.cert_file', 'needs its key'),
  ],
  [
    'a proxy mistake of the token server',
    oauth2(`${OAUTH2}, no_proxy: a`),
    at('oauth2.no_proxy', 'needs a proxy_url$'),
  ],
  // Headers.
  [
    'the Authorization header',
    header('{ authorization: { values: [hunter2] } }'),
    at('http_headers.authorization', 'is set by basic_auth, authorization or oauth2; use one of them$'),
  ],
  [
    'the Host header',
    header('{ Host: { values: [a] } }'),
    at('http_headers.Host', 'is set by the host of the url'),
  ],
  [
    'a header of the connection',
    header('{ Transfer-Encoding: { values: [chunked] } }'),
    at('http_headers.Transfer-Encoding', 'controls the connection'),
  ],
  [
    'a header name with a space',
    header('{ X Token: { values: [a] } }'),
    at('http_headers.X Token', '"X Token" is not the name of a header; use letters, digits and "-"$'),
  ],
  [
    'a header twice',
    header('{ X-A: { values: [a] }, x-a: { values: [b] } }'),
    at('http_headers.x-a', 'is the same header as one above'),
  ],
  [
    'a header without a value',
    header('{ X-A: { values: [] } }'),
    at('http_headers.X-A', 'has no value; add one'),
  ],
  [
    '51: a header that is a text',
    header('{ X-A: hunter2 }'),
    at('http_headers.X-A', '<secret> is not a set of keys$'),
  ],
  [
    '53: a header value with a line break',
    header('{ X-A: { secrets: ["a", "hunter2\\r\\nX-Admin: yes"] } }'),
    at('http_headers.X-A.secrets[1]', 'contains a line break'),
  ],
  [
    '53: a header value whose variable holds a line break',
    header('{ X-A: { values: ["${BROKEN}"] } }'),
    at('http_headers.X-A.values[0]', 'contains a line break'),
  ],
  [
    'headers',
    http('headers: { X-A: hunter2 }'),
    at('headers', 'there is no such key; write http_headers: \\{ X-Name: \\{ values: \\[ … \\] \\} \\}$'),
  ],
  // TLS.
  [
    'a certificate without its key',
    tls('{ cert_file: a }'),
    at('tls_config.cert_file', 'needs its key; add key or key_file$'),
  ],
  [
    'a key without its certificate',
    tls('{ key: hunter2 }'),
    at('tls_config.key', 'needs its certificate; add cert or cert_file$'),
  ],
  [
    'a key file without its certificate',
    tls('{ key_file: a }'),
    at('tls_config.key_file', 'needs its certificate'),
  ],
  ['a CA beside its file', tls('{ ca: hunter2, ca_file: b }'), /tls_config.ca_file: ca is given already/],
  [
    '51: a key that is a number',
    tls('{ cert_file: a, key: 5 }'),
    at('tls_config.key', '<secret> is not a text'),
  ],
  [
    'a CA that is none',
    tls('{ ca: hunter2 }'),
    at('tls_config.ca', 'cannot be used: there is no certificate in the CA$'),
  ],
  [
    'a certificate that is none',
    tls('{ cert: hunter2, key: hunter2 }'),
    at('tls_config.cert', 'cannot be used with the key: .*PEM'),
  ],
  [
    'a TLS version that is none',
    tls('{ min_version: "1.2" }'),
    at('tls_config.min_version', '"1.2" is not a TLS version; write one of TLS10, TLS11, TLS12, TLS13$'),
  ],
  [
    'the oldest TLS version newer than the newest',
    tls('{ min_version: TLS13, max_version: TLS12 }'),
    at('tls_config.max_version', 'is older than min_version$'),
  ],
  [
    'a newest TLS version that is older than the default',
    tls('{ max_version: TLS11 }'),
    at('tls_config.max_version', 'is older than min_version, which is TLS12 by default$'),
  ],
  [
    'insecure_skip_verify that is a text',
    tls('{ insecure_skip_verify: "yes" }'),
    at('tls_config.insecure_skip_verify', '"yes" is not true or false$'),
  ],
  // Proxies.
  [
    'a proxy without a scheme',
    http('proxy_url: "user:hunter2@proxy:3128"'),
    at(
      'proxy_url',
      '"user:…@proxy:3128" is not the http or https URL of a proxy; write one such as http://proxy:3128$',
    ),
  ],
  [
    'a SOCKS proxy',
    http('proxy_url: "socks5://proxy:1080"'),
    at('proxy_url', '"socks5://proxy:1080" is not'),
  ],
  ['no_proxy without a proxy', http('no_proxy: a'), at('no_proxy', 'needs a proxy_url$')],
  [
    'a no_proxy that is none',
    `${http('proxy_url: "http://p:1"')}      no_proxy: "10.0.0.0/99"\n`,
    /^rollcall.yml:6:17: sources\[0\].http.no_proxy: "10.0.0.0\/99" is not a list of names, addresses and CIDR blocks/,
  ],
  [
    'a proxy from the file and the environment',
    http('proxy_url: "http://p:1"', 'proxy_from_environment: true'),
    at('proxy_url', 'proxy_from_environment already sets the proxy; leave one of them out$'),
  ],
  [
    'a proxy of the environment that is none',
    http('proxy_from_environment: true'),
    at('proxy_from_environment', '"\\$\\{HTTPS_PROXY\\}" is not the http or https URL of a proxy'),
  ],
  // Variables.
  [
    'a variable that is not set',
    authorization('{ credentials: "${NOT_SET}" }'),
    at('authorization.credentials', 'the environment variable NOT_SET is not set$'),
  ],
  [
    'a variable that is empty',
    http('basic_auth: { username: a, password: "${EMPTY}" }'),
    at('basic_auth.password', 'the environment variable EMPTY is set, but empty$'),
  ],
  [
    'a variable without a name',
    http('basic_auth: { username: a, password: "hunter2${hunter2-}" }'),
    at(
      'basic_auth.password',
      'contains "\\$\\{" without the name of a variable; write \\$\\{NAME\\}, or \\$\\$\\{ for',
    ),
  ],
  [
    'a variable that has no end',
    http('basic_auth: { username: a, password: "hunter2${SECRET" }'),
    at('basic_auth.password', 'contains "\\$\\{" without the name of a variable'),
  ],
  [
    'a variable in the URL that is not set',
    url('http://inventory/${NOT_SET}'),
    /^rollcall.yml:4:12: sources\[0\].http.url: the environment variable NOT_SET is not set$/,
  ],
  [
    '51: a URL that its variables spoil',
    url('http://inventory:${SECRET}/?a=${SECRET}'),
    /^rollcall.yml:4:12: sources\[0\].http.url: "http:\/\/inventory:\$\{SECRET\}\/\?…" is not an http or https URL after its/,
  ],
  // Whatever is around secrets.
  [
    '51: keys of secrets in a list',
    'sources:\n  - name: sensors\n    http:\n      - basic_auth: { password: hunter2 }\n',
    /^rollcall.yml:4:7: sources\[0\].http: a list is not a set of keys, such as \{ url: "http:\/\/inventory:1337\/inventory" \}$/,
  ],
  [
    '51: http that is a text',
    'sources:\n  - name: sensors\n    http: hunter2\n',
    /^rollcall.yml:3:11: sources\[0\].http: <secret> is not a set of keys, such as \{ url: "http:\/\/inventory:1337\/inventory" \}$/,
  ],
  [
    '51: sources without dashes',
    'sources:\n  name: sensors\n  http: { basic_auth: { password: hunter2 } }\n',
    /^rollcall.yml:2:3: sources: a set of keys is not a list with at least one source; begin each item of the list with "- "$/,
  ],
  // Passwords that YAML cannot read without quotes.
  [
    '51: a password that looks like an alias',
    http('basic_auth: { username: a, password: *hunter2 }'),
    /^rollcall.yml:5:44: not valid YAML: Unresolved alias \(the anchor .*\); put texts with special characters in quotes$/,
  ],
  [
    '51: an alias of nothing after one of something',
    header('{ X-A: { values: [&b c, *b, *hunter2] } }'),
    /^rollcall.yml:5:49: not valid YAML: Unresolved alias/,
  ],
  [
    '51: a password that looks like a block',
    http('basic_auth:', '  password: |hunter2'),
    /^rollcall.yml:6:\d+: not valid YAML: Block scalar header includes extra characters; put texts/,
  ],
  [
    '51: a password that looks like a tag',
    http('basic_auth:', '  password: !hunter2!x y'),
    /^rollcall.yml:6:\d+: not valid YAML: a text that begins with "!" needs quotes/,
  ],
  [
    '51: a password with a backslash',
    http('basic_auth:', '  password: "\\uhunter2"'),
    /^rollcall.yml:6:\d+: not valid YAML: in double quotes a backslash begins an escape sequence, and this one is unknown; use single quotes$/,
  ],
]
