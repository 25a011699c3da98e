import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { readArchive } from '../../src/backup/archive.ts'
import { unpackPending } from '../../src/backup/install.ts'
import { readKept } from '../../src/roll/kept.ts'
import { backupOf, filesOfSource } from '../helpers/backup.ts'
import { CLI, type Running, run, start } from '../helpers/cli.ts'
import { momentOf } from '../helpers/clock.ts'
import { diskFiles } from '../helpers/files.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { nodeCommand } from '../helpers/node.ts'
import { createScope } from '../helpers/scope.ts'
import { until } from '../helpers/until.ts'

const TOKEN = 'one-token'

t.jobs = 3

/** Servers with an inventory, and devices that register, each with a folder of its own. */
async function backingUp(t: Test) {
  // Removed after the servers have ended, which write into it until then.
  const scope = createScope()
  t.teardown(scope.end)
  const folder = scope.testdir()
  const inventory = await inventoryServer(t, ['a', 'b', 'c'])
  writeFileSync(join(folder, 'token'), TOKEN)
  writeFileSync(join(folder, 'key'), 'a key of the backups\n')
  const config = join(folder, 'rollcall.yml')
  writeFileSync(
    config,
    `global: { refresh_interval: 1h }
sources:
  - { name: sensors, http: { url: "${inventory.url}" }, guard: { confirmations: 100 } }
  - { name: devices, push: { token_file: token, ttl: 2s } }
`,
  )
  return {
    folder,
    inventory,
    config,
    key: `--storage.signing-key-file=${join(folder, 'key')}`,
    serve: (storage: string, ...flags: string[]) =>
      start(t, [
        `--config.file=${config}`,
        `--storage.path=${storage === '' ? '' : join(folder, storage)}`,
        '--web.enable-lifecycle',
        ...flags,
      ]),
  }
}

const device = ({ url }: Running, id: string) =>
  fetch(`${url}/api/v1/sources/devices/instances/${id}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ address: `${id}:9100`, labels: {}, ttl: '1h' }),
  })

async function backup({ url }: Running): Promise<Buffer> {
  const answer = await fetch(`${url}/api/v1/backup`)
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`)
  return Buffer.from(await answer.arrayBuffer())
}

/** What is served of all, or of a source, and its tag. */
async function served({ url }: Running, path = '/targets') {
  const answer = await fetch(url + path)
  return { status: answer.status, etag: answer.headers.get('etag'), body: await answer.text() }
}

const refresh = ({ url }: Running) => fetch(`${url}/-/refresh?source=sensors`, { method: 'POST' })

t.test('a new machine serves at once what a backup has, while the inventory is down', async (t) => {
  const { folder, inventory, serve, key } = await backingUp(t)
  const first = await serve('old', key)
  await until('devices may be listed', async () => (await device(first, 'd')).status < 300)
  await until('all is served', async () => (await served(first)).status === 200)
  await until('the device too', async () => (await served(first, '/targets/devices')).body.includes('d:9100'))
  t.equal((await device(first, 'e')).status, 201)
  // Not yet in the list; it is acknowledged.
  const packed = await backup(first)
  const before = await served(first, '/targets/sensors')
  const text = gunzipSync(packed).toString()
  for (const secret of [TOKEN, 'a key of the backups']) t.notOk(text.includes(secret))
  first.child.kill('SIGKILL')
  await first.ended
  await inventory.stop()

  const file = join(folder, 'rollcall.backup')
  writeFileSync(file, packed)
  const flags = [`--storage.path=${join(folder, 'new')}`, key]
  t.match(await run(['restore', file, ...flags]), {
    code: 0,
    out: /^restored 2 sources to .*\nsensors +3 targets\ndevices +\d targets? +2 registrations\n$/,
    err: '',
  })
  t.match(await run(['restore', file, ...flags]), { code: 1, err: /--force/ })

  const second = await serve('new')
  t.same(await served(second, '/targets/sensors'), before)
  t.equal(before.status, 200)
  t.equal((await served(second)).status, 200)
  t.equal((await device(second, 'e')).status, 200, 'it is registered')
  await until('the device is listed', async () =>
    (await served(second, '/targets/devices')).body.includes('e:9100'),
  )
  await inventory.restart()
  inventory.json(['a', 'b'])
  t.equal((await refresh(second)).status, 200)
  t.same(await served(second, '/targets/sensors'), before, 'what a reading lacks stays')
  const { sources } = (await (await fetch(`${second.url}/health`)).json()) as {
    sources: Record<string, { absent: number }>
  }
  t.equal(sources.sensors?.absent, 1)
  inventory.json(['a', 'b', 'x'])
  await refresh(second)
  const { body } = await served(second, '/targets/sensors')
  for (const address of ['a', 'b', 'c', 'x']) t.ok(body.includes(`"${address}:9100"`), address)
})

