import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { systemClock } from '../../src/base/clock.ts'
import { createThreads } from '../../src/base/threads.ts'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import type { SourceSettings } from '../../src/config/settings.ts'
import { explainableOf } from '../../src/explain/find-records.ts'
import { compilePlan } from '../../src/pipeline/plan.ts'
import { createSource } from '../../src/sources/kinds.ts'
import { readUsable, type Source } from '../../src/sources/source.ts'
import { manualClock } from '../helpers/clock.ts'
import { diskFiles } from '../helpers/files.ts'
import { explainIn } from '../helpers/inventory-of.ts'
import { type InventoryServer, inventoryServer } from '../helpers/inventory-server.ts'
import { refreshing } from '../helpers/refreshing.ts'
import { until } from '../helpers/until.ts'

const NEVER = new AbortController().signal

/** The one source of a configuration. */
async function configured(t: Test, source: Record<string, unknown>, clock = systemClock) {
  const path = join(t.testdir(), 'rollcall.yml')
  writeFileSync(path, stringify({ sources: [{ name: 'sensors', ...source }] }))
  const args = readArguments([`--config.file=${path}`, '--enable-command-sources'])
  const { sources, warnings } = await loadSettings(args, {}, diskFiles)
  const settings = sources[0] as SourceSettings
  const created = createSource(settings.source, { clock, files: diskFiles, userAgent: 'Rollcall/test' })
  t.teardown(() => created.close())
  return { settings, source: created, warnings }
}

/** Services that run on devices, each list at a server of its own. */
async function services(t: Test, more: { http?: object; device?: object } = {}) {
  const [main, devices] = [await inventoryServer(t), await inventoryServer(t)]
  const one = await configured(t, {
    http: { url: main.url.href, ...more.http },
    with: {
      device: { http: { url: devices.url.href, ...more.device }, by: 'id', from: 'device.id' },
    },
    targets: ['{device.ip}:{port}'],
  })
  main.json([
    { id: 1, port: 80, device: { id: 1 } },
    { id: 2, port: 81, device: { id: 2 } },
  ])
  devices.json(DEVICES)
  return { main, devices, ...one }
}

const DEVICES = [
  { id: 1, ip: 'a' },
  { id: 2, ip: 'b' },
]

const atWork = async (
  t: Test,
  { settings, source }: Pick<Awaited<ReturnType<typeof configured>>, 'settings' | 'source'>,
) => refreshing(t, { source, plan: settings.plan })

/** Answers with an ETag, and 304 to those who have it. */
const tagged = (server: InventoryServer, list: unknown, etag: string) =>
  server.handle((request, response) =>
    request.headers['if-none-match'] === etag
      ? response.writeHead(304).end()
      : response.writeHead(200, { etag }).end(JSON.stringify(list)),
  )

const read = (source: Source, since?: Parameters<Source['read']>[1]) => source.read(NEVER, since)

t.test('both lists are read, the joined one after the list of records', async (t) => {
  const order: string[] = []
  const one = await services(t)
  for (const [name, server, list] of [
    ['devices', one.devices, DEVICES],
    ['main', one.main, [{ id: 1, port: 80, device: { id: 2 } }]],
  ] as const) {
    server.handle((_request, response) => {
      order.push(name)
      response.end(JSON.stringify(list))
    })
  }
  const { refresh, addresses } = await atWork(t, one)
  t.match(await refresh(), { result: 'changed' })
  t.same(addresses(), ['b:80'])
  t.same(order, ['main', 'devices'])
})

t.test('a target whose partner is gone stays: its record is there and cannot be read', async (t) => {
  const one = await services(t)
  const { refresh, addresses, status, held } = await atWork(t, one)
  await refresh()
  one.devices.json(DEVICES.slice(0, 1))
  for (let count = 0; count < 10; count++) await refresh()
  t.same(addresses(), ['a:80', 'b:81'])
  t.match(held(), [{ reason: 'unreadable', targets: 1 }])
  t.match(status()?.samples, [
    { key: '2', reason: 'not_joined', detail: 'with.device: no record has 2 as id' },
  ])
  one.main.json([{ id: 1, port: 80, device: { id: 1 } }])
  await refresh()
  await refresh()
  t.same(addresses(), ['a:80'], 'until its record is gone too')
})

