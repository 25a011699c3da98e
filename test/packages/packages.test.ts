import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { options } from '../../src/config/options.ts'
import { sensorOptions } from '../../src/config/sensor-options.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { createScope } from '../helpers/scope.ts'
import { findGoTool, findHelm, findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'
import { ARCH, DIGEST, dryRun, project, release, version } from './dry-run.ts'

const RPM_ARCH = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
const FOLDER = `rollcall-${version}.linux-${ARCH}`
const DEBS = [`rollcall_${version}_${ARCH}.deb`, `rollcall-sensor_${version}_${ARCH}.deb`]
const RPMS = [`rollcall-${version}-1.${RPM_ARCH}.rpm`, `rollcall-sensor-${version}-1.${RPM_ARCH}.rpm`]

const FILES = [
  'SHA256SUMS',
  RPMS[0],
  `rollcall-${version}.cdx.json`,
  `${FOLDER}.bin`,
  `${FOLDER}.tar.gz`,
  `rollcall-${version}.tgz`,
  RPMS[1],
  DEBS[1],
  DEBS[0],
] as string[]

const TOOLS = {
  nfpm: findTool('nfpm') ?? findGoTool('nfpm'),
  Helm: findHelm(),
  jq: findTool('jq'),
  rpm: findTool('rpm'),
  man: findTool('man'),
  shellcheck: findTool('shellcheck'),
  'dpkg-deb': findTool('dpkg-deb'),
}

/** The files of the release, once the dry run has made them, and the archive unpacked. */
let output: string

if (!Object.entries(TOOLS).some(([name, tool]) => missing(t, tool, name))) tests()

/** Runs scripts/package.mjs of a project. */
function build(folder: string, ...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [join(folder, 'scripts/package.mjs'), ...args], {
    env: { ...process.env, NODE_OPTIONS: '', GIT_DIR: resolve('.git') },
    encoding: 'utf8',
  })
}

/** What a command prints. */
function read(t: Test, command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1e8 })
  t.equal(status, 0, `${command} ${args.join(' ')}: ${error?.message ?? stderr}`)
  return stdout
}

/** An empty folder that the end of the test removes. */
function folderOf(t: Test): string {
  const scope = createScope()
  t.teardown(scope.end)
  return scope.testdir()
}

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** A folder for PATH with this program as `rollcall` and what its launcher needs, and without Node.js. */
function pathWith(t: Test, program: string): string {
  const folder = folderOf(t)
  for (const name of ['sh', 'readlink', 'dirname']) symlinkSync(String(findTool(name)), join(folder, name))
  symlinkSync(join(output, program), join(folder, 'rollcall'))
  return folder
}

