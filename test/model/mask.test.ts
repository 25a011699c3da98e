import t from 'tap'
import type { Labels } from '../../src/model/labels.ts'
import { createMasker } from '../../src/model/mask.ts'
import { maskText } from '../../src/model/mask-text.ts'
import { abridge } from '../../src/model/nested.ts'
import type { Json } from '../../src/model/record.ts'
import { isSecretName } from '../../src/model/secret-names.ts'

t.test('names of secrets, and names that are none', async (t) => {
  const secret = `password Password PASSWD userPassword db_pass pass passphrase passwort secret client_secret
    clientSecret token auth-token accessToken api_key apikey x-api-key apiKey private_key ssh_private_key access_key
    credential credentials creds community snmp_community snmpCommunity communities authorization Authorization
    ssh_key tls-key clientKey hmac_key keytab dsn totp sas_token cookie set-cookie psk wpa_psk preSharedKey auth auth_key priv_key jwt pwd connectionString
    __meta_inventory_password __param_token`
  const open = `key id keys public_key host_key keyboard name hostname site status passive bypass compass passenger
    auth_protocol author port serial __address__ __meta_rollcall_source __param_auth monkey`
  for (const name of secret.split(/\s+/)) t.ok(isSecretName(name), name)
  for (const name of open.split(/\s+/)) t.notOk(isSecretName(name), name)
})

t.test('secrets that are known by their form', async (t) => {
  const rows: [name: string, text: string, masked: string][] = [
    ['user and password', 'http://admin:hunter2@cam/x', 'http://<secret>@cam/x'],
    ['a token as user', 'https://ghp_abc@host/', 'https://<secret>@host/'],
    ['a percent sign that is none', 'http://a%zz:b@host', 'http://<secret>@host'],
    ['a parameter', 'http://cam/s?a=1&token=abc&b=2', 'http://cam/s?a=1&token=<secret>&b=2'],
    ['JSON in a text', '{"password": "hunter2", "a": 1}', '{"password": "<secret>", "a": 1}'],
    ['a note', 'Password: hunter2, ask Ann', 'Password: <secret>, ask Ann'],
    [
      'other credentials of a header',
      'curl -H "Authorization: Basic Ym9iOnB3"',
      'curl -H "Authorization: Basic <secret>"',
    ],
    ['a bearer token', 'Authorization is Bearer abcdefgh1234', 'Authorization is Bearer <secret>'],
    ['PEM', 'a -----BEGIN KEY-----\nMII\n-----END KEY----- b', 'a <secret> b'],
    ['PEM that was cut', '-----BEGIN KEY-----\nMII', '<secret>'],
    ['a JSON Web Token', 'it is eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln!', 'it is <secret>!'],
    ['a token of GitHub', `ghp_${'a1'.repeat(18)} here`, '<secret> here'],
    ['a token of GitLab', `in glpat-${'a1'.repeat(10)}`, 'in <secret>'],
    ['a key of AWS', 'AKIAIOSFODNN7EXAMPLE', '<secret>'],
    ['a token of Vault', `hvs.${'a1'.repeat(12)}`, '<secret>'],
    ['a connection string', 'Server=db;Uid=u;Pwd=hunter2;', 'Server=db;Uid=u;Pwd=<secret>;'],
    ['a shared signature', 'https://x.example/?sv=1&sig=abc%3D', 'https://x.example/?sv=1&sig=<secret>'],
    ['a word that begins like one', 'task-manager, skiing', 'task-manager, skiing'],
    ['an address', 'token:9100', 'token:9100'],
    ['a URL without a user', 'http://host:80/a@b', 'http://host:80/a@b'],
    ['plain text', 'Berlin, rack 7', 'Berlin, rack 7'],
  ]
  for (const [name, text, masked] of rows)
    t.equal(
      maskText(text, () => {}),
      masked,
      name,
    )
})

const shown = (record: Json) => createMasker(record).value(record)

