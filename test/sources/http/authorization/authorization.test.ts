import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Secret } from '../../../../src/base/secret.ts'
import { diskFiles } from '../../../helpers/files.ts'
import { httpReader } from '../../../helpers/http-reader.ts'
import { inventoryServer } from '../../../helpers/inventory-server.ts'

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`

t.test('basic_auth sends user and password, from the configuration or from files', async (t) => {
  const inventory = await inventoryServer(t)
  const folder = t.testdir({ user: 'from file\n', password: 'pässword\n' })
  const rows = [
    [{ username: Secret.of('user'), password: Secret.of('p:ss') }, 'user:p:ss'],
    [{ username: Secret.of('key'), password: undefined }, 'key:'],
    [{ username: undefined, password: Secret.of('pass') }, ':pass'],
    [
      {
        username: Secret.file(join(folder, 'user'), diskFiles),
        password: Secret.file(join(folder, 'password'), diskFiles),
      },
      'from file:pässword',
    ],
  ] as const
  for (const [index, [options, pair]] of rows.entries()) {
    await httpReader(t, inventory.url, { authorization: { kind: 'basic_auth', ...options } })()
    t.equal(inventory.requests[index]?.headers.authorization, basic(pair), pair)
  }
})

t.test('authorization sends its type and credentials', async (t) => {
  const inventory = await inventoryServer(t)
  const authorization = { kind: 'authorization', type: 'Token', credentials: Secret.of('t0ken') } as const
  await httpReader(t, inventory.url, { authorization })()
  t.equal(inventory.requests[0]?.headers.authorization, 'Token t0ken')
})

t.test('a password, credentials or header in a file may be rotated between two reads', async (t) => {
  const inventory = await inventoryServer(t)
  const path = join(t.testdir({ secret: 'first' }), 'secret')
  const secret = Secret.file(path, diskFiles)
  const headers = [{ name: 'x-token', values: [secret] }]
  const [read, readBasic] = [
    httpReader(t, inventory.url, {
      headers,
      authorization: { kind: 'authorization', type: 'Bearer', credentials: secret },
    }),
    httpReader(t, inventory.url, {
      authorization: { kind: 'basic_auth', username: Secret.of('u'), password: secret },
    }),
  ]
  for (const value of ['first', 'second']) {
    writeFileSync(path, `${value}\n`)
    await read()
    t.match(inventory.requests.at(-1)?.headers, { authorization: `Bearer ${value}`, 'x-token': value })
    await readBasic()
    t.equal(inventory.requests.at(-1)?.headers.authorization, basic(`u:${value}`))
  }
})

t.test('http_headers are sent once for each value, and may replace what Rollcall sends', async (t) => {
  const inventory = await inventoryServer(t)
  const path = join(t.testdir({ three: 'drei – three\n' }), 'three')
  const value = (text: string) => [Secret.of(text)]
  const headers = [
    { name: 'x-many', values: [Secret.of('one'), Secret.of('two'), Secret.file(path, diskFiles)] },
    { name: 'accept', values: value('application/vnd.inventory+json') },
    { name: 'user-agent', values: value('mine/1') },
  ]
  await httpReader(t, inventory.url, { headers })()
  const [request] = inventory.requests
  const many = request?.rawHeaders.flatMap((text, index, all) => (all[index - 1] === 'x-many' ? [text] : []))
  t.same(
    many?.map((text) => Buffer.from(text, 'latin1').toString()),
    ['one', 'two', 'drei – three'],
    'in UTF-8, as Go sends them',
  )
  t.match(request?.headers, { accept: 'application/vnd.inventory+json', 'user-agent': 'mine/1' })
})

t.test('53: a line break in a secret fails the refresh and never gets into a request', async (t) => {
  const inventory = await inventoryServer(t)
  const path = join(t.testdir({ token: 'abcd\r\nX-Admin: yes' }), 'token')
  const secret = Secret.file(path, diskFiles)
  const credentials = { kind: 'authorization', type: 'Bearer', credentials: secret } as const
  const rows = [
    [{ authorization: credentials }, /authorization: .*token contains a line break/],
    [
      { headers: [{ name: 'x-token', values: [secret] }] },
      /the header x-token: .*token contains a line break/,
    ],
    [{ headers: [{ name: 'x-token', values: [Secret.of('a\nb')] }] }, /its value contains a line break/],
  ] as const
  for (const [options, message] of rows) {
    await t.rejects(httpReader(t, inventory.url, options)(), { reason: 'file', message })
  }
  t.equal(inventory.requests.length, 0)
})

t.test('a secret file that is missing or empty fails the refresh', async (t) => {
  const inventory = await inventoryServer(t)
  const folder = t.testdir({ empty: ' \n' })
  for (const [file, message] of [
    ['missing', /^GET .*: the secret file .*missing cannot be read: ENOENT/],
    ['empty', /^GET .*: the secret file .*empty is empty/],
  ] as const) {
    const credentials = Secret.file(join(folder, file), diskFiles)
    const authorization = { kind: 'authorization', type: 'Bearer', credentials } as const
    await t.rejects(httpReader(t, inventory.url, { authorization })(), { reason: 'file', message })
  }
  t.equal(inventory.requests.length, 0)
})

t.test('a 401 says which setting the credentials come from, without secrets', async (t) => {
  const inventory = await inventoryServer(t)
  inventory.handle((_request, response) => response.writeHead(401).end())
  const file = join(t.testdir({ token: 'hunter2' }), 'token')
  const [inFile, inConfig] = [Secret.file(file, diskFiles), Secret.of('hunter2')]
  const url = new URL(inventory.url)
  url.password = 'hunter2'
  const header = { name: 'X-Key', values: [inConfig] }
  const rows: [options: Parameters<typeof httpReader>[2], url: URL, told: string][] = [
    [{}, inventory.url, 'none were sent'],
    [{}, url, 'those of the user and password in url were sent'],
    [{ headers: [header] }, inventory.url, 'those of http_headers were sent'],
    [
      { authorization: { kind: 'authorization', type: 'Bearer', credentials: inFile }, headers: [header] },
      inventory.url,
      `those of authorization.credentials_file ${file} and http_headers were sent`,
    ],
    [
      { authorization: { kind: 'authorization', type: 'Bearer', credentials: inConfig } },
      inventory.url,
      'those of authorization.credentials were sent',
    ],
    [
      { authorization: { kind: 'basic_auth', username: inConfig, password: inFile } },
      inventory.url,
      `those of basic_auth.username and basic_auth.password_file ${file} were sent`,
    ],
    [
      { authorization: { kind: 'basic_auth', username: undefined, password: inFile } },
      inventory.url,
      `those of basic_auth.password_file ${file} were sent`,
    ],
  ]
  for (const [options, url, told] of rows) {
    const message = `HTTP 401; check the credentials that the inventory expects; ${told}`
    await t.rejects(httpReader(t, url, options)(), { message }, told)
  }
})

t.test('a 401 to what cannot be renewed is asked once', async (t) => {
  const inventory = await inventoryServer(t)
  inventory.handle((_request, response) => response.writeHead(401).end())
  const authorization = {
    kind: 'authorization',
    type: 'Bearer',
    credentials: Secret.of('wrong-token'),
  } as const
  await t.rejects(httpReader(t, inventory.url, { authorization })(), { reason: 'auth', message: /HTTP 401/ })
  t.equal(inventory.requests.length, 1)
})

t.test(
  '52: a redirect to another origin drops credentials and headers, also when it leads back',
  async (t) => {
    const [inventory, other] = [await inventoryServer(t), await inventoryServer(t)]
    const headers = [
      { name: 'x-token', values: [Secret.of('secret')] },
      { name: 'cookie', values: [Secret.of('session=1')] },
      { name: 'accept', values: [Secret.of('text/secret')] },
    ]
    const authorization = { kind: 'authorization', type: 'Bearer', credentials: Secret.of('t0ken') } as const
    inventory.handle((request, response) => {
      if (request.url === '/back') return response.end('["back"]')
      const location = request.url === '/inventory' ? '/again' : other.url.href
      return response.writeHead(302, { location }).end()
    })
    other.handle((_request, response) =>
      response.writeHead(302, { location: `${inventory.url.origin}/back` }).end(),
    )
    t.match(await httpReader(t, inventory.url, { headers, authorization })(), { kind: 'documents' })
    const all = { authorization: 'Bearer t0ken', 'x-token': 'secret', cookie: 'session=1' }
    t.match(inventory.requests[1], { url: '/again', headers: all }, 'the same origin gets everything')
    for (const request of [other.requests[0], inventory.requests[2]]) {
      t.match(request?.headers, { accept: 'application/json', 'user-agent': 'Rollcall/test' })
      for (const name of Object.keys(all)) t.equal(request?.headers[name], undefined, name)
    }
  },
)