t.test('whole or nothing: a joined list that fails fails the reading, and is named', async (t) => {
  const one = await services(t)
  const { refresh, addresses } = await atWork(t, one)
  await refresh()
  one.main.json([{ id: 1, port: 8080, device: { id: 1 } }])
  one.devices.handle((_request, response) => response.writeHead(503).end())
  t.match(await refresh(), { error: { reason: 'http_status', message: /^with\.device: GET .*HTTP 503/ } })
  one.devices.handle((_request, response) => response.end('<html>'))
  t.match(await refresh(), {
    error: { reason: 'parse', message: /^with\.device: the answer looks like HTML/ },
  })
  one.devices.json([])
  t.match(await refresh(), { error: { reason: 'all_rejected' } })
  await one.devices.stop()
  t.match(await refresh(), { error: { reason: 'connect' } })
  t.same(addresses(), ['a:80', 'b:81'])
})

t.test('unchanged is only what is unchanged in all parts', async (t) => {
  const { main, devices, source } = await services(t)
  tagged(main, ['a'], '"m1"')
  tagged(devices, DEVICES, '"d1"')
  const first = await read(source)
  if (first.kind === 'unchanged') return void t.fail('it was not asked about a version')
  t.same((await read(source, first.version)).kind, 'unchanged')
  tagged(devices, DEVICES.slice(1), '"d2"')
  const second = await read(source, first.version)
  if (second.kind === 'unchanged') return void t.fail('the devices are others')
  t.same(
    second.documents.map(({ name, join }) => [name, join]),
    [
      ['the answer', undefined],
      ['with.device: the answer', 'device'],
    ],
  )
  t.equal((await read(source, second.version)).kind, 'unchanged')
  main.json(['b'])
  const asked = devices.requests.length
  const third = await read(source, second.version)
  t.match(third, { kind: 'documents', version: undefined }, 'one part tells no version')
  t.equal(devices.requests.length, asked + 2, 'unchanged, and so read once more')
  t.equal((await read(source)).kind, 'documents')
  t.equal(devices.requests.length, asked + 3, 'it is not asked then whether it is unchanged')
})

t.test('the same bytes in all lists are a reading of the same targets, other ones are not', async (t) => {
  const one = await services(t)
  const { refresh, addresses } = await atWork(t, one)
  await refresh()
  t.match(await refresh(), { result: 'unchanged' })
  one.devices.json([
    { id: 1, ip: 'a' },
    { id: 2, ip: 'c' },
  ])
  t.match(await refresh(), { result: 'changed' })
  t.ok(addresses().includes('c:81'))
})

t.test('pages, files and programs are joined alike', async (t) => {
  const main = await inventoryServer(t, [{ id: 1, port: 80, device: 'x', rack: 7, owner: 'eve' }])
  const devices = await inventoryServer(t)
  devices.handle((request, response) => {
    const page = new URL(String(request.url), devices.url).searchParams.get('page')
    response.end(
      JSON.stringify({
        items: page === '1' ? [{ name: 'w' }] : page === '2' ? [{ name: 'x', ip: 'a' }] : [],
      }),
    )
  })
  const one = await configured(t, {
    http: { url: main.url.href },
    with: {
      device: {
        http: { url: devices.url.href, pagination: { page: { parameter: 'page' } } },
        records: 'items',
        by: 'name',
        from: 'device',
      },
      rack: { file: { files: ['racks.csv'] }, by: '{id}', from: '{rack}' },
      owner: { command: { argv: ['echo', '[{"id":"eve","team":"edge"}]'] }, by: 'id', from: 'owner' },
    },
    targets: ['{device.ip}:{port}'],
    labels: { room: '{rack.room}', team: '{owner.team}' },
  })
  const racks = join(t.testdirName, 'racks.csv')
  writeFileSync(racks, 'id,room\n7,cellar\n')
  // A file that was just written may be half of one.
  utimesSync(racks, 0, 0)
  t.equal(one.source.redact?.('a file has no secret'), 'a file has no secret')
  const { refresh, served } = await atWork(t, one)
  t.match(await refresh(), { result: 'changed' })
  t.match(JSON.parse(String(served()?.body)), [
    { targets: ['a:80'], labels: { room: 'cellar', team: 'edge' } },
  ])
})

t.test('a change of any part is told, and what watches is closed', async (t) => {
  const main = await inventoryServer(t, ['a'])
  const one = await configured(t, {
    http: { url: main.url.href },
    with: { rack: { file: { files: ['racks.json'] }, by: 'id', from: 'rack' } },
    targets: ['{host}'],
  })
  const path = join(t.testdirName, 'racks.json')
  writeFileSync(path, '[{"id":1}]')
  await read(one.source)
  let changes = 0
  one.source.watch?.(() => changes++)
  writeFileSync(path, '[{"id":1},{"id":2}]')
  await until('it is told', () => changes > 0)
  t.equal((await services(t)).source.watch, undefined, 'where nothing can know, nothing is watched')
})

