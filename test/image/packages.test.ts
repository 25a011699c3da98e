import { spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findGoTool, findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'
import { docker, findEngine, finish } from './docker.ts'

/** The Debian that .ci/engine makes ready. */
const DEBIAN = 'debian:bookworm-slim'

t.test(
  'apt installs the packages on a Debian without Node.js, where they run, and removes them',
  async (t) => {
    if (missing(t, findEngine(), 'a Docker engine')) return
    if (missing(t, findTool('nfpm') ?? findGoTool('nfpm'), 'nfpm')) return
    const output = t.testdir()
    const args = ['scripts/package.mjs', `--output=${output}`, '--format=deb']
    const built = spawnSync(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: '' } })
    t.equal(built.status, 0, String(built.stderr))
    const files = readdirSync(output)
    t.equal(files.length, 2)
    const config = `sources: [{ name: sensors, file: { files: [/etc/rollcall/hosts.json] }, targets: ['{@}:9100'] }]\n`
    writeFileSync(join(output, 'rollcall.yml'), config)
    writeFileSync(join(output, 'hosts.json'), '["a", "b"]')

    const id = await docker('run', '--detach', `--volume=${output}:/packages:ro`, DEBIAN, 'sleep', 'infinity')
    t.teardown(() => docker('rm', '--force', id))
    const exec = (...words: string[]) => finish('docker', ['exec', id, ...words])
    const sh = (script: string) => exec('sh', '-euc', script)
    const apt = (...words: string[]) =>
      exec('env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-y', '--no-install-recommends', ...words)
    const packages = files.map((name) => `/packages/${name}`)

    t.equal((await sh('command -v node')).code, 127)
    const installed = await apt('install', ...packages)
    t.equal(installed.code, 0, installed.out + installed.err)
    t.match(await exec('rollcall', '--version'), { code: 0, out: /^rollcall \d/ })
    t.match(await exec('rollcall', 'check', '--syntax-only', '--config.file=/etc/rollcall/rollcall.yml'), {
      code: 0,
      out: /1 source \(sensors\)/,
    })
    t.match(await exec('getent', 'passwd', 'rollcall', 'rollcall-sensor'), { code: 0, out: /nologin/ })

    // What systemd does: the environment of the unit and of its file, its user, its command line.
    await sh(
      'cp /packages/rollcall.yml /packages/hosts.json /etc/rollcall; install -d -o rollcall /var/lib/rollcall',
    )
    const unit = '/usr/lib/systemd/system/rollcall.service'
    await sh(
      `{ cat /etc/rollcall/rollcall.env; sed -n 's/^Environment=//p' ${unit} | tr ' ' '\\n' | sed 's,%S,/var/lib,'; } |
      grep -v '^#' >/tmp/env; sed -n 's/^ExecStart=//p' ${unit} >/tmp/command`,
    )
    const script =
      'set -a; . /tmp/env; set +a; echo $$ >/tmp/server; exec $(cat /tmp/command | sed s/.ARGS//)'
    await docker('exec', '--detach', '--user=rollcall', id, 'sh', '-c', `umask 022; ${script}`)
    const fetching =
      "fetch('http://127.0.0.1:8080/targets').then(async (answer) => console.log(await answer.text()))"
    const targets = () => exec('/usr/lib/rollcall/node', '-e', fetching)
    await until('it serves', async () => (await targets()).out.includes('"a:9100"'))
    const { out: owner } = await exec('stat', '--format=%U', '/var/lib/rollcall/lock')
    t.equal(owner, 'rollcall', 'it keeps its lists')

    t.equal((await apt('install', '--reinstall', ...packages)).code, 0)
    t.equal(
      (await exec('cat', '/etc/rollcall/rollcall.yml')).out,
      config.trim(),
      'an upgrade keeps the configuration',
    )
    await sh('kill $(cat /tmp/server)')
    await until('it has stopped', async () => (await sh('kill -0 $(cat /tmp/server)')).code !== 0)

    t.equal((await apt('remove', 'rollcall', 'rollcall-sensor')).code, 0)
    t.equal((await exec('ls', '/usr/bin/rollcall', '/usr/lib/rollcall')).code, 2)
    t.equal(
      (await exec('ls', '/etc/rollcall/rollcall.env', '/var/lib/rollcall')).code,
      0,
      'what is yours stays',
    )
    t.equal((await apt('purge', 'rollcall', 'rollcall-sensor')).code, 0)
    t.match(await exec('ls', '/var/lib/rollcall', '/etc/rollcall/rollcall.env'), { code: 2 })
  },
)
