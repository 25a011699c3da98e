import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readArchive } from '../../src/backup/archive.ts'
import { type Running, run, start } from '../helpers/cli.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { createScope } from '../helpers/scope.ts'
import { until } from '../helpers/until.ts'

const DAY_MS = 86_400_000

interface Event {
  readonly id: number
  readonly at: string
  readonly kind: string
  readonly address: string
  readonly why: string
}

/** A Rollcall of one inventory, read on demand, and a folder in which it keeps what it knows. */
async function keeping(t: Test) {
  // Removed after the servers have ended, which write into it until then.
  const scope = createScope()
  t.teardown(scope.end)
  const folder = scope.testdir()
  const inventory = await inventoryServer(t, ['a', 'b', 'c'])
  const config = join(folder, 'rollcall.yml')
  const write = (more = '') =>
    writeFileSync(
      config,
      `global: { refresh_interval: 1h }\nsources:\n  - { name: sensors, http: { url: "${inventory.url}" } }\n${more}`,
    )
  write()
  const serve = async (storage: string, ...flags: string[]) => {
    const server = await start(t, [
      `--config.file=${config}`,
      `--storage.path=${join(folder, storage)}`,
      '--web.enable-lifecycle',
      ...flags,
    ])
    const { url } = server
    await until('it serves', async () => (await fetch(`${url}/targets`)).status === 200)
    return server
  }
  return { folder, inventory, write, serve }
}

const refresh = ({ url }: Running) => fetch(`${url}/-/refresh`, { method: 'POST' })

const json = async ({ url }: Running, path: string) => (await fetch(url + path)).json() as Promise<never>

async function eventsOf(server: Running, query: string): Promise<Event[]> {
  const { events } = await json(server, `/api/v1/changes?${query}`)
  return events
}

async function verdictOf(server: Running, query: string): Promise<string> {
  return ((await json(server, `/api/v1/explain?q=${query}`)) as { verdict: string }).verdict
}

async function lose(server: Running, { json: serve }: { json: (names: string[]) => void }): Promise<void> {
  serve(['a', 'b'])
  await until('it left', async () => {
    await refresh(server)
    return !(await (await fetch(`${server.url}/targets`)).text()).includes('c:9100')
  })
}

t.test('why a target left is told after a restart, a kill and a restore', async (t) => {
  const { folder, inventory, serve } = await keeping(t)
  const first = await serve('data')
  await lose(first, inventory)
  const [left, ...others] = await eventsOf(first, 'target=c:9100')
  t.same(others, [], 'of the first list no target is told')
  t.match(left, { kind: 'left', why: /^the inventory lacked it for 2 readings, since / })
  t.match(
    await verdictOf(first, 'C'),
    /^not in the inventory: no record of .*; c:9100 of sensors left \d+m?s ago, at \S+Z: the inventory lacked it/,
  )
  first.child.kill('SIGKILL')
  await first.ended

  const second = await serve('data')
  t.same(await eventsOf(second, 'target=c:9100'), [left])
  inventory.json(['a', 'b', 'd'])
  await refresh(second)
  t.match(await eventsOf(second, 'since=1h&limit=1'), [{ kind: 'joined', address: 'd:9100' }])
  const packed = Buffer.from(await (await fetch(`${second.url}/api/v1/backup`)).arrayBuffer())
  second.child.kill('SIGTERM')
  await second.ended
  t.equal(readdirSync(join(folder, 'data', 'history')).length, 1)

  const file = join(folder, 'rollcall.backup')
  writeFileSync(file, packed)
  t.match(await run(['restore', file, `--storage.path=${join(folder, 'new')}`]), {
    code: 0,
    out: /^restored 1 source to /,
  })
  const third = await serve('new')
  t.match(await eventsOf(third, 'since=1h'), [{ address: 'd:9100' }, left, { why: /^first list: 3 targets/ }])
  inventory.json(['a', 'b', 'd', 'e'])
  await refresh(third)
  const ids = (await eventsOf(third, 'since=1h')).map(({ id }) => id)
  t.same(ids, [4, 3, 2, 1], 'ids go on')
  t.match(await json(third, '/health'), { history: { error: null, path: join(folder, 'new', 'history') } })
})

