import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { flagOptions } from '../../src/config/options.ts'
import { parseDuration } from '../../src/model/duration.ts'
import { run, start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { createScope } from '../helpers/scope.ts'
import { findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

const FOLDER = 'packaging/systemd'
const UNITS = ['rollcall.service', 'rollcall-sensor.service']

const BACKUP = 'rollcall-backup.service'

/** What "systemd-analyze security" may say at most, in tenths. */
const MAX_EXPOSURE = 20

const analyze = findTool('systemd-analyze')

/** The values of a setting of a unit, in order. */
function settings(unit: string, name: string): string[] {
  const text = readFileSync(join(FOLDER, unit), 'utf8')
  return [...text.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value as string)
}

/** The variables of an environment file, as systemd reads it. */
function environmentOf(file: string): Record<string, string> {
  const lines = readFileSync(file, 'utf8').matchAll(/^([A-Z_]+)=(.*)$/gm)
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]))
}

/** The arguments after `/usr/bin/env rollcall`, with the value of $ARGS in its place. */
function argumentsOf(command: string | undefined, args: string): string[] {
  const found = /^\/usr\/bin\/env rollcall (.+)$/.exec(String(command))
  return String(found?.[1])
    .replace('$ARGS', args)
    .split(' ')
    .filter((word) => word !== '')
}

for (const unit of [...UNITS, BACKUP]) {
  t.test(`systemd finds nothing wrong in ${unit}, and little to harden`, async (t) => {
    if (missing(t, analyze, 'systemd-analyze')) return
    const path = join(FOLDER, unit)
    const verified = spawnSync(String(analyze), ['verify', path], { encoding: 'utf8' })
    t.same([verified.status, verified.stderr + verified.stdout], [0, ''])
    const args = ['security', '--offline=true', `--threshold=${MAX_EXPOSURE}`, '--no-pager', path]
    const judged = spawnSync(String(analyze), args, { encoding: 'utf8' })
    t.equal(judged.status, 0, String(judged.stdout.trim().split('\n').at(-1)))
  })
}

for (const unit of UNITS) {
  t.test(`${unit} starts again after a failure, and has time to stop`, async (t) => {
    t.same(settings(unit, 'Restart'), ['on-failure'])
    t.same(settings(unit, 'StartLimitIntervalSec'), ['0'])
    t.same(settings(unit, 'DynamicUser'), ['yes'])
    const timeoutMs = parseDuration(flagOptions.shutdownTimeout.default) as number
    t.ok(Number(settings(unit, 'TimeoutStopSec')[0]) * 1000 > timeoutMs)
  })
}

t.test('the command lines of rollcall.service check and serve what its environment file says', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const folder = t.testdir()
  const config = join(folder, 'rollcall.yml')
  writeFileSync(config, `sources: [{ name: sensors, http: { url: ${inventory.url} } }]`)
  const shipped = environmentOf(join(FOLDER, 'rollcall.env'))
  t.match(shipped, { CONFIG_FILE: '/etc/rollcall/rollcall.yml', LISTEN_ADDRESS: ':8080' })
  const [defaults] = settings('rollcall.service', 'Environment')
  t.equal(
    defaults,
    'ARGS= STORAGE_PATH=%S/rollcall LOG_FORMAT=json MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=65536 NODE_OPTIONS=--max-semi-space-size=4',
  )
  const storage = join(folder, 'state')
  mkdirSync(storage)
  const env = { ...shipped, CONFIG_FILE: config, STORAGE_PATH: storage, LOG_FORMAT: 'json' }

  const [check, hangUp] = settings('rollcall.service', 'ExecReload')
  const checked = await run(argumentsOf(check, '--log.level=debug'), env)
  t.same([checked.code, checked.err], [0, ''])
  t.equal(hangUp, '/bin/kill -HUP $MAINPID')
  writeFileSync(config, 'sources: [{ name: sensors, htp: {} }]')
  t.match(await run(argumentsOf(check, ''), env), { code: 2, err: /htp/ })

  writeFileSync(config, `sources: [{ name: sensors, http: { url: ${inventory.url} } }]`)
  const [serve] = settings('rollcall.service', 'ExecStart')
  const args = argumentsOf(serve, `--web.enable-lifecycle --storage.path=${storage}`)
  const { url, child, err } = await start(t, args, env)
  await until('the list', async () => (await fetch(`${url}/targets`)).status === 200)
  child.kill('SIGHUP')
  await until('the reload', () => err().includes('configuration reloaded'))
})

