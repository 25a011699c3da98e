import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { acceptHeld, heldDigests } from '../helpers/accept.ts'
import { type Running, start } from '../helpers/cli.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { createScope } from '../helpers/scope.ts'
import { until } from '../helpers/until.ts'

const TOKEN = 'one-token'

// Mostly waiting for time to pass, so they wait together.
t.jobs = 4

/** A folder with a token, and servers with a push source that keep what they know in it. */
async function pushing(t: Test) {
  // Removed after the servers have ended, which write into it until then; the folder of a test is removed before.
  const scope = createScope()
  t.teardown(scope.end)
  const folder = scope.testdir()
  writeFileSync(join(folder, 'token'), `${TOKEN}\n`)
  const config = join(folder, 'rollcall.yml')
  const file = join(folder, 'data', 'push', 'devices.journal')
  const write = (push: string, more = '') =>
    writeFileSync(
      config,
      `global: { refresh_interval: 500ms }\nsources:\n  - name: devices\n    push: ${push}\n    labels: { instance: "{id}" }\n${more}`,
    )
  write('{ token_file: token, ttl: 2s }')
  const serve = (...flags: string[]) =>
    start(t, [
      `--config.file=${config}`,
      `--storage.path=${join(folder, 'data')}`,
      '--web.enable-lifecycle',
      ...flags,
    ])
  return {
    folder,
    file,
    write,
    serve,
    isKept: (id: string) => existsSync(file) && readFileSync(file, 'utf8').includes(`"${id}"`),
  }
}

