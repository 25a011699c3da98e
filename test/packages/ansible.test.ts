import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { CLI, start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { findAnsible, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

const playbook = findAnsible('ansible-playbook')
const ROLES = 'packaging/ansible/roles'

/** What Ansible did. */
interface Run {
  readonly code: number
  readonly out: string
  /** How many tasks changed something, and how many failed. */
  readonly changed: number
  readonly failed: number
}

/** A machine, as far as the roles touch it: folders of the test, and no systemd that is told. */
function machine(t: Test) {
  const folder = t.testdir({ bin: {}, units: {} })
  const program = join(folder, 'bin/rollcall')
  writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${CLI} "$@"\n`, {
    mode: 0o755,
  })
  const at = (path: string) => join(folder, path)
  const play = async (role: string, vars: object, ...flags: string[]): Promise<Run> => {
    const book = at('play.yml')
    const own = {
      rollcall_install: 'none',
      rollcall_start: false,
      rollcall_packaging_dir: resolve('packaging'),
      rollcall_unit_dir: at('units'),
      rollcall_etc_dir: at('etc'),
    }
    const one = {
      hosts: 'localhost',
      connection: 'local',
      gather_facts: false,
      roles: [{ role, vars: { ...own, ...vars } }],
    }
    writeFileSync(book, stringify([one]))
    const env = {
      PATH: `${at('bin')}:${dirname(process.execPath)}:${process.env.PATH}`,
      HOME: folder,
      LC_ALL: 'C.UTF-8',
      ANSIBLE_ROLES_PATH: resolve(ROLES),
      ANSIBLE_LOCALHOST_WARNING: 'False',
      ANSIBLE_INVENTORY_UNPARSED_WARNING: 'False',
      ANSIBLE_NOCOLOR: '1',
      ANSIBLE_PIPELINING: 'True',
      ANSIBLE_PYTHON_INTERPRETER: join(dirname(playbook as string), 'python3'),
    }
    return new Promise((done) => {
      execFile(playbook as string, [...flags, book], { env }, (error, stdout, stderr) => {
        const out = stdout + stderr
        const count = (name: string) => Number(new RegExp(`${name}=(\\d+)`).exec(out)?.[1] ?? 0)
        done({ code: Number(error?.code ?? 0), out, changed: count('changed'), failed: count('failed') })
      })
    })
  }
  return { at, play, read: (path: string) => readFileSync(at(path), 'utf8') }
}

/** The variables of an environment file. */
function variables(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]))
}

t.test(
  'the role for the server installs what serves, once, and puts nothing wrong in its place',
  async (t) => {
    if (missing(t, playbook, 'ansible-core')) return
    const inventory = await inventoryServer(t, ['a'])
    const { at, play, read } = machine(t)
    const source = { name: 'cmdb', http: { url: inventory.url.href } }
    const vars = {
      rollcall_config: { sources: [source] },
      rollcall_listen_address: '127.0.0.1:0',
      rollcall_args: ['--web.enable-lifecycle', '--log.level=info'],
      rollcall_env: { STORAGE_PATH: at('data') },
      rollcall_credentials: { 'cmdb-token': 'hunter2' },
    }
    const checked = await play('rollcall_server', vars, '--check', '--diff')
    t.same([checked.code, checked.failed], [0, 0], checked.out)
    t.notMatch(checked.out, 'hunter2')
    t.throws(() => statSync(at('etc')), { code: 'ENOENT' }, 'a check changes nothing')

    const first = await play('rollcall_server', vars)
    t.equal(first.code, 0, first.out)
    t.equal((await play('rollcall_server', vars)).changed, 0, 'a second time there is nothing to do')
    t.equal(read('units/rollcall.service'), readFileSync('packaging/systemd/rollcall.service', 'utf8'))
    t.match(
      read('units/rollcall.service.d/credentials.conf'),
      `LoadCredential=cmdb-token:${at('etc/cmdb-token')}\n`,
    )
    t.equal(statSync(at('etc/cmdb-token')).mode & 0o777, 0o600)
    t.equal(read('etc/cmdb-token'), 'hunter2')

    const { ARGS, ...env } = variables(read('etc/rollcall.env'))
    const { url } = await start(t, ['serve', ...String(ARGS).split(' ')], env)
    await until('it serves', async () => (await (await fetch(`${url}/targets`)).text()).includes('a:9100'))

    const before = read('etc/rollcall.yml')
    const wrong = await play('rollcall_server', {
      ...vars,
      rollcall_config: { sources: [{ ...source, htpp: {} }] },
    })
    t.not(wrong.code, 0)
    t.match(wrong.out, 'htpp')
    t.equal(read('etc/rollcall.yml'), before)
    const empty = await play('rollcall_server', { ...vars, rollcall_config: {} })
    t.match(empty, { failed: 1, out: /rollcall_config: has no sources/ })
  },
)

t.test('the role for the sensor installs what registers', async (t) => {
  if (missing(t, playbook, 'ansible-core')) return
  const { at, play, read } = machine(t)
  const vars = {
    rollcall_sensor_args: ['--web.listen-address=127.0.0.1:0', '--register.labels=site=lab'],
    rollcall_sensor_credentials: { 'registration-token': 'hunter2' },
  }
  const first = await play('rollcall_sensor', vars)
  t.equal(first.code, 0, first.out)
  t.equal(
    read('units/rollcall-sensor.service'),
    readFileSync('packaging/systemd/rollcall-sensor.service', 'utf8'),
  )
  t.match(
    read('units/rollcall-sensor.service.d/credentials.conf'),
    `LoadCredential=registration-token:${at('etc/sensor-registration-token')}\n`,
  )
  const { ARGS } = variables(read('etc/rollcall-sensor.env'))
  t.equal(ARGS, vars.rollcall_sensor_args.join(' '))
})

t.test(
  'the program is installed when it is not there, and a Node.js that is too old is refused',
  async (t) => {
    if (missing(t, playbook, 'ansible-core')) return
    const { at, play, read } = machine(t)
    const tool = (name: string, script: string) =>
      writeFileSync(at(`bin/${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    mkdirSync(at('lib'))
    tool(
      'npm',
      `case $1 in
    ls) [ -e ${at('lib/version')} ] || { echo '{}'; exit 1; }
      printf '{"dependencies":{"rollcall":{"version":"%s"}}}' "$(cat ${at('lib/version')})" ;;
    root) echo ${at('lib')} ;;
    install) echo "$@" >>${at('lib/log')}; echo "\${5#rollcall@}" >${at('lib/version')} ;;
    esac`,
    )
    const vars = { rollcall_install: 'npm', rollcall_package: 'rollcall@0.1.0' }
    t.equal((await play('rollcall_program', vars)).code, 0)
    t.equal((await play('rollcall_program', vars)).changed, 0)
    t.equal((await play('rollcall_program', { ...vars, rollcall_package: 'rollcall@0.2.0' })).changed, 1)
    t.same(read('lib/log').trim().split('\n'), [
      'install --global --no-audit --no-fund rollcall@0.1.0',
      'install --global --no-audit --no-fund rollcall@0.2.0',
    ])
    tool('node', 'echo v18.20.0')
    t.match(await play('rollcall_program', vars), {
      failed: 1,
      out: /needs Node.js 20.19 or later.*v18.20.0/,
    })
  },
)
