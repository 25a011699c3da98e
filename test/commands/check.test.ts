import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runHere } from '../helpers/commands.ts'

/** Writes a configuration with the keys of one source, and gives a function that checks it, without its folder. */
function configured(t: Test, keys: string) {
  const folder = t.testdir()
  const path = join(folder, 'rollcall.yml')
  writeFileSync(path, `sources:\n  - name: a\n${keys.replace(/^/gm, '    ')}\n`)
  const shown = (text: string) => text.replaceAll(`${folder}/`, '')
  return {
    folder,
    async check(...flags: string[]) {
      const { code, out, err } = await runHere(['check', `--config.file=${path}`, ...flags])
      return { code, out: shown(out).split('\n'), err: shown(err).split('\n') }
    },
  }
}

t.test('a key for backups that cannot be read is told', async (t) => {
  const { check } = configured(t, 'http: { url: http://a }')
  t.match(await check('--storage.signing-key-file='), {
    code: 2,
    err: [/^--storage\.signing-key-file: "" is not a path/, ''],
  })
  const answer = await check('--storage.signing-key-file=/nowhere/key')
  t.match(answer, { code: 1, out: [/^FAILED/] })
  t.match(answer.out.join('\n') + answer.err.join('\n'), /--storage.signing-key-file.*\/nowhere\/key/)
})

const SUCCESS = 'SUCCESS: the configuration is valid: 1 source (a)'
const FAILED =
  'FAILED: the configuration is valid, but not every file that it names can be used (--syntax-only does not check them)'

/** Each key that names a file, `no`: the source, and the key. */
const KEYS: [keys: string, place: string][] = [
  [
    'http: { url: http://a, basic_auth: { username: a, password_file: no } }',
    'sources[0].http.basic_auth.password_file',
  ],
  [
    'http: { url: http://a, basic_auth: { username_file: no, password: a } }',
    'sources[0].http.basic_auth.username_file',
  ],
  [
    'http_sd: { url: http://a, authorization: { credentials_file: no } }',
    'sources[0].http_sd.authorization.credentials_file',
  ],
  [
    'http: { url: http://a, http_headers: { X-Key: { files: [no] } } }',
    'sources[0].http.http_headers.X-Key.files[0]',
  ],
  ['http: { url: http://a, tls_config: { ca_file: no } }', 'sources[0].http.tls_config.ca_file'],
  ['push: { token_file: no }', 'sources[0].push.token_file'],
]

t.test('check tells each secret and TLS file that cannot be read, and where it is named', async (t) => {
  for (const [keys, place] of KEYS) {
    const { check, folder } = configured(t, keys)
    const column = keys.search(/\bno\b/) + 5
    t.match(await check(), {
      code: 1,
      out: [FAILED, ''],
      err: [`rollcall: rollcall.yml:3:${column}: ${place}: the secret file no cannot be read: ENOENT`, ''],
    })
    t.match(await check('--syntax-only'), { code: 0, out: [SUCCESS, ''], err: [''] }, 'unless told not to')
    writeFileSync(join(folder, 'no'), '\n')
    t.match((await check()).err, [/: the secret file no is empty$/, ''], 'an empty one')
  }
  const all = configured(
    t,
    'http:\n  url: http://a\n  tls_config: { cert_file: cert, key_file: key }\n  oauth2: { client_id: a, client_secret_file: secret, token_url: http://a, tls_config: { ca_file: ca } }',
  )
  t.match((await all.check()).err, [
    /oauth2.client_secret_file: /,
    /ca_file: /,
    /cert_file: /,
    /key_file: /,
    '',
  ])
})

t.test('files that can be read but are of no use are told too', async (t) => {
  const { check, folder } = configured(t, 'http: { url: http://a, tls_config: { ca_file: ca.pem } }')
  writeFileSync(join(folder, 'ca.pem'), 'no certificate')
  t.match(await check(), {
    code: 1,
    err: [
      /^rollcall: rollcall.yml:3:40: sources\[0\].http.tls_config: .* cannot be used: there is no certificate in the CA$/,
      '',
    ],
  })
})

