import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { start } from '../helpers/cli.ts'
import { runHere } from '../helpers/commands.ts'
import { type Handler, inventoryServer } from '../helpers/inventory-server.ts'
import { tokenServer } from '../helpers/token-server.ts'
import { until } from '../helpers/until.ts'

const CANARY = 'hunter2-canary'

function clean(t: Test, what: string, text: string): void {
  t.notMatch(text, CANARY, what)
  t.notMatch(text, Buffer.from(`:${CANARY}`).toString('base64').slice(4, -4), `${what}, in base64`)
}

/** A configuration with a secret in every place, and the folder that it is in. */
function configure(t: Test, inventory: URL, login: URL): string {
  const folder = t.testdir()
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'secret'), `${CANARY}\n`)
  const url = inventory.href
  const plants: Record<string, object> = {
    password: { url: `http://user:${CANARY}@${inventory.host}/` },
    query: { url: `${url}?token=\${CANARY}` },
    basic: { url, basic_auth: { username: CANARY, password: '${CANARY}' } },
    bearer: { url, authorization: { credentials: CANARY } },
    file: { url, authorization: { credentials_file: 'secret' } },
    header: { url, http_headers: { 'X-Token': { secrets: [CANARY] } } },
    oauth: { url, oauth2: { client_id: 'a', client_secret: CANARY, token_url: login.href } },
    login: { url, login: { url: login.href, body: { password: CANARY }, token: 'access_token' } },
    proxy: { url: 'http://inventory.invalid/', proxy_url: `http://user:${CANARY}@${inventory.host}` },
  }
  const sources: object[] = Object.entries(plants).map(([name, http]) => ({ name, http }))
  sources.push({ name: 'push', push: { token_file: 'secret' }, required: false })
  const path = join(folder, 'rollcall.yml')
  writeFileSync(path, stringify({ global: { refresh_interval: '1h' }, sources }))
  return path
}

const failures: Record<string, Handler> = {
  'an error that quotes': (request, response) =>
    response.writeHead(500, { 'x-echo': CANARY }).end(`${request.headers.authorization} ${CANARY}`),
  'a redirect that quotes': (_request, response) =>
    response.writeHead(302, { location: `/?token=${CANARY}` }).end(),
  'a refusal': (_request, response) => response.writeHead(401).end(CANARY),
}

t.test('51: a server tells a secret in no place, whether its inventories work or fail', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const login = await tokenServer(t)
  const path = configure(t, inventory.url, login.url)
  const server = await start(
    t,
    [`--config.file=${path}`, '--web.enable-lifecycle', '--log.level=debug', `--storage.path=`],
    { CANARY },
  )
  const { url, child, ended } = server
  const everywhere = async (what: string) => {
    for (const place of ['/', '/targets', '/health', '/ready', '/metrics', '/api/v1/explain?q=a', '/x']) {
      const answer = await fetch(`${url}${place}`)
      clean(t, `${what}: ${place}`, `${JSON.stringify([...answer.headers])} ${await answer.text()}`)
    }
  }
  await until('a list is served', async () => (await fetch(`${url}/targets/bearer`)).status === 200)
  await everywhere('it works')
  for (const [what, handler] of Object.entries(failures)) {
    inventory.handle(handler)
    const answer = await fetch(`${url}/-/refresh`, { method: 'POST' })
    t.equal(answer.status, 502, what)
    clean(t, `${what}: the refresh`, await answer.text())
    await everywhere(what)
  }
  for (const token of [CANARY, `${CANARY}-wrong`]) {
    for (const body of ['{"address":"a:1"}', CANARY]) {
      const headers = { authorization: `Bearer ${token}` }
      const place = `${url}/api/v1/sources/push/instances/a`
      const answer = await fetch(place, { method: 'PUT', headers, body })
      clean(
        t,
        `registering: ${answer.status}`,
        `${JSON.stringify([...answer.headers])} ${await answer.text()}`,
      )
    }
  }
  await everywhere('devices registered')
  writeFileSync(path, `sources:\n  - name: a\n    http: { url: "http://user:${CANARY}@:99999999/" }\n`)
  const reloaded = await fetch(`${url}/-/reload`, { method: 'POST' })
  t.equal(reloaded.status, 500)
  clean(t, 'a reload that fails', await reloaded.text())
  child.kill('SIGTERM')
  await ended
  t.match(server.err(), /refresh failed/)
  clean(t, 'the log', server.err() + server.out())
})

t.test('51: no command tells a secret', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const login = await tokenServer(t)
  const path = configure(t, inventory.url, login.url)
  inventory.handle(failures['an error that quotes'] as Handler)
  const commands: [command: 'check' | 'targets' | 'explain', ...args: string[]][] = [
    ['check'],
    ['check', '--probe'],
    ['targets'],
    ['explain', 'a'],
  ]
  for (const [command, ...args] of commands) {
    const { out, err } = await runHere([command, ...args, `--config.file=${path}`], { CANARY })
    t.not(out + err, '', [command, ...args].join(' '))
    clean(t, [command, ...args].join(' '), out + err)
  }
})

t.test('89: a secret of a record is in no place, whatever its field is called', async (t) => {
  const dsn = `postgres://app:${CANARY}@db/x`
  const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl'
  const secrets = {
    snmp_community: CANARY,
    totp: `${CANARY}-totp`,
    backup: dsn,
    session: jwt,
    notes: `login: root, password=${CANARY}`,
    tls: { client_key: `-----BEGIN PRIVATE KEY-----\n${CANARY}\n-----END PRIVATE KEY-----` },
  }
  const inventory = await inventoryServer(t, [
    { host: 'good', site: 'berlin', ...secrets },
    // Quarantined, and told with what is wrong: in a port, in a host, as the key of the record.
    { id: `${CANARY}-totp`, host: 'b', port: CANARY, ...secrets },
    { id: 3, host: { name: CANARY }, ...secrets },
    { id: 4, host: `c\u0001${CANARY}`, ...secrets },
  ])
  const folder = t.testdir()
  const path = join(folder, 'rollcall.yml')
  const source = {
    name: 'a',
    http: { url: inventory.url.href },
    targets: ['{host}:{port|9100}'],
    labels: { community: '{snmp_community}' },
    meta_labels: true,
  }
  writeFileSync(path, stringify({ global: { refresh_interval: '1h' }, sources: [source] }))
  const server = await start(t, [`--config.file=${path}`, '--log.level=debug', '--storage.path='])
  const get = async (place: string) => (await fetch(`${server.url}${place}`)).text()
  await until('a list is served', async () => (await get('/health')).includes('"rejected"'))
  await until('records are quarantined', async () => (await get('/api/v1/sources')).includes('invalid_port'))
  for (const place of [
    '/health',
    '/api/v1/sources',
    '/api/v1/changes',
    '/metrics',
    '/',
    '/api/v1/explain?q=bad',
    '/api/v1/explain?q=good',
    '/api/v1/explain?q=berlin',
  ]) {
    const text = await get(place)
    clean(t, place, text)
    t.notMatch(text, /eyJhbGci|BEGIN PRIVATE/, place)
  }
  // Only what is configured as a label is served: labels are there for all to see.
  const [group] = JSON.parse(await get('/targets')) as [{ labels: Record<string, string> }]
  t.match(group.labels, { __meta_inventory_site: 'berlin', community: CANARY })
  const { community, ...others } = group.labels
  clean(t, 'other labels', JSON.stringify(others))
  t.notMatch(JSON.stringify(others), 'eyJhbGci')
  t.match(server.err(), /records quarantined/)
  clean(t, 'the log', server.err())
})