t.test('a torn last line, and days without a start, cost no start and no other event', async (t) => {
  const { folder, inventory, serve } = await keeping(t)
  const first = await serve('data')
  await lose(first, inventory)
  first.child.kill('SIGTERM')
  await first.ended
  const history = join(folder, 'data', 'history')
  const [name = ''] = readdirSync(history)
  const [one = '', two = ''] = readFileSync(join(history, name), 'utf8').split('\n')
  const ago = (line: string, days: number) =>
    JSON.stringify({ ...JSON.parse(line), atMs: Date.now() - days * DAY_MS })
  writeFileSync(join(history, name), `${ago(one, 31)}\n${ago(two, 3)}\n{"id":3,"atMs"`)
  const second = await serve('data')
  t.match(await eventsOf(second, 'since=60d'), [{ id: 2, address: 'c:9100' }])
  t.match(await verdictOf(second, 'c:9100'), /c:9100 of sensors left 3 days ago, at /)
  inventory.json(['a', 'b', 'd'])
  await refresh(second)
  t.match(await eventsOf(second, 'target=d'), [{ id: 3 }])
})

t.test('where the history cannot be kept all else goes on, and that is told', async (t) => {
  const { folder, inventory, serve } = await keeping(t)
  mkdirSync(join(folder, 'data'))
  writeFileSync(join(folder, 'data', 'history'), 'a file')
  const server = await serve('data')
  await lose(server, inventory)
  t.match(await json(server, '/api/v1/changes?target=c'), { error: { code: 'history_unavailable' } })
  t.match(await json(server, '/api/v1/changes'), { changes: [{ removed: 1 }, { added: 3 }] })
  t.match(await json(server, '/health'), { history: { error: /ENOTDIR/ } })
  t.match(
    await verdictOf(server, 'c'),
    /^not in the inventory: no record of .*; the history cannot be read: ENOTDIR/,
  )
  const answer = await fetch(`${server.url}/api/v1/backup`)
  t.equal(answer.status, 200)
  const { parts } = await readArchive(Buffer.from(await answer.arrayBuffer()))
  t.ok(parts.has('sensors.snapshot'))
  t.match(server.err(), /"msg":"the backup is without the history, which cannot be read"/)
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  t.ok((seriesValue(metrics, 'rollcall_history_write_failures_total') ?? 0) > 0)
})

t.test('without retention there is no history, and no folder of it', async (t) => {
  const { folder, serve } = await keeping(t)
  const server = await serve('data', '--storage.history.retention.time=0')
  t.match(await json(server, '/api/v1/changes?target=a'), { error: { code: 'bad_request' } })
  t.match(await json(server, '/api/v1/changes'), { changes: [{ added: 3 }] })
  t.equal(((await json(server, '/health')) as { history?: object }).history, undefined)
  t.match(
    await verdictOf(server, 'nobody'),
    /^not in the inventory: no record of sensors contains "nobody" \(\d searched\)$/,
  )
  t.notOk(readdirSync(join(folder, 'data')).includes('history'))
  const wrong = ['--storage.history.retention.time=1s', '--storage.history.retention.size=1KB']
  for (const flag of wrong)
    t.match(await run(['check', flag]), { code: 2, err: /storage\.history\.retention/ })
})

t.test('37: a reload that failed is told on /health and in explanations, until one succeeds', async (t) => {
  const { write, serve } = await keeping(t)
  const server = await serve('data')
  const reload = () => fetch(`${server.url}/-/reload`, { method: 'POST' })
  write('  - { name: wrong, htp: {} }\n')
  t.equal((await reload()).status, 500)
  t.match(await json(server, '/health'), { config: { reload_failure: { error: /sources\[1\]\.htp/ } } })
  t.match(
    await verdictOf(server, 'nobody'),
    /the last reload failed at \S+Z: .*htp.*the previous configuration is in force$/,
  )
  t.match(await verdictOf(server, 'a'), /^served as a:9100; the last reload failed at /)
  write()
  t.equal((await reload()).status, 200)
  t.match(await json(server, '/health'), { config: { reload_failure: null } })
  t.match(
    await verdictOf(server, 'nobody'),
    /^not in the inventory: no record of sensors contains "nobody" \(\d searched\)$/,
  )
})
