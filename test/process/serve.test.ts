import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { run, start } from '../helpers/cli.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { findPrometheus3, findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

/** A script for `--import` that does something as soon as the server handles signals and errors. */
const onceServing = (what: string) =>
  `const timer = setInterval(() => { if (process.listenerCount('unhandledRejection') > 0) { clearInterval(timer); ${what} } }, 20)`

/** Polls until `/targets` answers 200. */
const firstList = (url: string) =>
  until('the first list', async () => {
    const answer = await fetch(`${url}/targets`)
    return answer.status === 200 ? answer : undefined
  })

t.test('an inventory of names, by environment alone', async (t) => {
  const inventory = await inventoryServer(t, ['sensor_0', 'sensor_1'])
  const file = join(t.testdir(), 'targets.json')
  const { url, err } = await start(t, [], {
    INVENTORY_URL: inventory.url.href,
    METRICS_PORT: '9100',
    UPDATE_INTERVAL: '0.2',
    TARGETS_FILE: file,
  })
  const body = await (await firstList(url)).text()
  t.same(JSON.parse(body), [
    { targets: ['sensor_0:9100', 'sensor_1:9100'], labels: { __meta_rollcall_source: 'inventory' } },
  ])
  t.equal(await until('the file', () => readFileSync(file, 'utf8')), body)
  t.equal((await fetch(`${url}/ready`)).status, 200)
  inventory.json(['sensor_0', 'sensor_1', 'sensor_2'])
  await until('the new sensor', async () =>
    (await (await fetch(`${url}/targets`)).text()).includes('sensor_2'),
  )
  await inventory.stop()
  await until('the failure', () => err().includes('refresh failed'))
  const kept = await fetch(`${url}/targets`)
  t.equal(kept.status, 200)
  t.match(await kept.text(), 'sensor_2')
})

t.test('1: with the inventory down from the start there is 503, never an empty list', async (t) => {
  const inventory = await inventoryServer(t)
  await inventory.stop()
  const { url, err } = await start(t, [], { INVENTORY_URL: inventory.url.href, UPDATE_INTERVAL: '0.2' })
  await until('the failure', () => err().includes('refresh failed'))
  const answer = await fetch(`${url}/targets`)
  t.equal(answer.status, 503)
  t.equal(answer.headers.get('retry-after'), '5')
  t.match(await answer.json(), { error: { code: 'not_loaded', message: /ECONNREFUSED/ } })
  t.equal((await fetch(`${url}/ready`)).status, 503)
  t.equal((await fetch(`${url}/health`)).status, 200)
  await inventory.restart()
  inventory.json(['late'])
  t.match(await (await firstList(url)).text(), 'late:9100')
})

t.test('34: after a kill, with the inventory down, the last good list is there at once', async (t) => {
  const inventory = await inventoryServer(t, ['a', 'b'])
  const storage = `--storage.path=${join(t.testdir(), 'data')}`
  const env = { INVENTORY_URL: inventory.url.href, UPDATE_INTERVAL: '0.2' }
  const first = await start(t, [storage], env)
  const etag = (await firstList(first.url)).headers.get('etag')
  await until('it is kept', async () => {
    const metrics = await (await fetch(`${first.url}/metrics`)).text()
    return (
      (seriesValue(metrics, 'rollcall_source_refreshes_total', {
        source: 'inventory',
        result: 'unchanged',
      }) ?? 0) > 1
    )
  })
  first.child.kill('SIGKILL')
  await first.ended
  await inventory.stop()
  const second = await start(t, [storage], env)
  const answer = await fetch(`${second.url}/targets`)
  t.equal(answer.status, 200, 'the very first answer')
  t.equal(answer.headers.get('etag'), etag)
  t.ok(Number(answer.headers.get('x-rollcall-age-seconds')) > 0)
  t.equal((await fetch(`${second.url}/ready`)).status, 200)
  const state = async () => {
    const { sources } = (await (await fetch(`${second.url}/health`)).json()) as {
      sources: { inventory: { state: string } }
    }
    return sources.inventory.state
  }
  t.match(await state(), /^(stale|failing)$/)
  await inventory.restart()
  await until('all is well', async () => (await state()) === 'ok')
})

t.test('a new server begins with the list of another one, with the inventory down', async (t) => {
  const inventory = await inventoryServer(t, ['a', 'b'])
  const env = { INVENTORY_URL: inventory.url.href, UPDATE_INTERVAL: '0.2' }
  const first = await start(t, [], env)
  const etag = (await firstList(first.url)).headers.get('etag')
  await inventory.stop()
  const next = await start(t, [`--storage.seed-url=${first.url}`], env)
  const answer = await fetch(`${next.url}/targets`)
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('etag'), etag)
  t.equal((await fetch(`${next.url}/ready`)).status, 200)
  t.match(next.err(), /--storage\.seed-url: http:.*list taken from the peer/s)
  t.match(await (await fetch(`${next.url}/health`)).json(), { sources: { inventory: { targets: 2 } } })
})

