// Builds what machines without Node.js install: an archive with Rollcall, its production dependencies and Node.js, a
// single executable of the same, and deb and rpm packages with units, users, configuration, shell completion and a man page.
//
//   node scripts/package.mjs [--output=release] [--version=1.2.3] [--arch=amd64|arm64] [--node=/usr/bin/node]
//     [--format=tar --format=executable --format=deb --format=rpm]
//
// Needs Linux, GNU tar, installed dependencies, "npm run build", and nfpm for deb and rpm. A private Node.js: every
// distribution runs the tested version.
// Equal inputs make equal bytes: all times are SOURCE_DATE_EPOCH, by default that of the commit.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { inject } from 'postject'
import { manPage } from './man-page.mjs'

const HERE = resolve(import.meta.dirname, '..')
const MANIFEST = readJson('package.json')

/** What an ELF file says of the machine that it is for. */
const ELF_MACHINES = { amd64: 0x3e, arm64: 0xb7 }

/** Files of dependencies that only people and compilers read; licences stay. */
const UNUSED = /\.(map|ts|mts|cts|md|markdown|tsbuildinfo)$/i
const LICENCE = /licen[cs]e|notice|copying/i

/** What official builds of Node.js 24 are linked to. */
const DEPENDS = {
  deb: ['libc6 (>= 2.28)', 'libstdc++6'],
  rpm: ['glibc >= 2.28', 'libstdc++'],
}

const { values: given } = parseArgs({
  options: {
    output: { type: 'string', default: 'release' },
    version: { type: 'string', default: MANIFEST.version },
    arch: { type: 'string', default: process.arch === 'arm64' ? 'arm64' : 'amd64' },
    node: { type: 'string', default: process.execPath },
    format: { type: 'string', multiple: true, default: ['tar', 'executable', 'deb', 'rpm'] },
  },
})
const { version, arch } = given
// Both kinds of packages sort what follows a tilde before the version without it.
const packageVersion = version.replace('-', '~')
const output = resolve(given.output)
process.chdir(HERE)
// What is packed is the same whoever builds it.
process.umask(0o022)
const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? run('git', ['log', '-1', '--format=%ct']))