t.test('the timer makes a backup, and keeps the last ones', async (t) => {
  if (missing(t, findTool('curl'), 'curl')) return
  t.same(settings('rollcall-backup.timer', 'OnCalendar'), ['hourly'])
  if (!missing(t, analyze, 'systemd-analyze')) {
    const path = join(FOLDER, 'rollcall-backup.timer')
    t.match(spawnSync(String(analyze), ['verify', path], { encoding: 'utf8' }), { status: 0, stderr: '' })
  }
  const inventory = await inventoryServer(t, ['a'])
  const { url } = await start(t, ['--web.enable-lifecycle'], { INVENTORY_URL: inventory.url.href })
  await until('the list', async () => (await fetch(`${url}/targets`)).status === 200)
  const folder = t.testdir({ 'rollcall-1.backup': '', 'rollcall-2.backup': '', others: '' })
  const [defaults] = settings(BACKUP, 'Environment')
  t.equal(defaults, 'URL=http://127.0.0.1:8080 KEEP=48 CURL_ARGS=')
  const runUnit = (to: string) => {
    const env = { PATH: process.env.PATH, URL: to, KEEP: '2', CURL_ARGS: '--globoff' }
    // As systemd reads them; one that fails is the last.
    const lines = settings(BACKUP, 'ExecStart').map((line) =>
      line.replaceAll('$$', '$').replaceAll('%%', '%'),
    )
    return spawnSync('sh', ['-e', '-c', lines.join('\n')], { cwd: folder, env, encoding: 'utf8' })
  }
  t.match(runUnit(url), { status: 0, stderr: '' })
  const names = readdirSync(folder).sort()
  t.match(names, ['others', 'rollcall-2.backup', /^rollcall-\d{8}T\d{6}Z\.backup$/])
  t.equal(names.length, 3)
  const file = join(folder, String(names.at(-1)))
  const to = `--storage.path=${join(folder, 'data')}`
  t.match(await run(['restore', file, to]), { code: 0, out: /\ninventory +1 target/ })
  t.match(runUnit(`${url}/nowhere`), { status: 22, stderr: /404/ })
  t.same(readdirSync(folder).sort(), ['data', ...names])
})

/** Receives what is sent to a datagram socket, as systemd does; Node.js itself has no such sockets. */
async function notifySocket(t: Test): Promise<{ path: string; received: () => string }> {
  // In the folder for temporary files: the path of a socket has at most 107 characters.
  const scope = createScope()
  t.teardown(scope.end)
  const path = join(scope.testdir(), 'notify')
  const script = `use IO::Socket::UNIX; $| = 1;
    my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => shift) or die; print "listening\\n";
    while (defined $s->recv(my $m, 4096)) { print "$m\\n" }`
  const child = spawn('perl', ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  t.teardown(async () => {
    child.kill()
    await once(child, 'close')
  })
  await until('the socket', () => text.includes('listening'))
  return { path, received: () => text }
}

t.test('a unit of Type=notify is told once targets are served, although the inventory is down', async (t) => {
  if (missing(t, findTool('systemd-notify'), 'systemd-notify')) return
  t.same(settings('rollcall.service', 'Type'), ['notify'])
  t.same(settings('rollcall.service', 'NotifyAccess'), ['all'])
  const inventory = await inventoryServer(t)
  await inventory.stop()
  const { path, received } = await notifySocket(t)
  const { url } = await start(t, [], { INVENTORY_URL: inventory.url.href, NOTIFY_SOCKET: path })
  await until('the notification', () => received().includes('READY=1'))
  t.match(received(), `STATUS=Serving targets at ${url}`)
  t.equal((await fetch(`${url}/-/healthy`)).status, 200)
})

t.test('the command line of rollcall-sensor.service serves metrics, and says so', async (t) => {
  if (missing(t, findTool('systemd-notify'), 'systemd-notify')) return
  t.same(settings('rollcall-sensor.service', 'Type'), ['notify'])
  const [serve] = settings('rollcall-sensor.service', 'ExecStart')
  const args = argumentsOf(serve, '')
  const { path, received } = await notifySocket(t)
  const env = { LOG_FORMAT: 'json', NOTIFY_SOCKET: path }
  const { url } = await start(t, args, env, /"url":"([^"]+)".*"msg":"serving metrics"/)
  await until('the notification', () => received().includes('READY=1'))
  t.match(received(), `STATUS=Serving metrics at ${url}`)
  t.match(await (await fetch(`${url}/metrics`)).text(), /^node_cpu_seconds_total\{/m)
})

t.test('where systemd-notify is missing, the log says why the unit is not ready', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const env = { INVENTORY_URL: inventory.url.href, NOTIFY_SOCKET: '/nowhere', PATH: t.testdir() }
  const { err } = await start(t, [], env)
  await until('the warning', () => err().includes('is systemd-notify installed?'))
  t.match(err(), 'ENOENT')
})