t.test('lists that are too old make the server not ready, and are served', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const folder = t.testdir({
    'rollcall.yml': JSON.stringify({
      global: { refresh_interval: '100ms', timeout: '400ms' },
      sources: [{ name: 'sensors', http: { url: inventory.url.href } }],
    }),
  })
  const flags = [`--config.file=${join(folder, 'rollcall.yml')}`, '--web.ready-max-age=600ms']
  const { url } = await start(t, flags)
  await firstList(url)
  const ready = () => fetch(`${url}/ready`)
  await until('it is ready', async () => (await ready()).status === 200)
  await inventory.stop()
  const answer = await until('it is not', async () => {
    const now = await ready()
    return now.status === 503 && now
  })
  t.match(await answer.json(), { error: { code: 'stale', message: /^sensors: .*--web\.ready-max-age/ } })
  t.equal((await fetch(`${url}/targets`)).status, 200)
  await inventory.restart()
  await until('it is ready again', async () => (await ready()).status === 200)
})

t.test('33: files that cannot be written or read are shown where one looks, until they can be', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  await inventory.stop()
  const folder = t.testdir({ data: 'a file in place of the folder' })
  const [storage, targets] = [join(folder, 'data'), join(folder, 'shared', 'targets.json')]
  const { url, err } = await start(t, [`--storage.path=${storage}`], {
    INVENTORY_URL: inventory.url.href,
    UPDATE_INTERVAL: '0.2',
    TARGETS_FILE: targets,
  })
  const health = async () => {
    const answer = await fetch(`${url}/health`)
    t.equal(answer.status, 200)
    const { sources } = (await answer.json()) as {
      sources: { inventory: { state: string; file_errors: Record<string, object> } }
    }
    return sources.inventory
  }
  t.match(
    await health(),
    { file_errors: { storage: { path: storage, error: /ENOTDIR/ } } },
    'from the start on',
  )
  await inventory.restart()
  const failing = await until('both are tried', async () => {
    const shown = await health()
    return 'file_sd' in shown.file_errors ? shown : undefined
  })
  t.match(failing, {
    file_errors: {
      storage: { path: storage, error: /EEXIST|ENOTDIR/ },
      file_sd: { path: targets, error: /ENOENT/ },
    },
  })
  t.equal((await fetch(`${url}/targets`)).status, 200)
  t.match(err(), `"file":"storage","path":${JSON.stringify(storage)},"error":"E`)
  rmSync(storage)
  mkdirSync(join(folder, 'shared'))
  const mended = await until('both are written', async () => {
    const shown = await health()
    return Object.keys(shown.file_errors).length === 0 ? shown : undefined
  })
  t.match(mended, { state: 'ok', file_errors: {} })
})

t.test('what is odd about a configuration is told once, at the start', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const path = join(t.testdir(), 'rollcall.yml')
  writeFileSync(path, `sources: [{ name: a, http: { url: "${inventory.url}" } }]\n`)
  const { err } = await start(t, [`--config.file=${path}`], { METRICS_PORT: '9200' })
  t.match(err(), '"msg":"METRICS_PORT has no effect with a configuration file"')
})

t.test('with errors only, nothing is told while all is well', async (t) => {
  const inventory = await inventoryServer(t, ['a', 1])
  const { code, err } = await run(
    ['--log.level=error', '--log.format=json', '--web.listen-address=127.0.0.1:0', '--web.drain-delay=0'],
    {
      INVENTORY_URL: inventory.url.href,
      NODE_OPTIONS: `--import="data:text/javascript,${encodeURIComponent(onceServing('process.kill(process.pid)'))}"`,
    },
  )
  t.equal(code, 0)
  t.equal(err, '')
})