t.test('a secret in a file that could never be sent is told, and nothing of it is shown', async (t) => {
  const header =
    /^rollcall: rollcall.yml:3:\d+: \S+: the secret file no contains a line break or another control character, which is not valid in a header$/
  const token =
    /: sources\[0\].push.token_file: the secret file no has white space or a control character in line 2, which is not valid in a token; write only one token on each line$/
  const device =
    /push.device_tokens_file: the secret file no has no id and token in line 2; write an id, a space/
  const twice =
    /push.device_tokens_file: the secret file no has a token in line 3 that another id has too; create one/
  const rows: [keys: string, content: string, line: RegExp | undefined][] = [
    ['push: { device_tokens_file: no }', 'press 1 hunter2\nhunter2\n', device],
    ['push: { device_tokens_file: no }', 'a hunter2\nb hunter2\u0000\n', device],
    ['push: { device_tokens_file: no }', 'a hunter2\n\nb hunter2\n', twice],
    ['push: { device_tokens_file: no }', 'a hunter2\na hunter2-next\n\na hunter2\nb other', undefined],
    ['http: { url: http://a, authorization: { credentials_file: no } }', 'hunter2\nhunter2\n', header],
    ['http: { url: http://a, http_headers: { X-Key: { files: [no] } } }', 'hunter2\u0007x', header],
    ['http: { url: http://a, http_headers: { X-Key: { files: [no] } } }', ' hunter2 x\n', undefined],
    // It is not sent as it is.
    ['http: { url: http://a, basic_auth: { username: a, password_file: no } }', 'a\nb', undefined],
    ['push: { token_file: no }', 'hunter2\nBearer hunter2\n', token],
    ['push: { token_file: no }', 'hunter2\r\nhunter2\u0000x\n', token],
    ['push: { token_file: no }', 'hunter2\r\n\n  other\r\n', undefined],
  ]
  for (const [keys, content, line] of rows) {
    const { check, folder } = configured(t, keys)
    writeFileSync(join(folder, 'no'), content)
    const { code, out, err } = await check()
    t.equal(code, line === undefined ? 0 : 1, keys)
    t.match(err, line === undefined ? [''] : [line, ''], keys)
    t.notMatch([...out, ...err].join(), 'hunter2')
  }
})

t.test('an inventory in files is looked at, but not read', async (t) => {
  const { check, folder } = configured(t, 'file: { files: ["lists/*.json", "*.csv", hosts.json] }')
  t.match(await check(), {
    code: 1,
    out: [
      /^WARNING: rollcall.yml:3:21: sources\[0\].file.files\[0\]: the folder lists of lists\/\*.json cannot be read: ENOENT/,
      'WARNING: rollcall.yml:3:37: sources[0].file.files[1]: no file matches *.csv; if there is none, remove it from files',
      FAILED,
    ],
    err: [
      /^rollcall: rollcall.yml:3:46: sources\[0\].file.files\[2\]: hosts.json cannot be read: ENOENT/,
      '',
    ],
  })
  mkdirSync(join(folder, 'lists'))
  for (const name of ['lists/a.json', 'a.csv', 'hosts.json']) writeFileSync(join(folder, name), 'half {')
  t.match(await check(), { code: 0, out: [SUCCESS, ''], err: [''] })
})