/** Starts a program on a free port. */
async function serve(t: Test, args: readonly string[], env: Record<string, string>, says: string) {
  const all = [...args, '--web.listen-address=127.0.0.1:0', '--log.format=json']
  const child = spawn('rollcall', all, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(child, 'close')
  const stop = async () => {
    child.kill('SIGTERM')
    return (await ended)[0]
  }
  t.teardown(stop)
  let err = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const pattern = new RegExp(`"url":"([^"]+)".*"msg":"${says}"`)
  const url = await until(says, () => pattern.exec(err)?.[1])
  if (says === 'serving targets') {
    await until('the list', async () => (await fetch(`${url}/targets`)).status === 200)
  }
  return { url, stop }
}

function tests() {
  const work = project(t, `# Changelog\n\n## ${version}\n\n- All of it.\n`)

  t.test('a dry run of the release: every command of the workflow, but what publishes', async (t) => {
    const { calls, published } = dryRun(t, work)
    t.same(readdirSync(published).sort(), [...FILES].sort(), 'the files of the release')
    const sums = readFileSync(join(published, 'SHA256SUMS'), 'utf8').trim().split('\n').sort()
    const named = FILES.slice(1).map((name) => `${digest(join(published, name))}  ${name}`)
    t.same(sums, named.sort())
    output = published
    read(t, 'tar', '--extract', `--file=${join(output, `${FOLDER}.tar.gz`)}`, `--directory=${output}`)
    t.equal(readFileSync(`${published}.md`, 'utf8'), '- All of it.\n')

    const image = 'ghcr.io/rollcall/rollcall'
    const chart = 'ghcr.io/rollcall/charts/rollcall'
    t.same(
      calls
        .filter((call) => /^(cosign|gh|npm publish|helm push)/.test(call))
        .map((call) => call.replace(/\/tmp\S*\//g, '')),
      [
        `cosign sign --yes --recursive ${image}@${DIGEST}`,
        `helm push rollcall-${version}.tgz oci://ghcr.io/rollcall/charts`,
        `cosign sign --yes ${chart}@${DIGEST}`,
        `npm publish ./release/rollcall-${version}.tgz --provenance --access=public --tag=latest`,
        `gh release create v${version} --verify-tag --title v${version} --notes-file notes.md ${FILES.map((name) => `release/${name}`).join(' ')}`,
      ],
    )
    const tags = release('.', 'tags', `v${version}`).stdout.trim().split('\n')
    const created = `${tags.map((tag) => `--tag ${image}:${tag}`).join(' ')} ${image}@${DIGEST} ${image}@${DIGEST}`
    t.ok(calls.includes(`docker buildx imagetools create ${created}`))
    const builds = calls.filter((call) => call.startsWith('docker buildx build'))
    t.same(
      builds.map((call) => /--platform=(\S+)/.exec(call)?.[1]),
      ['linux/amd64', 'linux/arm64'],
    )
    for (const call of builds) {
      t.match(call, '--sbom=true')
      t.match(call, '--provenance=mode=max')
      t.match(call, 'rewrite-timestamp=true')
    }
  })

  for (const program of [`${FOLDER}/bin/rollcall`, `${FOLDER}.bin`]) {
    t.test(`${program} runs where there is no Node.js, through a link too`, async (t) => {
      const environment = { PATH: pathWith(t, program), XDG_CACHE_HOME: folderOf(t) }
      t.match(spawnSync('node', [], { env: environment }), { error: { code: 'ENOENT' } })
      const printed = spawnSync('rollcall', ['--version'], { env: environment, encoding: 'utf8' })
      t.match(printed, {
        status: 0,
        stdout: `rollcall ${version} (Node.js ${process.version})\n`,
        stderr: '',
      })

      const inventory = await inventoryServer(t, ['a', 'b'])
      const env = { ...environment, INVENTORY_URL: inventory.url.href, STORAGE_PATH: folderOf(t) }
      const { url, stop } = await serve(t, ['--web.drain-delay=0'], env, 'serving targets')
      const paths = [
        '/targets',
        '/targets?label.__meta_rollcall_source=inventory',
        '/',
        '/api/v1/openapi.json',
        '/api/v1/explain?q=a',
      ]
      const answers = await Promise.all(paths.map(async (path) => (await fetch(url + path)).status))
      t.same(
        answers,
        paths.map(() => 200),
        'threads, pages and documents are found',
      )
      t.equal(await stop(), 0)

      const sensor = await serve(t, ['sensor'], environment, 'serving metrics')
      t.match(await (await fetch(`${sensor.url}/metrics`)).text(), 'node_cpu_seconds_total')
      t.equal(await sensor.stop(), 0)
    })
  }

  t.test('the single executable unpacks itself once, where only its user can write', async (t) => {
    const program = join(output, `${FOLDER}.bin`)
    const cache = folderOf(t)
    const env = { XDG_CACHE_HOME: cache, TMPDIR: '/dev/null' }
    const runs = [1, 2, 3].map(() => once(spawn(program, ['--version'], { env, stdio: 'ignore' }), 'close'))
    t.same((await Promise.all(runs)).flat(), [0, null, 0, null, 0, null], 'also when several begin at once')
    const [unpacked, ...others] = readdirSync(join(cache, 'rollcall'))
    t.same(others, [])
    t.match(unpacked, new RegExp(`^${version}-[0-9a-f]{16}$`))
    const said = (more = {}) =>
      spawnSync(program, ['--version'], { env: { ...env, ...more }, encoding: 'utf8' })
    chmodSync(join(cache, 'rollcall'), 0o777)
    t.match(said(), { status: 1, stderr: /may be written by, others; .*set XDG_CACHE_HOME/ })
    t.match(said({ TMPDIR: folderOf(t) }), { status: 0, stderr: '' }, 'a temporary folder does too')
    const ended = spawnSync(program, ['-e', 'process.exitCode = 3'], { env })
    t.equal(ended.status, 3, 'what a process does to itself that ends for sure')
  })

  t.test(
    'it has what production needs: no development dependency, the licences, nothing to compile',
    async (t) => {
      const program = join(output, FOLDER, 'lib/rollcall')
      const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
      const rows = Object.entries<{ dev?: boolean; optional?: boolean }>(packages).filter(
        ([path, { optional }]) => path !== '' && optional !== true,
      )
      t.same(
        rows.filter(([path, { dev }]) => existsSync(join(program, path)) === (dev === true)),
        [],
      )
      const docs = readdirSync(join(output, FOLDER, 'share/doc/rollcall'))
      for (const name of ['copyright', 'copyright.node', 'changelog.gz', 'docs', 'examples', 'prometheus'])
        t.ok(docs.includes(name), name)
      const files = readdirSync(program, { recursive: true }) as string[]
      t.ok(files.length > 1000)
      t.same(
        files.filter((path) => /\.(map|ts|tsbuildinfo)$|^\.|^(src|test)\//.test(path)),
        [],
      )
    },
  )

  t.test('equal inputs make equal bytes', async (t) => {
    // The beginning of Node.js is enough where nothing is run.
    const prefix = folderOf(t)
    const node = join(prefix, 'bin/node')
    mkdirSync(join(prefix, 'bin'))
    writeFileSync(node, readFileSync(process.execPath).subarray(0, 1e5))
    writeFileSync(join(prefix, 'LICENSE'), 'MIT')
    const [first, second] = [folderOf(t), folderOf(t)]
    for (const folder of [first, second]) {
      const formats = ['tar', 'deb', 'rpm'].map((format) => `--format=${format}`)
      const made = build(work, `--output=${folder}`, `--node=${node}`, ...formats)
      t.equal(made.status, 0, made.stderr)
    }
    const names = readdirSync(first)
    t.equal(names.length, 5)
    for (const name of names) t.equal(digest(join(first, name)), digest(join(second, name)), name)
  })

  t.test('the man page has every command, flag and variable, and no mistake', async (t) => {
    const page = join(output, FOLDER, 'share/man/man1/rollcall.1.gz')
    const args = ['--warnings', '--local-file', '--encoding=UTF-8', '--troff-device=utf8', page]
    const { status, stdout, stderr } = spawnSync('man', args, {
      env: { ...process.env, MANWIDTH: '500', GROFF_NO_SGR: '', MAN_KEEP_FORMATTING: '' },
      encoding: 'utf8',
    })
    t.same([status, stderr], [0, ''])
    // Bold is a character, a backspace and the character again.
    const text = stdout.replaceAll(new RegExp(`.${String.fromCharCode(8)}`, 'g'), '')
    for (const { flag, env } of [...options, ...Object.values(sensorOptions)] as typeof options)
      t.ok(text.includes(flag === undefined ? `${env}=` : `--${flag}=`), `${flag} ${env}`)
    t.match(text, /^COMMANDS$/m)
    t.match(text, /\(targets\) +Only this source/)
  })

  t.test('shells find the completion of this version', async (t) => {
    const share = join(output, FOLDER, 'share')
    const paths = [
      ['bash', 'bash-completion/completions/rollcall'],
      ['zsh', 'zsh/site-functions/_rollcall'],
      ['fish', 'fish/vendor_completions.d/rollcall.fish'],
    ] as const
    for (const [shell, path] of paths) {
      const printed = read(t, join(output, FOLDER, 'bin/rollcall'), 'completion', shell)
      t.equal(readFileSync(join(share, path), 'utf8').trim(), printed.trim(), shell)
    }
  })

  t.test('deb packages: the same files under /usr, units, users, configuration', async (t) => {
    const [server, sensor] = DEBS.map((name) => join(output, name)) as [string, string]
    const field = (path: string, name: string) => read(t, 'dpkg-deb', '--field', path, name).trim()
    t.equal(field(server, 'Version'), version)
    t.match(field(server, 'Depends'), 'libstdc++6')
    t.equal(field(sensor, 'Depends'), `rollcall (= ${version})`)
    const into = folderOf(t)
    for (const path of [server, sensor]) read(t, 'dpkg-deb', '--extract', path, into)
    const inArchive = readdirSync(join(output, FOLDER), { recursive: true }) as string[]
    const inPackage = new Set(readdirSync(join(into, 'usr'), { recursive: true }) as string[])
    t.same(
      inArchive.filter((path) => !inPackage.has(path)),
      [],
    )
    for (const name of ['rollcall', 'rollcall-sensor']) {
      t.ok(inPackage.has(`lib/systemd/system/${name}.service`))
      t.ok(inPackage.has(`lib/sysusers.d/${name}.conf`))
    }
    t.same(readdirSync(join(into, 'etc/rollcall')).sort(), [
      'rollcall-sensor.env',
      'rollcall.env',
      'rollcall.yml',
    ])
    for (const path of [server, sensor]) {
      const control = folderOf(t)
      read(t, 'dpkg-deb', '--control', path, control)
      const scripts = ['postinst', 'prerm', 'postrm'].map((name) => join(control, name))
      for (const script of scripts) t.notMatch(readFileSync(script, 'utf8'), /@[A-Z]+@/)
      const conffiles = readFileSync(join(control, 'conffiles'), 'utf8').trim().split('\n')
      t.equal(conffiles.length, path === server ? 2 : 1)
      t.equal(read(t, 'shellcheck', ...scripts), '')
    }
  })

  t.test('rpm packages have the same files, and the same scripts', async (t) => {
    for (const [at, name] of RPMS.entries()) {
      const rpm = (...args: string[]) => read(t, 'rpm', '--query', ...args, '--package', join(output, name))
      const folder = folderOf(t)
      const deb = join(output, String(DEBS[at]))
      read(t, 'dpkg-deb', '--raw-extract', deb, folder)
      const files = readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('/DEBIAN'))
        .map((entry) => join(entry.parentPath, entry.name).slice(folder.length))
      const listed = rpm('--list').trim().split('\n')
      t.same(listed.filter((path) => !statSync(join(folder, path)).isDirectory()).sort(), files.sort())
      const conffiles = readFileSync(join(folder, 'DEBIAN/conffiles'), 'utf8')
      t.equal(rpm('--configfiles'), conffiles)
      for (const script of ['postinst', 'prerm', 'postrm'])
        t.match(rpm('--scripts'), readFileSync(join(folder, 'DEBIAN', script), 'utf8').trim())
      t.match(rpm('--requires'), at === 0 ? 'glibc >= 2.28' : `rollcall = ${version}`)
    }
  })

  t.test('the page about installing names what a release publishes', async (t) => {
    const page = readFileSync('docs/install.md', 'utf8')
    const readme = readFileSync('README.md', 'utf8')
    const globs = [
      ...`${page}${readme}`.matchAll(/(?:\.\/|--file=|install )(?!\.)(\S+\*\S+\.(?:deb|rpm|tar\.gz|bin))/g),
    ]
    const patterns = globs.map(([, glob]) => String(glob).replace('amd64', ARCH).replace('x86_64', RPM_ARCH))
    t.ok(patterns.length > 4)
    for (const pattern of new Set(patterns)) {
      const found = read(t, 'bash', '-c', `cd "$0" && printf '%s\\n' ${pattern}`, output).trim().split('\n')
      t.equal(found.length, 1, `${pattern}: ${found}`)
      t.ok(FILES.includes(String(found[0])), pattern)
    }
    for (const text of [page, readme]) {
      t.match(text, ' ghcr.io/rollcall/rollcall demo')
      t.match(text, ' oci://ghcr.io/rollcall/charts/rollcall ')
    }
  })

  t.test('a Node.js for another architecture is refused', async (t) => {
    const other = ARCH === 'amd64' ? 'arm64' : 'amd64'
    const { status, stderr } = build('.', `--output=${folderOf(t)}`, `--arch=${other}`)
    t.equal(status, 1)
    t.match(stderr, `--node: ${process.execPath} is no Node.js for linux-${other}`)
    t.match(build('.', '--arch=sparc'), { status: 1, stderr: /--arch: sparc is not one of amd64, arm64/ })
  })
}