t.test('a backup is of one moment, however often lists change meanwhile', async (t) => {
  const { inventory, serve } = await backingUp(t)
  const server = await serve('data')
  await until('it is served', async () => (await served(server, '/targets/sensors')).status === 200)
  let seen = 0
  for (let round = 0; round < 50; round++) {
    inventory.json(Array.from({ length: 3 + round }, (_, index) => `host-${round}-${index}`).concat('a'))
    const changing = refresh(server)
    const registering = device(server, `device-${round}`)
    const during = await readArchive(await backup(server))
    await registering
    await changing
    const after = await readArchive(await backup(server))
    for (const { parts } of [during, after]) {
      const files = { read: async (path: string) => parts.get(path) }
      const kept = await readKept(files, '', 'sensors', momentOf(0))
      const groups = JSON.parse(String(kept?.roll.body)) as { targets: string[] }[]
      if (groups.flatMap(({ targets }) => targets).length === kept?.roll.keys.length) seen++
    }
    t.ok(after.parts.get('push/devices.journal')?.includes(`"device-${round}"`), 'it was acknowledged')
    const list = [...after.parts].find(([path]) => /^sensors\.[0-9a-f]{16}\.json$/.test(path))?.[1]
    t.ok(list?.includes(`"host-${round}-0:9100"`), 'it was refreshed')
  }
  t.equal(seen, 100)
})

t.test('a server that keeps nothing, and one with sources that are gone, can be backed up', async (t) => {
  const { folder, inventory, serve, config } = await backingUp(t)
  const first = await serve('')
  await until('it is served', async () => (await served(first, '/targets/sensors')).status === 200)
  const packed = await backup(first)
  t.equal((await readArchive(packed)).isSigned, false)
  const file = join(folder, 'rollcall.backup')
  writeFileSync(file, packed)
  const to = `--storage.path=${join(folder, 'data')}`
  t.match(await run(['restore', file, to]), { code: 0, out: /\nsensors +3 targets/ })
  // The source is gone; its targets stay until that is proven.
  await inventory.stop()
  const text = readFileSync(config, 'utf8')
  writeFileSync(config, text.replace('name: sensors', 'name: others'))
  const second = await serve('data')
  const again = await backup(second)
  const [path] = [...(await readArchive(again)).parts.keys()].filter((one) => /^sensors\..*\.json$/.test(one))
  t.ok(path, 'its list is in it')
  writeFileSync(file, again)
  t.match(await run(['restore', file, `--storage.path=${join(folder, 'third')}`]), {
    out: /\nsensors +3 targets/,
  })
  writeFileSync(config, text)
  const third = await serve('third')
  t.match((await served(third, '/targets/sensors')).body, /"a:9100"/, 'it is of the same inventory')
})