t.test('a folder that cannot be written to is a warning, since targets are served without it', async (t) => {
  const { check, folder } = configured(t, 'file: { files: [a.csv] }\nfile_sd: out/targets.json')
  writeFileSync(join(folder, 'a.csv'), 'host\n')
  const stored = `--storage.path=${folder}/a.csv/data`
  t.match(await check(stored), {
    code: 0,
    out: [
      /^WARNING: rollcall.yml:4:14: sources\[0\].file_sd: the folder .*out cannot be written to: ENOENT/,
      /^WARNING: --storage.path: the folder a.csv\/data cannot be written to: ENOTDIR/,
      SUCCESS,
    ],
    err: [''],
  })
  mkdirSync(join(folder, 'out'))
  t.match(await check(`--storage.path=${folder}/out/of/many`), { code: 0, out: [SUCCESS, ''] }, 'it is made')
  t.match(await check('--storage.path='), { code: 0, out: [SUCCESS, ''] }, 'nothing is kept')
  const env = { INVENTORY_URL: 'http://a', STORAGE_PATH: folder }
  t.match(await runHere(['check'], { ...env, TARGETS_FILE: `${folder}/no/targets.json` }), {
    code: 0,
    out: /^WARNING: TARGETS_FILE: the folder .*no cannot be written to: ENOENT.*\nSUCCESS/,
  })
})

t.test('what is there but cannot be read is told as well', async (t) => {
  const { check, folder } = configured(t, 'file: { files: [a.csv] }')
  symlinkSync('a.csv', join(folder, 'a.csv')) // whoever runs this: root may read everything else
  t.match(await check(), { code: 1, err: [/files\[0\]: a.csv cannot be read: ELOOP/, ''] })
})

t.test('with files of no use the sources are probed all the same', async (t) => {
  const { check } = configured(t, 'push: { token_file: no }')
  const { code, out } = await check('--probe')
  t.equal(code, 1)
  t.match(out, [
    /^a: failed after .*: file: the secret file no cannot/,
    FAILED,
    'FAILED: not every source could be read',
    '',
  ])
  t.match(await check('--probe', '--syntax-only'), {
    code: 2,
    err: ['--syntax-only: cannot be combined with --probe; leave one out', ''],
  })
})

t.test(
  'a target template without a port is a warning, unless its address is that of no exporter',
  async (t) => {
    const warning = (index: number, text: string) =>
      `targets[${index}]: "${text}" has no port; an address without a port is served as it is, and scraped at port 80, or 443 with https. Write "${text}:9100", unless the field has the port, or a rule in Prometheus moves the address to __param_target`
    const rows: [targets: string, warnings: string[]][] = [
      ['["{hostname}"]', [warning(0, '{hostname}')]],
      ['["{a}:1", { address: "{name}.example" }]', [warning(1, '{name}.example')]],
      ['["{a|b}"]', [warning(0, '{a|b}')]],
      ['["{a}:{b}"]', []],
      ['["https://{a}/health", "{a}/foo"]', []],
      ['[{ url: "{a}" }]', []],
      ['["{a}"]\nrelabel_configs: [{ target_label: __address__, replacement: "snmp:9116" }]', []],
    ]
    for (const [targets, warnings] of rows) {
      const { check } = configured(t, `http: { url: http://a }\ntargets: ${targets}`)
      const { code, out } = await check()
      t.same(
        [code, out],
        [0, [...warnings.map((text) => `WARNING: source a: ${text}`), SUCCESS, '']],
        targets,
      )
    }
  },
)

t.test('a target template without a field is a warning that says what to write', async (t) => {
  const rows: [targets: string, warnings: string[]][] = [
    [
      '["hostname:9100"]',
      [
        'targets[0]: "hostname:9100" has no field, so every record gives this same address; write "{hostname}:9100"',
      ],
    ],
    [
      '["{a}:1", { address: store.ip }]',
      [
        'targets[1]: "store.ip" has no field, so every record gives this same address; write "{store.ip}:9100"',
      ],
    ],
    [
      '["10.0.0.1:9100"]',
      [
        'targets[0]: "10.0.0.1:9100" has no field, so every record gives this same address; write "{hostname}:9100"',
      ],
    ],
    [
      '[{ url: "http://a/b" }]',
      ['targets[0]: "http://a/b" has no field, so every record gives this same address; write "{url}"'],
    ],
    [
      '["a:1"]\nlabels: { __param_module: b, c: "{d}" }',
      ['targets[0]: "a:1" has no field, so every record gives this same address; write "{a}:1"'],
    ],
    [
      '["a:1"]\nrelabel_configs: [{ target_label: b, replacement: c }]',
      ['targets[0]: "a:1" has no field, so every record gives this same address; write "{a}:1"'],
    ],
    // The address of an exporter that is told what to look at.
    ['["snmp:9116"]\nlabels: { __param_target: "{ip}" }', []],
    ['[{ address: "snmp:9116", labels: { __param_target: "{ip}" } }]', []],
    ['["snmp:9116"]\nmeta_labels: true', []],
    [
      '["a:1"]\nlabels: { b: "{c}" }\nrelabel_configs: [{ source_labels: [b], target_label: __address__ }]',
      [],
    ],
  ]
  for (const [targets, warnings] of rows) {
    const { check } = configured(t, `http: { url: http://a }\ntargets: ${targets}`)
    const { code, out } = await check()
    t.same([code, out], [0, [...warnings.map((text) => `WARNING: source a: ${text}`), SUCCESS, '']], targets)
  }
})