t.test('a record is shown without its secrets, wherever they stand', async (t) => {
  const rows: [name: string, record: Json, masked: Json][] = [
    ['a field', { host: 'a', password: 'x' }, { host: 'a', password: '<secret>' }],
    ['a number', { pin: 1, passcode: 1234 }, { pin: 1, passcode: '<secret>' }],
    ['the same number again', { passcode: 1234, port: 1234 }, { passcode: '<secret>', port: '<secret>' }],
    ['all below a field', { credentials: { user: 'u', pw: ['x'] } }, { credentials: '<secret>' }],
    ['deep inside', { a: [{ b: { token: 'x' } }] }, { a: [{ b: { token: '<secret>' } }] }],
    [
      'that there is none is no secret',
      { token: null, password: '', has_secret: true },
      { token: null, password: '', has_secret: true },
    ],
    [
      'a name beside its value',
      [
        { name: 'snmp_community', value: 'c4n' },
        { Key: 'site', Value: 'x' },
      ],
      [
        { name: 'snmp_community', value: '<secret>' },
        { Key: 'site', Value: 'x' },
      ],
    ],
    [
      'the same value elsewhere',
      { password: 'hunter2', note: 'it is HUNTER2!', hunter2: 1 },
      { password: '<secret>', note: 'it is <secret>!', '<secret>': 1 },
    ],
    ['a short one only where it stands', { pw: 'abc', note: 'abc' }, { pw: '<secret>', note: 'abc' }],
    [
      'the user and password of a URL',
      { url: 'http://ann:hunt%65r2@cam', note: 'hunter2 and hunt%65r2' },
      { url: 'http://<secret>@cam', note: '<secret> and <secret>' },
    ],
    [
      'the longer of two',
      { token: 'abcdef', psk: 'abcd', note: 'abcdef' },
      { token: '<secret>', psk: '<secret>', note: '<secret>' },
    ],
    [
      'special characters',
      { token: 'a.*[b', note: 'a.*[b aXXb' },
      { token: '<secret>', note: '<secret> aXXb' },
    ],
    [
      'a secret called secret',
      { token: 'secret', password: 'x' },
      { token: '<secret>', password: '<secret>' },
    ],
    ['a bare text', 'http://u:hunter2@cam', 'http://<secret>@cam'],
    ['a bare number', 5, 5],
  ]
  for (const [name, record, masked] of rows) t.same(shown(record), masked, name)
})

t.test('labels are masked by their names, and by what is masked in the record', async (t) => {
  const labels: Labels = [
    ['__meta_inventory_password', 'hunter2'],
    ['login', 'ann/hunter2'],
    ['token', 'from elsewhere'],
  ]
  const masker = createMasker({ password: 'hunter2', x: 'from elsewhere' }, [labels])
  t.same(masker.labels(labels), {
    __meta_inventory_password: '<secret>',
    login: 'ann/<secret>',
    token: '<secret>',
  })
  t.equal(masker.text('x is from elsewhere'), 'x is <secret>', 'what a label calls a secret is one')
})

t.test('not even the beginning of a secret is left where a text was cut', async (t) => {
  const masker = createMasker({ password: 'hunter2 "quoted"' })
  t.equal(masker.text('label x: "aaa hunter… is too long'), 'label x: "aaa <secret>… is too long')
  t.equal(masker.text('label x: "hunter2 \\"quo… is'), 'label x: "<secret>… is', 'also as JSON writes it')
  t.equal(masker.text('hun… is'), 'hun… is', 'too short to tell')
  t.equal(masker.text('nothing of it… is'), 'nothing of it… is')
})

t.test('with more secrets than can be looked for, nothing is shown', async (t) => {
  const many = Object.fromEntries(
    Array.from({ length: 1_001 }, (_, index) => [`token${index}`, `t0ken${index}`]),
  )
  t.equal(createMasker(many).text('anything'), '<secret>')
  t.equal(createMasker({ token: 'x'.repeat(70_000) }).text('any\nthing'), '<secret>')
})

t.test('what is large is cut, and says so', async (t) => {
  const list = abridge(Array.from({ length: 5_000 }, (_, index) => index)) as Json[]
  t.equal(list.length, 1_000)
  t.equal(list.at(-1), '4001 more')
  const wide = abridge(Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`k${index}`, 1])))
  t.equal((wide as Record<string, Json>)['…'], '4001 more')
  let deep: Json = 'bottom'
  for (let level = 0; level < 50_000; level++) deep = { deeper: deep }
  t.match(JSON.stringify(abridge(deep)), /^(\{"deeper":){32}"…"\}{32}$/)
  const long = shown('x'.repeat(3_000)) as string
  t.equal(long.length, 2_001)
  t.match(long, /x…$/)
  t.doesNotThrow(() => createMasker(deep), 'however deep')
})