t.test('24: a file with several sources: one that fails leaves the others moving', async (t) => {
  const [good, bad] = [await inventoryServer(t, ['a']), await inventoryServer(t, ['b'])]
  const path = join(t.testdir(), 'rollcall.yml')
  writeFileSync(
    path,
    `global: { refresh_interval: 200ms }\nsources:\n  - { name: good, http: { url: "${good.url}" } }\n  - { name: bad, http: { url: "${bad.url}" }, meta_labels: true }\n`,
  )
  const { url } = await start(t, [`--config.file=${path}`, '--web.enable-lifecycle'])
  await firstList(url)
  bad.handle((_request, response) => response.writeHead(500).end())
  good.json(['a', 'c'])
  await until('the good source moves', async () =>
    (await (await fetch(`${url}/targets`)).text()).includes('c:9100'),
  )
  await until('the bad source fails', async () => {
    const { sources } = (await (await fetch(`${url}/health`)).json()) as {
      sources: { bad: { state: string } }
    }
    return sources.bad.state === 'failing'
  })
  t.match(await (await fetch(`${url}/targets`)).text(), 'b:9100', 'what it last gave stays')
  t.match(await (await fetch(`${url}/-/refresh?source=good`, { method: 'POST' })).json(), {
    results: [{ source: 'good', targets: 2 }],
  })
  const failed = await fetch(`${url}/-/refresh`, { method: 'POST' })
  t.equal(failed.status, 502)
  t.match(await failed.json(), { error: { code: 'refresh_failed', message: /^bad: GET .* HTTP 500/ } })
})

t.test('promtool finds no fault with the metrics', async (t) => {
  const inventory = await inventoryServer(t, ['a', 1])
  const { url } = await start(t, [], { INVENTORY_URL: inventory.url.href })
  await firstList(url)
  const metrics = await (await fetch(`${url}/metrics`)).text()
  t.equal(seriesValue(metrics, 'rollcall_source_targets', { source: 'inventory' }), 1)
  t.equal(seriesValue(metrics, 'rollcall_config_last_reload_successful'), 1)
  for (const promtool of [findTool('promtool', 'PROMTOOL'), findPrometheus3('promtool')]) {
    if (missing(t, promtool, 'promtool')) continue
    const child = spawn(promtool as string, ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data))
    child.stdin.end(metrics)
    const code = await new Promise((resolve) => child.once('close', resolve))
    t.equal(code, 0, String(promtool))
    t.equal(output, '', String(promtool))
  }
})

t.test('35: SIGTERM: ready turns 503, targets go on, requests in flight finish, exit 0', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  let finish = () => {}
  const { url, child, ended, err } = await start(t, ['--web.drain-delay=3s', '--web.enable-lifecycle'], {
    INVENTORY_URL: inventory.url.href,
  })
  await firstList(url)
  // A request that is still in flight when the drain delay is over: a refresh whose inventory takes long.
  const asked = new Promise<void>((resolve) =>
    inventory.handle((_request, response) => {
      finish = () => void response.end('["a","b"]')
      resolve()
    }),
  )
  const inFlight = fetch(`${url}/-/refresh`, { method: 'POST' })
  await asked
  child.kill('SIGTERM')
  await until('ready says 503', async () => (await fetch(`${url}/ready`)).status === 503)
  t.equal((await fetch(`${url}/targets`)).status, 200)
  t.equal((await fetch(`${url}/health`)).status, 200)
  await until('the listener is closed', () =>
    fetch(`${url}/targets`).then(
      () => false,
      () => true,
    ),
  )
  t.equal(child.exitCode, null, 'it waits for the request in flight')
  finish()
  t.equal((await inFlight).status, 200)
  t.same(await ended, { code: 0, signal: null })
  t.match(err(), /"msg":"stopping".*"msg":"stopped"/s)
})

t.test('35: SIGINT with idle kept-alive connections and a refresh under way: exit 0 at once', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const { url, child, ended } = await start(t, ['--web.drain-delay=0'], {
    INVENTORY_URL: inventory.url.href,
    UPDATE_INTERVAL: '0.2',
  })
  await firstList(url)
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  await new Promise<void>(
    (resolve) => void get(`${url}/targets`, { agent }, (answer) => answer.resume().once('end', resolve)),
  )
  await new Promise<void>((resolve) => inventory.handle(() => resolve()))
  child.kill('SIGINT')
  t.same(await ended, { code: 0, signal: null })
})

t.test('35: connections on which nothing, or half a request, was sent do not hold up the end', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const { url, child, ended } = await start(t, [], { INVENTORY_URL: inventory.url.href })
  await firstList(url)
  const { port } = new URL(url)
  for (const bytes of ['', 'GET /targets HTTP/1.1\r\nHost: a\r\n']) {
    const socket = connect(Number(port), '127.0.0.1')
    t.teardown(() => socket.destroy())
    socket.on('error', () => {})
    await once(socket, 'connect')
    if (bytes !== '') await new Promise<void>((resolve) => void socket.write(bytes, () => resolve()))
  }
  child.kill('SIGTERM')
  t.same(await ended, { code: 0, signal: null })
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`36: a second ${signal} ends the process at once`, async (t) => {
    const { url, child, ended, err } = await start(t, [
      'demo',
      '--demo.listen-address=127.0.0.1:0',
      '--web.drain-delay=20s',
    ])
    await firstList(url)
    child.kill(signal)
    await until('it drains', () => err().includes('"msg":"stopping"'))
    if (signal === 'SIGINT') await until('it says how', () => err().includes('a second Ctrl-C'))
    else t.notMatch(err(), 'Ctrl-C')
    child.kill(signal)
    t.same(await ended, { code: 1, signal: null })
  })
}