t.test('check reads the web configuration file too, alone or beside the other one', async (t) => {
  const { check, folder } = configured(t, 'http: { url: http://a }')
  const web = (text: string) => {
    writeFileSync(join(folder, 'web.yml'), text)
    return `--web.config.file=${join(folder, 'web.yml')}`
  }
  const fine = 'SUCCESS: the web configuration is valid'
  t.match(await check(web('rate_limit: { interval: 1s, burst: 5 }')), { code: 0, out: [SUCCESS, fine, ''] })
  t.match(await runHere(['check', web('')]), { code: 0, out: `${fine}\n`, err: '' })
  for (const token of ['token', 'other']) writeFileSync(join(folder, token), token.repeat(32))
  t.match(
    await check(
      web(
        'bearer_tokens: [{ name: shop, token_file: token, sources: [a, typo] }, { name: all, token_file: other }]',
      ),
    ),
    { code: 0, out: [SUCCESS, /^WARNING: .*web\.yml: shop may read typo/, fine, ''] },
    'no source has this name',
  )
  const wrong = await check(web('basic_auth_users: { dave: secret }'))
  t.match(wrong, { code: 2, err: [/^web\.yml:1:27: basic_auth_users\.dave: <secret> is not /, ''] })
  const named = web('tls_server_config: { cert_file: no, key_file: no }')
  t.match(await check(named), { code: 2, err: [/tls_server_config\.cert_file: .*ENOENT/, /key_file: /, ''] })
  t.match(await check(named, '--syntax-only'), { code: 0 }, 'unless told not to')
  t.match(await check('--web.config.file=nowhere'), {
    code: 2,
    err: [/^--web\.config\.file: nowhere cannot be read: ENOENT/, ''],
  })
  t.match(await check(`--web.config.file=${folder}`), { code: 2, err: [/cannot be read: E/, ''] })
})