/** Registers an instance, or makes it leave. */
function device(
  { url }: Pick<Running, 'url'>,
  id: string,
  { ttl = '1h', token = TOKEN, method = 'PUT' } = {},
) {
  return fetch(`${url}/api/v1/sources/devices/instances/${id}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(method === 'PUT' && { body: JSON.stringify({ address: `${id}:9100`, labels: { site: 's1' }, ttl }) }),
  })
}

/** The addresses that are served, or the status. */
async function addresses({ url }: Pick<Running, 'url'>): Promise<string> {
  const answer = await fetch(`${url}/targets/devices`)
  if (answer.status !== 200) return String(answer.status)
  const groups = (await answer.json()) as { targets: string[] }[]
  return groups
    .flatMap(({ targets }) => targets)
    .sort()
    .join()
}

const serves = (server: Pick<Running, 'url'>, wanted: string) =>
  until(`${wanted} is served`, async () => {
    const found = await addresses(server)
    if (found !== wanted) throw new Error(found)
    return true
  })

/** Waits for an answer that has a text, and returns it. */
const answers = (url: string, wanted: RegExp) =>
  until(`${url} answers ${wanted}`, async () => {
    const text = await (await fetch(url)).text()
    if (!wanted.test(text)) throw new Error(text)
    return text
  })

async function end({ child, ended }: Running, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal)
  await ended
}

t.test(
  'devices that registered are served after a restart and after a crash, with nothing lost',
  async (t) => {
    const { serve, isKept } = await pushing(t)
    const first = await serve()
    for (const id of ['a', 'b', 'c']) t.equal((await device(first, id)).status, 201)
    t.equal((await fetch(`${first.url}/ready`)).status, 200, 'or no device would reach it')
    await serves(first, 'a:9100,b:9100,c:9100')
    const labelled = /"labels":\{[^}]*"instance":"a","site":"s1"\}/
    t.match(await answers(`${first.url}/targets`, labelled), labelled)
    t.equal((await device(first, 'd')).status, 201)
    await end(first, 'SIGTERM')

    const second = await serve()
    await serves(second, 'a:9100,b:9100,c:9100,d:9100')
    t.equal((await device(second, 'a')).status, 200, 'it is known')
    t.equal((await device(second, 'b', { method: 'DELETE' })).status, 204)
    t.equal((await device(second, 'e')).status, 201)
    t.ok(isKept('e'))
    await end(second, 'SIGKILL')

    const third = await serve()
    await serves(third, 'a:9100,c:9100,d:9100,e:9100')
    // Before the first reading the verdict says how old the list is.
    const explained = /"verdict": "served as e:9100"/
    t.match(await answers(`${third.url}/api/v1/explain?q=e`, explained), explained)
  },
)

t.test('one that dies disappears within its time to live, and all of them at once are held', async (t) => {
  const { serve, write } = await pushing(t)
  write('{ token_file: token, ttl: 2s }\n    guard: { hold: 3s }')
  const server = await serve()
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await device(server, id)
  await device(server, 'dying', { ttl: '1s' })
  await until('it has run out', () => server.err().includes('"ids":["dying"]'))
  await serves(server, 'a:9100,b:9100,c:9100,d:9100,e:9100,f:9100')
  // At the same time, so that they run out at the same time.
  await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((id) => device(server, id, { ttl: '1s' })))
  t.equal((await heldDigests(server.url, 'devices')).length, 1)
  t.match(server.err(), /"source":"devices","reason":"too_many","targets":6,.*"msg":"targets held"/)
  t.equal(await addresses(server), 'a:9100,b:9100,c:9100,d:9100,e:9100,f:9100')
  await serves(server, '')
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  t.equal(
    seriesValue(metrics, 'rollcall_push_registrations_total', { source: 'devices', result: 'expired' }),
    7,
  )
})

t.test('a reload keeps what devices registered, or takes it away with the source', async (t) => {
  const { serve, write, file, folder, isKept } = await pushing(t)
  const server = await serve()
  const reload = async () => t.equal((await fetch(`${server.url}/-/reload`, { method: 'POST' })).status, 200)
  await device(server, 'a')
  await serves(server, 'a:9100')
  t.ok(isKept('a'))
  writeFileSync(join(folder, 'other'), 'another-token')
  write('{ token_file: other, ttl: 3s, max_instances: 1 }')
  await reload()
  await serves(server, 'a:9100')
  t.equal((await device(server, 'a')).status, 401)
  t.equal((await device(server, 'b', { token: 'another-token' })).status, 429)
  t.equal((await device(server, 'a', { token: 'another-token' })).status, 200)
  write(
    '{ token_file: other, ttl: 3s }\n    required: false',
    '  - { name: list, file: { files: [list.json] } }\n',
  )
  writeFileSync(join(folder, 'list.json'), '["x"]')
  await reload()
  t.equal((await device(server, 'a', { token: 'another-token' })).status, 200)

  writeFileSync(
    join(folder, 'rollcall.yml'),
    'sources:\n  - { name: devices, file: { files: [list.json] } }\n',
  )
  await reload()
  await serves(server, 'a:9100,x:9100')
  t.equal((await device(server, 'a')).status, 404, 'it is no push source any more')
  await acceptHeld(server.url, 'devices')
  await serves(server, 'x:9100')
  t.notOk(existsSync(file))
  t.notMatch(await (await fetch(`${server.url}/metrics`)).text(), 'rollcall_push_instances{')

  write('{ token_file: token, ttl: 2s }')
  await reload()
  t.equal((await device(server, 'a')).status, 201, 'nothing is known of before')
  await serves(server, 'a:9100,x:9100')
  await acceptHeld(server.url, 'devices')
  await serves(server, 'a:9100')
  t.ok(isKept('a'))
  writeFileSync(join(folder, 'rollcall.yml'), 'sources:\n  - { name: list, file: { files: [list.json] } }\n')
  await reload()
  t.equal((await device(server, 'a')).status, 404)
  t.ok(existsSync(file), 'should it be configured again, nothing is lost')
  await acceptHeld(server.url)
  await until('it is deleted', () => !existsSync(file))
})

t.test('a reload goes on when what devices registered cannot be deleted, and says so', async (t) => {
  const { serve, write, file, folder, isKept } = await pushing(t)
  const server = await serve()
  const reload = async () => t.equal((await fetch(`${server.url}/-/reload`, { method: 'POST' })).status, 200)
  await device(server, 'a')
  await serves(server, 'a:9100')
  t.ok(isKept('a'))
  rmSync(file)
  mkdirSync(join(file, 'in the way'), { recursive: true })
  writeFileSync(join(folder, 'list.json'), '["x"]')
  const list = (name: string) =>
    writeFileSync(
      join(folder, 'rollcall.yml'),
      `global: { guard: { min_targets: 0 } }\nsources:\n  - { name: ${name}, file: { files: [list.json] } }\n`,
    )
  list('devices')
  await reload()
  await serves(server, 'a:9100,x:9100')
  await acceptHeld(server.url, 'devices')
  t.match(
    server.err(),
    /"source":"devices","error":"[^"]*devices.journal[^"]*","msg":"journal of a removed source not deleted/,
  )
  write('{ token_file: token, ttl: 2s }')
  await reload()
  for (const id of ['b', 'c']) t.equal((await device(server, id)).status, 201)
  await serves(server, 'b:9100,c:9100,x:9100')
  list('other')
  await reload()
  t.equal((await device(server, 'b')).status, 404)
  await acceptHeld(server.url)
  t.ok(existsSync(`${file}.bad`), 'what cannot be read was set aside')
})

t.test(
  'no lease expires while heartbeats cannot be received: stopped, without its token, or ending',
  async (t) => {
    const { serve, folder, isKept } = await pushing(t)
    const server = await serve('--web.drain-delay=3s')
    const token = join(folder, 'token')
    const paused = async () => {
      const metrics = await (await fetch(`${server.url}/metrics`)).text()
      return seriesValue(metrics, 'rollcall_push_expiry_paused', { source: 'devices' })
    }
    const passes = (ms: number) => {
      const endMs = performance.now() + ms
      return until('time passes', () => performance.now() > endMs)
    }
    const ranOut = () => server.err().includes('registrations expired')
    await device(server, 'a', { ttl: '2s' })
    server.child.kill('SIGSTOP')
    await passes(6_000)
    server.child.kill('SIGCONT')
    await until('it is told', () =>
      server.err().includes('"msg":"heartbeats can be received again: every lease is whole'),
    )
    t.notOk(ranOut())

    rmSync(token)
    mkdirSync(token)
    // The first ones may be refused because of the time that it stood still.
    await until('a heartbeat is refused', async () =>
      (await (await device(server, 'a')).text()).includes('token_unreadable'),
    )
    t.equal(await paused(), 1)
    await passes(3_000)
    t.notOk(ranOut())
    rmSync(token, { recursive: true })
    writeFileSync(token, TOKEN)
    await until('a heartbeat is taken', async () => (await device(server, 'b', { ttl: '1s' })).status === 201)
    await until('it goes on', async () => (await paused()) === 0)
    await until('they run out', ranOut)

    await device(server, 'c', { ttl: '1s' })
    await end(server, 'SIGTERM')
    t.ok(isKept('c'))
  },
)

t.test('90: what is acknowledged is there after a kill -9 in the same millisecond', async (t) => {
  const { serve } = await pushing(t)
  const acknowledged: string[] = []
  for (let life = 0; life < 4; life++) {
    const server = await serve()
    const ids = Array.from({ length: 30 }, (_, index) => `life-${life}-device-${index}`)
    await Promise.allSettled(
      ids.map(async (id) => {
        const { status } = await device(server, id)
        if (status !== 201) throw new Error(String(status))
        acknowledged.push(id)
        if (id.endsWith(`-${life * 5}`)) server.child.kill('SIGKILL')
      }),
    )
    await server.ended
  }
  t.ok(acknowledged.length >= 4, `${acknowledged.length} were acknowledged`)
  const last = await serve()
  for (const id of acknowledged) t.equal((await device(last, id)).status, 200, id)
})

t.test('91: what cannot be written is not acknowledged, and nobody who is known is lost', async (t) => {
  const { serve, folder, file } = await pushing(t)
  const server = await serve()
  await device(server, 'a')
  rmSync(join(folder, 'data', 'push'), { recursive: true })
  writeFileSync(join(folder, 'data', 'push'), 'a file in the place of the folder')
  const refused = await device(server, 'b')
  t.equal(refused.status, 503)
  t.equal(refused.headers.get('retry-after'), '5')
  t.match(await refused.json(), { error: { code: 'storage_unavailable' } })
  t.equal((await device(server, 'a')).status, 200, 'a heartbeat')
  t.equal((await device(server, 'a', { ttl: '2h' })).status, 503)
  await serves(server, 'a:9100')
  rmSync(join(folder, 'data', 'push'))
  await until('it can be written', async () => (await device(server, 'b')).status === 201)
  await serves(server, 'a:9100,b:9100')
  t.ok(readFileSync(file, 'utf8').includes('"a"'), 'who was there before is written again')
})

t.test('92: what was served stays for one time to live when registrations cannot be read', async (t) => {
  const { serve, write, file } = await pushing(t)
  write('{ token_file: token, ttl: 10s }\n    guard: { min_targets: 100 }')
  const first = await serve()
  for (const id of ['a', 'b', 'c']) await device(first, id)
  await serves(first, 'a:9100,b:9100,c:9100')
  await end(first, 'SIGTERM')
  writeFileSync(file, 'not a journal')

  const second = await serve()
  const startedMs = performance.now()
  t.equal(await addresses(second), 'a:9100,b:9100,c:9100')
  t.equal((await device(second, 'a')).status, 201, 'it is back')
  const goneMs = await until('they leave', async () => {
    const found = await addresses(second)
    if (found === 'a:9100,b:9100,c:9100') throw new Error(found)
    t.equal(found, 'a:9100')
    return performance.now()
  })
  // It began to count a moment before it served; half a time to live would be too short.
  t.ok(goneMs - startedMs >= 7_500, `${goneMs - startedMs} ms`)
})