t.test('a backup goes from one machine to another through a pipe', async (t) => {
  const data = join(t.testdir(), 'data')
  const packed = await backupOf(await filesOfSource('sensors', ['a:1', 'b:1']))
  const [command, ...first] = nodeCommand()
  for (const [bytes, code, names] of [
    [packed.subarray(0, -9), 1, undefined],
    [packed, 0, 2],
  ] as const) {
    const child = spawn(command, [...first, CLI, 'restore', '-', `--storage.path=${data}`])
    const closed = once(child, 'close')
    child.stdin.end(bytes)
    t.same(await closed, [code, null])
    t.equal(existsSync(data) ? readdirSync(data).length : undefined, names)
  }
})

t.test('nothing is restored to the folder of a server that runs', async (t) => {
  const { folder, serve } = await backingUp(t)
  const server = await serve('data')
  const file = join(folder, 'rollcall.backup')
  writeFileSync(file, await backupOf(await filesOfSource('gone', ['x:1'])))
  const data = join(folder, 'data')
  const { code, err } = await run(['restore', file, `--storage.path=${data}`, '--force'])
  t.equal(code, 1)
  t.match(err, `--storage.path: ${data} is in use by another Rollcall`)
  t.notOk(existsSync(join(data, 'gone.snapshot')))
  server.child.kill('SIGKILL')
  await server.ended
  t.match(await run(['restore', file, `--storage.path=${data}`, '--force']), { code: 0 })
  t.ok(existsSync(join(data, 'gone.snapshot')))
})

t.test('a key that cannot be read makes no backup', async (t) => {
  const { serve } = await backingUp(t)
  const server = await serve('data', '--storage.signing-key-file=/nowhere/key')
  const answer = await fetch(`${server.url}/api/v1/backup`)
  t.equal(answer.status, 503)
  t.match(await answer.json(), { error: { code: 'backup_unavailable', message: /\/nowhere\/key/ } })
})

t.test('kill -9 in a restore leaves the folder empty or whole, for a start', async (t) => {
  const scope = createScope()
  t.teardown(scope.end)
  const folder = scope.testdir()
  const names = Array.from({ length: 30 }, (_, index) => `source-${index}`)
  const parts = await Promise.all(names.map((name) => filesOfSource(name, [`${name}:1`])))
  const file = join(folder, 'rollcall.backup')
  writeFileSync(file, await backupOf(parts.flat()))
  const rolls = (data: string) => readdirSync(data).filter((name) => name.endsWith('.snapshot')).length
  const results = new Set<number>()
  for (const [round, wanted] of [0, 0, 1, 5, 15, 29].entries()) {
    const data = join(folder, `data-${round}`)
    mkdirSync(data)
    const [command, ...first] = nodeCommand()
    const child = spawn(command, [...first, CLI, 'restore', file, `--storage.path=${data}`])
    const closed = once(child, 'close')
    await until(
      'it is in the middle',
      () => child.exitCode !== null || (readdirSync(data).length > 0 && rolls(data) >= wanted),
      { everyMs: 0 },
    )
    child.kill('SIGKILL')
    await closed
    await unpackPending(diskFiles, data)
    t.ok([0, 30].includes(rolls(data)), `${rolls(data)}`)
    results.add(rolls(data))
  }
  t.ok(results.has(30))
})

t.test('a start finishes a restore that was killed, and does without one that it cannot read', async (t) => {
  const { folder, inventory, serve } = await backingUp(t)
  await inventory.stop()
  const data = join(folder, 'data')
  mkdirSync(data)
  const packed = await backupOf(await filesOfSource('gone', ['x:1']))
  writeFileSync(join(data, '.restored'), packed)
  const first = await serve('data')
  t.match(first.err(), '"msg":"a restore that was interrupted is finished"')
  t.ok(readdirSync(data).includes('gone.snapshot'))
  t.notOk(readdirSync(data).includes('.restored'))
  first.child.kill('SIGTERM')
  await first.ended
  writeFileSync(join(data, '.restored'), packed.subarray(0, 40))
  const second = await serve('data')
  t.match(second.err(), '"msg":"a restore that was interrupted is not finished;')
  t.ok(readdirSync(data).includes('gone.snapshot'), 'what was there stays')
})