assertArchitecture(given.node)
const work = mkdtempSync(join(tmpdir(), 'rollcall-package-'))
try {
  mkdirSync(output, { recursive: true })
  const tree = join(work, `rollcall-${version}.linux-${arch}`)
  await writeTree(tree)
  for (const format of given.format) {
    if (format === 'tar') archive(tree)
    else if (format === 'executable') await executable(tree)
    else {
      pack(format, serverPackage(tree, format))
      pack(format, sensorPackage(format))
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}

/** Writes the folder that is unpacked anywhere, and that is /usr in the packages. */
async function writeTree(tree) {
  const program = join(tree, 'lib/rollcall')
  const docs = join(tree, 'share/doc/rollcall')
  const [{ files }] = JSON.parse(run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts']))
  for (const { path } of files) {
    if (path.startsWith('dist/')) copy(path, join(program, path))
    else if (/^(docs|examples|prometheus)\//.test(path)) copy(path, join(docs, path))
  }
  if (!existsSync(join(program, 'dist/cli.js'))) fail('there is no dist/cli.js; run "npm run build" first')
  write(join(program, 'package.json'), `${JSON.stringify({ ...MANIFEST, version }, null, 2)}\n`)
  copyDependencies(program)
  copy(given.node, join(program, 'node'), 0o755)
  copy('LICENSE', join(docs, 'copyright'))
  copyNodeLicence(docs)
  write(join(docs, 'changelog.gz'), gzipSync(readFileSync('CHANGELOG.md')))
  copy('packaging/rollcall', join(tree, 'bin/rollcall'), 0o755)
  write(join(tree, 'share/man/man1/rollcall.1.gz'), gzipSync(await manPage(version, epoch)))
  const completions = {
    bash: 'share/bash-completion/completions/rollcall',
    zsh: 'share/zsh/site-functions/_rollcall',
    fish: 'share/fish/vendor_completions.d/rollcall.fish',
  }
  for (const [shell, path] of Object.entries(completions)) {
    write(join(tree, path), run(process.execPath, ['dist/cli.js', 'completion', shell]))
  }
}

/** Copies the dependencies that the lock file has for production, as they are installed here. */
function copyDependencies(program) {
  const { packages } = readJson('package-lock.json')
  for (const [path, { dev, optional }] of Object.entries(packages)) {
    if (path === '' || dev === true) continue
    if (!existsSync(path)) {
      if (optional !== true) fail(`${path} is not installed; run "npm ci" first`)
      continue
    }
    const nested = join(path, 'node_modules')
    cpSync(path, join(program, path), {
      recursive: true,
      filter: (file) => file !== nested && (LICENCE.test(file) || !UNUSED.test(file)),
    })
  }
}

/** The licence of Node.js, which distributions keep in different places. */
function copyNodeLicence(docs) {
  const prefix = dirname(dirname(given.node))
  const found = [join(prefix, 'LICENSE'), join(prefix, 'share/doc/nodejs/LICENSE')].find(existsSync)
  if (found === undefined)
    fail(`the licence of ${given.node} is neither in ${prefix} nor in its share/doc/nodejs`)
  copy(found, join(docs, 'copyright.node'))
}

function archive(tree) {
  const path = join(output, `rollcall-${version}.linux-${arch}.tar.gz`)
  const same = [
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    `--mtime=@${epoch}`,
    '--mode=go-w',
  ]
  const how = ['--create', '--use-compress-program=gzip --no-name', `--file=${path}`]
  run('tar', [...how, ...same, `--directory=${dirname(tree)}`, basename(tree)])
  tell(path)
}

/** One file that unpacks the program where it runs: Node.js with the files in it. */
async function executable(tree) {
  const program = join(tree, 'lib/rollcall')
  const entries = readdirSync(program, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(program.length + 1))
    .filter((path) => path !== 'node')
    .sort()
  const files = paths.map((path) => readFileSync(join(program, path)))
  const packed = gzipSync(Buffer.concat(files))
  const digest = createHash('sha256').update(packed).digest('hex').slice(0, 16)
  const assets = {
    name: `${version}-${digest}`,
    index: JSON.stringify(paths.map((path, at) => [path, files[at].length])),
    files: packed,
  }
  const folder = join(work, 'executable')
  for (const [name, data] of Object.entries(assets)) write(join(folder, name), data)
  const blob = join(folder, 'blob')
  const config = {
    main: resolve('packaging/executable.cjs'),
    output: blob,
    disableExperimentalSEAWarning: true,
    assets: Object.fromEntries(Object.keys(assets).map((name) => [name, join(folder, name)])),
  }
  write(join(folder, 'config.json'), JSON.stringify(config))
  run(given.node, ['--experimental-sea-config', join(folder, 'config.json')])
  const path = join(output, `rollcall-${version}.linux-${arch}.bin`)
  copy(given.node, path, 0o755)
  const fuse = { sentinelFuse: 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2' }
  await inject(path, 'NODE_SEA_BLOB', readFileSync(blob), fuse)
  tell(path)
}

/** The server: all files, its unit, and a configuration to edit. */
function serverPackage(tree, format) {
  return {
    ...described('rollcall', 'HTTP service discovery for Prometheus', [
      'rollcall.service',
      'rollcall-backup.timer',
    ]),
    depends: DEPENDS[format],
    recommends: ['systemd'],
    contents: [
      ...['bin', 'lib', 'share'].map((part) => ({
        src: join(tree, part),
        dst: `/usr/${part}`,
        type: 'tree',
      })),
      ...['rollcall.service', 'rollcall-backup.service', 'rollcall-backup.timer'].map(unit),
      file('packaging/sysusers/rollcall.conf', '/usr/lib/sysusers.d/rollcall.conf'),
      configuration('packaging/systemd/rollcall.env'),
      configuration('packaging/rollcall.yml'),
    ],
  }
}

/** The sensor: the unit that runs the program of the server's package. */
function sensorPackage(format) {
  return {
    ...described('rollcall-sensor', 'Metrics of a device for Prometheus', ['rollcall-sensor.service']),
    depends: [format === 'deb' ? `rollcall (= ${packageVersion})` : `rollcall = ${packageVersion}`],
    contents: [
      unit('rollcall-sensor.service'),
      file('packaging/sysusers/rollcall-sensor.conf', '/usr/lib/sysusers.d/rollcall-sensor.conf'),
      file('LICENSE', '/usr/share/doc/rollcall-sensor/copyright'),
      configuration('packaging/systemd/rollcall-sensor.env'),
    ],
  }
}

/** @param units what an installation may have enabled */
function described(name, summary, units) {
  const folder = join(work, name)
  const scripts = Object.fromEntries(
    ['post-install', 'pre-remove', 'post-remove'].map((script) => {
      const path = join(folder, script)
      const text = readFileSync(join('packaging/scripts', script), 'utf8')
      write(path, text.replaceAll('@NAME@', name).replaceAll('@UNITS@', units.join(' ')), 0o755)
      return [script.replace('-', ''), path]
    }),
  )
  return {
    name,
    arch,
    platform: 'linux',
    version: packageVersion,
    version_schema: 'none',
    section: 'net',
    priority: 'optional',
    maintainer: 'Rollcall maintainers <rollcall@users.noreply.github.com>',
    vendor: 'Rollcall',
    homepage: MANIFEST.repository.url.replace(/^git\+|\.git$/g, ''),
    license: MANIFEST.license,
    description: `${summary}\n${MANIFEST.description.replace(/^.*?: t/, 'T')}`,
    mtime: new Date(epoch * 1000).toISOString(),
    rpm: { buildhost: 'rollcall' }, // and not the name of this machine
    scripts,
  }
}

function file(src, dst) {
  return { src: resolve(src), dst, file_info: { mode: 0o644 } }
}

function unit(name) {
  return file(`packaging/systemd/${name}`, `/usr/lib/systemd/system/${name}`)
}

/** A file that an upgrade leaves as its owner wrote it. */
function configuration(src) {
  return { ...file(src, `/etc/rollcall/${basename(src)}`), type: 'config|noreplace' }
}

function pack(format, description) {
  const config = join(work, `${description.name}-${format}.yaml`)
  write(config, JSON.stringify(description)) // which is YAML too
  const before = new Set(readdirSync(output))
  execFileSync(findNfpm(), ['package', `--config=${config}`, `--packager=${format}`, `--target=${output}/`], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  for (const name of readdirSync(output)) if (!before.has(name)) tell(join(output, name))
}

function findNfpm() {
  const folders = [process.env.GOBIN, join(process.env.GOPATH ?? join(homedir(), 'go'), 'bin')]
  const paths = [...folders, ...process.env.PATH.split(':')]
    .filter(Boolean)
    .map((folder) => join(folder, 'nfpm'))
  const found = paths.find(existsSync)
  return found ?? fail('nfpm is not installed; .ci/run tools builds it with Go')
}

function assertArchitecture(path) {
  if (!(arch in ELF_MACHINES)) fail(`--arch: ${arch} is not one of ${Object.keys(ELF_MACHINES).join(', ')}`)
  const header = Buffer.alloc(20)
  const fd = openSync(path, 'r')
  readSync(fd, header)
  closeSync(fd)
  const isElf = header.subarray(0, 4).toString('latin1') === '\x7fELF'
  if (!isElf || header.readUInt16LE(18) !== ELF_MACHINES[arch])
    fail(`--node: ${path} is no Node.js for linux-${arch}; name one with --node`)
}

function copy(from, to, mode = 0o644) {
  write(to, readFileSync(from), mode)
}

function write(path, data, mode = 0o644) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, data)
  chmodSync(path, mode)
}

function readJson(path) {
  return JSON.parse(readFileSync(resolve(HERE, path), 'utf8'))
}

function run(command, args) {
  return execFileSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1e8,
  }).trimEnd()
}

function tell(path) {
  console.log(`${(statSync(path).size / 1e6).toFixed(1).padStart(7)} MB  ${path}`)
}

function fail(why) {
  console.error(`rollcall: ${why}`)
  process.exit(1)
}