t.test('each part has what the parts before it left of the deadline', async (t) => {
  const [main, first, second] = [await inventoryServer(t), await inventoryServer(t), await inventoryServer(t)]
  const clock = manualClock()
  main.handle((_request, response) => {
    clock.skip(4_000)
    response.end('[]')
  })
  first.handle(() => {})
  const one = await configured(
    t,
    {
      http: { url: main.url.href },
      with: { device: { http: { urls: [first.url.href, second.url.href] }, by: 'id', from: 'id' } },
      targets: ['{host}'],
    },
    clock,
  )
  const reading = readUsable(
    { source: one.source, timeoutMs: 10_000 },
    { clock, stop: NEVER },
    async (it) => it,
  )
  await until('the first way is asked', () => first.requests.length === 1)
  clock.advance(3_000)
  t.match(await reading, { kind: 'documents', way: { url: second.url.href, isStandby: true } })
})

t.test(
  '15: what turns out to be no inventory is read in another way, by the part that it is of',
  async (t) => {
    const [standby, page] = [await inventoryServer(t, DEVICES), '<html>maintenance</html>']
    const [main, devices] = [await inventoryServer(t), await inventoryServer(t)]
    const one = await configured(t, {
      http: { url: main.url.href },
      with: {
        device: { http: { urls: [devices.url.href, standby.url.href] }, by: 'id', from: 'device.id' },
      },
      targets: ['{device.ip}:{port}'],
    })
    main.json([{ id: 1, port: 80, device: { id: 1 } }])
    devices.handle((_request, response) => response.end(page))
    const { refresh, addresses, status } = await atWork(t, one)
    t.match(await refresh(), { result: 'changed' })
    t.same(addresses(), ['a:80'])
    t.match(status()?.way, { url: standby.url.href, isStandby: true })
    main.handle((_request, response) => response.end(page))
    t.match(await refresh(), { error: { reason: 'parse', message: /^the answer looks like HTML/ } })
    standby.json({ no: 'list' })
    main.json([])
    t.match(await refresh(), {
      error: {
        reason: 'parse',
        message: /^no URL returned a complete list: .*with\.device: the answer looks/,
      },
    })
  },
)

t.test('explanations show the record with its partner, and say what is in a joined list only', async (t) => {
  const { settings, source, devices } = await services(t)
  devices.json([...DEVICES, { id: 3, ip: 'c', password: 'hunter2' }])
  const reading = await read(source)
  if (reading.kind === 'unchanged') return
  const inventory = (documents = reading.documents) => ({
    ...explainableOf(settings.plan, compilePlan(settings.plan)),
    documents,
    verdictOf: (_target: unknown, address: string) => ({ text: `is ${address}`, isServed: false }),
    note: '',
  })
  t.match(explainIn(inventory(), 'b'), {
    matches: 1,
    explanations: [{ record: { id: 2, device: { id: 2, ip: 'b' } }, verdict: 'is b:81' }],
  })
  const { explanations } = explainIn(inventory(), 'c')
  t.match(explanations, [
    {
      position: { document: 'with.device: the answer', index: null },
      verdict: 'not selected: it is in the list of with.device, and no record is joined with it',
    },
  ])
  t.notMatch(JSON.stringify(explanations), 'hunter2')
  const [main] = reading.documents
  const alone = main === undefined ? [] : [main, { ...main, join: 'device', bytes: Buffer.from('[]') }]
  t.match(explainIn(inventory(alone), 'id=2'), {
    explanations: [
      { record: { device: null }, verdict: /^quarantined: not_joined: with\.device: no record has 2/ },
    ],
  })
})

t.test('a thread makes of all lists what is made inline', async (t) => {
  const one = await services(t)
  const many = Array.from({ length: 20_000 }, (_, id) => ({
    id,
    port: 1 + (id % 60_000),
    device: { id: id % 3 },
  }))
  one.main.json(many)
  one.devices.json([...DEVICES, { id: 0, ip: 'zero' }])
  const threads = createThreads()
  const large = await refreshing(t, { source: one.source, plan: one.settings.plan, threads })
  t.match(await large.refresh(), { result: 'changed', targets: 20_000 })
  one.devices.handle((_request, response) => response.end('{}'))
  t.match(await large.refresh(), { error: { reason: 'shape', join: 'device' } }, 'and tells which list fails')
  t.equal(large.addresses().filter((address) => address.startsWith('zero:')).length, 6_667)
})

t.test('a joined list that is read without a check of its certificate is warned of', async (t) => {
  const warnings = async (tls_config: object) => {
    const http = { url: 'https://devices/', tls_config }
    const join = { http, by: 'id', from: 'id' }
    return (await configured(t, { http: { url: 'https://main/' }, with: { device: join } })).warnings
  }
  t.match(await warnings({ insecure_skip_verify: true }), [/^source sensors: insecure_skip_verify is true/])
  t.same(await warnings({}), [])
})