/** What is wrong with keys that exporters do not have, and where. */
const WEB_FAULTS: readonly (readonly [text: string, place: RegExp])[] = [
  ['tls_server_config: {', /:\d+:\d+: not valid YAML/],
  ['rate_limit: { interval: soon }', /:1:25: rate_limit\.interval: "soon" is not a duration/],
  ['bearer_tokens: [{ name: a, token_file: no }]', /bearer_tokens\[0\]\.token_file: .*ENOENT/],
  ['bearer_tokens: [{ name: a, token_file: empty }]', /bearer_tokens\[0\]\.token_file: "empty" has no token/],
  ['bearer_tokens: [{ name: a, token_file: short }]', /"short" has a token in line 2 of fewer than 16/],
  ['bearer_tokens: [{ name: a, token_file: blank }]', /"blank" has a character in line 1/],
  ['bearer_tokens: [{ name: a, token_file: . }]', /bearer_tokens\[0\]\.token_file: .* cannot be read: E/],
  [
    'bearer_tokens: [{ name: a, token_file: twice }, { name: b, token_file: twice }]',
    /:1:\d+: bearer_tokens\[1\]\.token_file: has a token that bearer_tokens\[0\] has too/,
  ],
  ['bearer_tokens: [{ name: a, token_file: twice, may: [write] }]', /may\[0\]: "write" is not /],
  [
    'basic_auth_users: { "a:b": $2y$04$EkcFz2cXaSPh/oLwRkO0ReXCBepeAZxj63aisCYmCBqgTJJIjH7Ny }',
    /basic_auth_users\.a:b: a user name cannot contain a colon/,
  ],
  ['basic_auth_users: { a: { may: [read] } }', /basic_auth_users\.a\.hash: is missing/],
  ['allowed_hosts: ["http://a"]', /allowed_hosts\[0\]: "http:\/\/a" is not a host name/],
  ['tls_server_config: { cert: a, key: b }', /tls_server_config\.cert: TLS cannot be used: /],
  ['tls_server_config: { cert: a, key: b, client_allowed_sans: [a] }', /client_allowed_sans: has no effect/],
  ['tls_server_config: { cert: a, key: b, client_ca: c }', /client_ca: has no effect/],
  [
    'tls_server_config: { cert: a, key: b, client_ca: c, client_auth_type: RequestClientCert }',
    /there is no certificate in client_ca/,
  ],
  [
    'tls_server_config: { cert: a, key: b, min_version: TLS13, max_version: TLS12 }',
    /max_version: TLS12 is older than min_version/,
  ],
]

t.test('each mistake in a web configuration file is told with its place, and no token is', async (t) => {
  const token = 'f'.repeat(40)
  const folder = t.testdir({
    empty: '\n',
    short: `${token}\nshort-token\n`,
    blank: 'a token in words\n',
    twice: `${token}\n${token}\n`,
  })
  const path = join(folder, 'web.yml')
  for (const [text, place] of WEB_FAULTS) {
    writeFileSync(path, text)
    const { code, err } = await runHere(['check', `--web.config.file=${path}`])
    t.equal(code, 2)
    t.match(err, place)
    t.notMatch(err, token)
  }
})

t.test('a mistake in a web configuration file hides no file that cannot be read', async (t) => {
  const path = join(t.testdir(), 'web.yml')
  const rows: [text: string, places: string[]][] = [
    [
      'tls_server_config: { cert_file: no, key_file: no, min_versio: TLS13 }\nrate_limit: { burst: 1.5 }\nbearer_tokens: [{ name: a, token_file: no }]',
      [
        'tls_server_config.min_versio',
        'rate_limit.burst',
        'tls_server_config.cert_file',
        'bearer_tokens[0].token_file',
        'tls_server_config.key_file',
      ],
    ],
    [
      'tls_server_config: { cert: a, key: b, client_ca: c, client_auth_type: 5 }',
      ['tls_server_config.client_auth_type'],
    ],
    ['tls_server_config: 5', ['tls_server_config']],
  ]
  for (const [text, places] of rows) {
    writeFileSync(path, text)
    const { err } = await runHere(['check', `--web.config.file=${path}`])
    const found = err
      .trim()
      .split('\n')
      .map((line) => /web\.yml:\d+:\d+: (\S+): /.exec(line)?.[1])
    t.same(found, places, text)
  }
})

t.test('durations of a rate limit are as Go takes them, and headers may be aliases', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'web.yml')
  for (const text of [
    'rate_limit: { interval: 1s }',
    'rate_limit: { interval: "0", burst: 1 }',
    'rate_limit: { interval: 1000000, burst: 1 }',
    'rate_limit: { interval: 1m30.5s, burst: 1 }',
    'http_server_config: { headers: { X-XSS-Protection: &a 1, Content-Security-Policy: *a } }',
  ]) {
    writeFileSync(path, text)
    t.match(await runHere(['check', `--web.config.file=${path}`]), { code: 0, err: '' }, text)
  }
  t.match(await runHere(['check', '--web.config.file=']), { code: 2, err: /^--web\.config\.file: "" is not/ })
})
