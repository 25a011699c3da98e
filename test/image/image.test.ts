import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { authority } from '../helpers/certificates.ts'
import { missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'
import { docker, findEngine, finish, healthOf } from './docker.ts'
import { type Answer, get } from './get.ts'

const IMAGE = 'rollcall:test'
const HARDENED = ['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges']

if (!missing(t, findEngine(), 'a Docker engine')) {
  t.before(() =>
    docker('build', '--tag', IMAGE, '--build-arg', 'VERSION=1.2.3', '--build-arg', 'REVISION=abcdef', '.'),
  )
  tests()
}

/** Runs a container that the end of the test removes. */
async function start(t: Test, ...args: readonly string[]): Promise<string> {
  const id = await docker('run', '--detach', ...args)
  t.teardown(() => docker('rm', '--force', '--volumes', id))
  return id
}

/** Runs a program in a container. */
const exec = (id: string, ...args: readonly string[]) => finish('docker', ['exec', id, ...args])

/** A network with an inventory, and a Rollcall that reads it every second. */
async function stack(t: Test) {
  const network = await docker('network', 'create', `rollcall-test-${process.pid}-${Date.now()}`)
  t.teardown(() => docker('network', 'rm', network))
  const inventory = await start(
    t,
    ...['--network', network, '--network-alias=inventory', '--entrypoint=node'],
    ...['--volume', `${resolve('compose/inventory')}:/srv/inventory:ro`, IMAGE, '/srv/inventory/server.mjs'],
  )
  const rollcall = await start(
    t,
    ...HARDENED,
    ...['--network', network, '--publish=127.0.0.1::8080', '--volume=/data'],
    ...['--env=INVENTORY_URL=http://inventory:1337/inventory', '--env=UPDATE_INTERVAL=1', IMAGE],
  )
  const url = async () => `http://${(await docker('port', rollcall, '8080')).split('\n')[0]}`
  await until('it serves the targets', async () =>
    (await get(`${await url()}/targets`)).body.includes('sensor-1:9100'),
  )
  return { inventory, rollcall, url }
}

function tests() {
  t.test('what the image says of itself', async (t) => {
    const [{ Config, Size }] = JSON.parse(await docker('image', 'inspect', IMAGE))
    t.equal(Config.User, '65532:65532', 'a number, so that Kubernetes can tell that it is not root')
    t.same(Config.Entrypoint, ['node', '/app/dist/cli.js'])
    t.same(Config.Healthcheck.Test, ['CMD', 'healthcheck'])
    t.same(Object.keys(Config.ExposedPorts), ['8080/tcp'])
    t.equal(Config.Volumes ?? undefined, undefined, 'whoever runs it decides what is kept')
    t.ok(Config.Env.includes('STORAGE_PATH=/data'))
    t.match(Config.Labels, {
      'org.opencontainers.image.title': 'Rollcall',
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.source': 'https://github.com/rollcall/rollcall',
      'org.opencontainers.image.version': '1.2.3',
      'org.opencontainers.image.revision': 'abcdef',
    })
    t.ok(Size < 200e6, `${Math.round(Size / 1e6)} MB`)
  })

  t.test('what is in the image: Node.js, Rollcall, production dependencies, and no shell', async (t) => {
    const id = await docker('create', IMAGE)
    t.teardown(() => docker('rm', id))
    const tar = join(t.testdir(), 'image.tar')
    await docker('export', '--output', tar, id)
    const entries = (await finish('tar', ['--list', '--verbose', '--numeric-owner', '--file', tar])).out
      .split('\n')
      .map((line) => /^(\S+) +(\S+) +\d+ \S+ \S+ (.*?)( -> .*)?$/.exec(line)?.slice(1) as string[])
      .map(([mode, owner, path]) => ({ mode: String(mode), owner: String(owner), path: String(path) }))
    const paths = entries.map(({ path }) => path)
    t.ok(paths.includes('app/dist/cli.js') && paths.includes('usr/local/bin/node'))
    t.ok(paths.includes('var/lib/dpkg/status.d/libc6'), 'scanners see the libraries')

    // Docker itself puts empty files there.
    const ours = entries.filter(({ path }) => !/^(app|dev)\/|^\.dockerenv|^etc\/(host|resolv)/.test(path))
    const programs = ours.filter(({ mode }) => /^-..x/.test(mode))
    t.same(
      programs
        .map(({ path }) => path)
        .filter((path) => !/\.so(\.\d+)*$/.test(path))
        .sort(),
      ['usr/local/bin/healthcheck', 'usr/local/bin/node'],
      'no shell, no package manager',
    )
    t.same(
      entries.filter(({ mode }) => /^-.{2,5}[sS]/.test(mode)),
      [],
      'nothing is setuid or setgid',
    )
    t.same(
      entries.filter(({ owner }) => owner !== '0/0').map(({ path }) => path),
      ['data/'],
      'only its data belongs to it',
    )
    t.same(
      entries.filter(({ mode }) => /^[-d].{7}w/.test(mode)).map(({ path }) => path),
      ['tmp/'],
    )

    const inImage = paths.flatMap((path) => /^app\/(node_modules\/.*)\/package\.json$/.exec(path)?.[1] ?? [])
    const lock: Record<string, { dev?: boolean }> = JSON.parse(
      readFileSync('package-lock.json', 'utf8'),
    ).packages
    const wanted = Object.keys(lock).filter((path) => lock[path]?.dev !== true)
    t.same(
      inImage.filter((path) => path in lock && !wanted.includes(path)),
      [],
      'no development dependency',
    )
    for (const name of Object.keys(JSON.parse(readFileSync('package.json', 'utf8')).dependencies)) {
      t.ok(inImage.includes(`node_modules/${name}`), name)
    }
    t.same(
      paths.filter((path) => /^app\/(src|test|\.|compose)|\.npmrc|\.env$/.test(path)),
      [],
      'nothing else of the repository',
    )
  })

  t.test('it runs without root, on a read-only root file system, and turns healthy', async (t) => {
    const { rollcall } = await stack(t)
    const [, process = ''] = (await docker('top', rollcall, '-eo', 'pid,uid,args')).split('\n')
    t.match(process.trim(), /^\d+ +65532 +node \/app\/dist\/cli\.js$/, 'the process is Node.js itself')
    await until('it is healthy', async () => (await healthOf(rollcall)) === 'healthy')

    t.match(
      (await exec(rollcall, 'sh', '-c', 'true')).err + (await exec(rollcall, 'sh')).out,
      /sh.*not found/,
    )
    const write = (path: string) => exec(rollcall, 'node', '-e', `require('fs').writeFileSync('${path}', '')`)
    t.match((await write('/app/a')).err, 'EROFS')
    t.match((await write('/tmp/a')).err, 'EROFS')
    t.equal((await write('/data/a')).code, 0)
  })

  t.test('SIGHUP reaches the process, which has no file to reload', async (t) => {
    const { rollcall } = await stack(t)
    await docker('kill', '--signal=HUP', rollcall)
    await until('it says so', async () =>
      (await finish('docker', ['logs', rollcall])).err.includes(
        'nothing to reload: there is no configuration file',
      ),
    )
  })

  t.test(
    'docker stop drains and exits 0; its list is there after a start without an inventory',
    async (t) => {
      const { inventory, rollcall, url } = await stack(t)
      const address = await url()
      const state = { stopping: true }
      const seen: { targets: Answer['status']; ready: Answer['status'] }[] = []
      const watching = (async () => {
        while (state.stopping) {
          seen.push({
            targets: (await get(`${address}/targets`)).status,
            ready: (await get(`${address}/ready`)).status,
          })
          await delay(50)
        }
      })()
      const began = performance.now()
      await docker('stop', '--time=30', rollcall)
      const seconds = (performance.now() - began) / 1000
      state.stopping = false
      await watching

      t.equal(
        await docker('inspect', '--format', '{{.State.ExitCode}} {{.State.OOMKilled}}', rollcall),
        '0 false',
      )
      t.ok(seconds > 5 && seconds < 15, `it took ${seconds.toFixed(1)} s`)
      const drained = seen.filter(({ ready }) => ready === 503)
      t.ok(drained.length > 20, `${drained.length} polls while it drained`)
      const answers = seen.map(({ targets }) => targets)
      const last = answers.lastIndexOf(200)
      t.same(
        answers.slice(0, last).filter((status) => status !== 200),
        [],
        'every poll is answered until it is gone',
      )

      await docker('stop', '--time=1', inventory)
      await docker('start', rollcall)
      await until('it serves what it kept', async () =>
        (await get(`${await url()}/targets`)).body.includes('sensor-1:9100'),
      )
      t.match((await get(`${await url()}/health`)).body, '"stale"')
      await until('it is healthy', async () => (await healthOf(rollcall)) === 'healthy')
    },
  )

  t.test('the health check asks where the server listens, and notices one that hangs', async (t) => {
    const check = (id: string) => exec(id, 'healthcheck')
    const healthy = (id: string) => until('it is healthy', async () => (await check(id)).code === 0)
    const asleep = '--env=INVENTORY_URL=http://127.0.0.1:9/'
    const id = await start(t, asleep, IMAGE, '--web.listen-address=127.0.0.1:7001')
    await healthy(id)
    await healthy(await start(t, asleep, '--env=LISTEN_ADDRESS=0.0.0.0:7002', IMAGE))
    await healthy(await start(t, IMAGE))

    const folder = t.testdir()
    const { certFile, keyFile } = authority(folder).sign('server', 'DNS:elsewhere')
    for (const path of [certFile, keyFile]) chmodSync(path, 0o644)
    const users = 'basic_auth_users: {}\n'
    const tls = `tls_server_config: { cert_file: ${basename(certFile)}, key_file: ${basename(keyFile)} }\n`
    for (const text of [users, `${users}${tls}`]) {
      const file = join(folder, text === users ? 'users.yml' : 'tls.yml')
      writeFileSync(file, text)
      const mounted = [
        asleep,
        `--volume=${folder}:/web:ro`,
        IMAGE,
        `--web.config.file=/web/${basename(file)}`,
      ]
      const secured = await start(t, ...mounted)
      await healthy(secured)
      t.notMatch((await finish('docker', ['logs', secured])).err, 'request refused', 'and says nothing of it')
    }

    await docker('kill', '--signal=STOP', id)
    const { code, err } = await check(id)
    t.equal(code, 1)
    t.equal(err, 'http://127.0.0.1:7001/-/healthy: no answer in time')
    await docker('kill', '--signal=CONT', id)
    await healthy(id)
  })

  t.test('other commands run in it too', async (t) => {
    const env = '--env=INVENTORY_URL=http://inventory:1337/'
    const { out } = await finish('docker', ['run', '--rm', ...HARDENED, env, IMAGE, 'check'])
    t.match(out, 'SUCCESS')
  })
}