t.test('36: what hangs is cut off at the shutdown timeout', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const { url, child, ended } = await start(
    t,
    ['--web.drain-delay=0', '--web.shutdown-timeout=500ms', '--web.enable-lifecycle'],
    { INVENTORY_URL: inventory.url.href },
  )
  await firstList(url)
  const asked = new Promise<void>((resolve) => inventory.handle(() => resolve()))
  const hanging = fetch(`${url}/-/refresh`, { method: 'POST' }).catch(() => undefined)
  await asked
  child.kill('SIGTERM')
  t.same(await ended, { code: 1, signal: null })
  await hanging
})

t.test('42: an unhandled rejection is logged and ends the process with an error', async (t) => {
  const reject = onceServing('Promise.reject(new Error("injected"))')
  const { ended, err } = await start(t, ['demo', '--demo.listen-address=127.0.0.1:0'], {
    NODE_OPTIONS: `--import="data:text/javascript,${encodeURIComponent(reject)}"`,
  })
  t.same(await ended, { code: 1, signal: null })
  t.match(err(), /"level":"fatal".*injected.*"msg":"unexpected error, stopping"/)
})

t.test('the demo prints what to open and what to paste, and its log can be quiet', async (t) => {
  const { out, err, child, ended, url } = await start(t, [
    'demo',
    '--demo.listen-address=127.0.0.1:0',
    '--web.external-url=https://rollcall.example/',
  ])
  await firstList(url)
  t.match(out(), 'https://rollcall.example/targets     what Prometheus gets')
  t.match(out(), "      - targets: ['rollcall.example']")
  t.match(err(), '"msg":"records quarantined"')
  child.kill('SIGTERM')
  t.same(await ended, { code: 0, signal: null })
})

t.test('the log is JSON, a line per transition, none per poll that is answered', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const { url, err } = await start(t, [], { INVENTORY_URL: inventory.url.href, UPDATE_INTERVAL: '0.1' })
  await until('it is ready', async () => (await fetch(`${url}/ready`)).status === 200)
  const before = inventory.requests.length
  for (let poll = 0; poll < 20; poll++) await (await fetch(`${url}/targets`)).arrayBuffer()
  await until('some refreshes', () => inventory.requests.length > before + 3)
  const lines = err()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.same(
    lines.map((line) => line.msg),
    ['serving targets', 'targets changed'],
  )
  t.match(lines[1], { level: 'info', source: 'inventory', targets: 1, added: 1, removed: 0 })
  t.ok(Date.parse(lines[0].time))
})

t.test('a folder of --storage.path is that of one server, until it ends, however it ends', async (t) => {
  const inventory = await inventoryServer(t, ['a', 'b'])
  const folder = mkdtempSync(join(tmpdir(), 'serve-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const env = { INVENTORY_URL: inventory.url.href, UPDATE_INTERVAL: '0.2' }
  const flags = [`--storage.path=${folder}`]
  const second = () => run([...flags, '--web.listen-address=127.0.0.1:0'], env)
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    const first = await start(t, flags, env)
    const { code, err, out } = await second()
    t.equal(code, 1)
    t.match(err, `--storage.path: ${folder} is in use by another Rollcall`)
    t.equal(out, '')
    t.equal((await fetch(`${first.url}/-/healthy`)).status, 200, 'the first one goes on')
    t.notMatch(first.err(), 'not locked')
    first.child.kill(signal)
    await first.ended
    t.equal(existsSync(join(folder, 'lock')), signal === 'SIGKILL')
  }
  t.ok(await start(t, flags, env))
})

t.test('a folder that cannot be locked is told, and served from', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const folder = mkdtempSync(join(tmpdir(), 'serve-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'lock'), 'of Prometheus, say')
  const env = { INVENTORY_URL: inventory.url.href, UPDATE_INTERVAL: '0.2' }
  const { url, err } = await start(t, [`--storage.path=${folder}`], env)
  t.match(await (await firstList(url)).text(), 'a:9100')
  const [line = ''] = err()
    .split('\n')
    .filter((one) => one.includes('is not locked'))
  t.match(JSON.parse(line), { level: 'warn', path: folder, error: /lock is a file/ })
  t.equal(readFileSync(join(folder, 'lock'), 'utf8'), 'of Prometheus, say')
})
