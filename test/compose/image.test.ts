import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { authority } from '../helpers/certificates.ts'
import { findTool, missing } from '../helpers/tools.ts'
import { DAVE, webServer, written } from '../helpers/web.ts'

/** An instruction of the Dockerfile, and its stage. */
interface Instruction {
  readonly stage: number
  readonly name: string
  readonly value: string
}

const instructions = readInstructions(readFileSync('Dockerfile', 'utf8'))
const last = Math.max(...instructions.map(({ stage }) => stage))
const named = (name: string, stage?: number) =>
  instructions
    .filter((one) => one.name === name && (stage === undefined || one.stage === stage))
    .map(({ value }) => value)

function readInstructions(text: string): Instruction[] {
  const joined = text.replace(/^\s*#.*\n/gm, '').replace(/\\\n/g, ' ')
  let stage = -1
  return joined.split('\n').flatMap((line) => {
    const [, name = '', value = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    if (name === 'FROM') stage++
    return name === '' ? [] : [{ stage, name, value: value.replace(/\s+/g, ' ') }]
  })
}

t.test('the base is pinned by its exact version, and by its digest in a release', async (t) => {
  const [name = ''] = named('ARG').flatMap((value) => /^NODE_IMAGE=(.*)$/.exec(value)?.[1] ?? [])
  t.match(name, /^node:24\.\d+\.\d+-[a-z-]+$/, 'the newest supported Node.js')
  const release = parse(readFileSync('.github/workflows/release.yml', 'utf8'))
  const [tag, digest] = release.env.NODE_IMAGE.split('@')
  t.equal(tag, name)
  t.match(digest, /^sha256:[0-9a-f]{64}$/)
  const builds = JSON.stringify(release.jobs).match(/docker buildx build \.[^|&;]*/g) ?? []
  t.equal(builds.length, 1)
  t.match(builds[0], '--build-arg=NODE_IMAGE=\\"$NODE_IMAGE\\"')
})

t.test('every stage comes from that base, another stage, or nothing', async (t) => {
  const bases = named('FROM')
  t.ok(bases.length > 3, 'several stages')
  const stages = bases.flatMap((base) => / AS (\S+)$/.exec(base)?.[1] ?? [])
  for (const base of bases.map((one) => one.split(' ')[0] as string)) {
    t.ok(['scratch', '$NODE_IMAGE', ...stages].includes(base), base)
  }
  t.equal(bases[0], '$NODE_IMAGE AS node')
  t.equal(bases.at(-1), 'scratch', 'what runs contains only what is copied')
})

t.test('what runs: a numeric user, no shell, a health check, signals to the process itself', async (t) => {
  t.match(named('USER', last), [/^[1-9]\d*:[1-9]\d*$/])
  const programs = [...named('ENTRYPOINT', last), ...named('HEALTHCHECK', last)].map(
    (value) => JSON.parse(value.slice(value.indexOf('[')))[0],
  )
  t.same(programs, ['node', 'healthcheck'])
  t.same(named('RUN', last), [], 'there is no shell that could run it')
  t.same(named('VOLUME'), [])
  t.match(named('LABEL', last).join(' '), /image\.version="\$VERSION".*image\.revision="\$REVISION"/)
})

t.test('what it sends to the engine is listed, and is all that it copies', async (t) => {
  const [first, ...kept] = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  t.equal(first, '*', 'nothing by default: no secret, no .env, no .git')
  const copied = named('COPY')
    .filter((value) => !value.startsWith('--from'))
    .flatMap((value) => value.split(' ').slice(0, -1))
  t.same(kept.map((line) => line.replace(/^!/, '')).sort(), [...new Set(copied)].sort())
  for (const path of copied) t.ok(existsSync(path), path)
})

t.test('dependencies are those of the lock file, and none of them runs a script', async (t) => {
  const installs = named('RUN').filter((value) => value.includes('npm '))
  const ci = installs.filter((value) => value.includes('npm ci'))
  t.ok(ci.length === 2 && ci.every((value) => value.includes('--ignore-scripts')))
  t.ok(ci[0]?.includes('--omit=dev'))
  t.same(
    installs.filter((value) => /npm (i|install|add|exec)\b|npx/.test(value)),
    [],
  )
})

const compiler = findTool('cc')
const program = join(t.testdir(), 'healthcheck')

t.before(() => {
  if (compiler === undefined) return
  const args = ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, 'scripts/healthcheck.c']
  const { status, stderr } = spawnSync(compiler, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
})

/** How the health check ends for a URL. */
async function check(url: string) {
  const child = spawn(program, [url], { stdio: ['ignore', 'ignore', 'pipe'] })
  let err = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const [code] = await once(child, 'close')
  return { code, err }
}

async function server(t: Test, status: number | undefined) {
  const listening = createServer((_, response) => {
    if (status !== undefined) response.writeHead(status).end('text')
  })
  await new Promise<void>((resolve) => void listening.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    listening.closeAllConnections()
    listening.close()
  })
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}/-/healthy`
}

t.test('the health check: 200 is healthy; another status, silence and nobody are not', async (t) => {
  if (missing(t, compiler, 'a C compiler')) return
  t.same(await check(await server(t, 200)), { code: 0, err: '' })
  const [busy, silent] = [await server(t, 503), await server(t, undefined)]
  t.same(await check(busy), { code: 1, err: `${busy}: it answered 503\n` })
  t.same(await check(silent), { code: 1, err: `${silent}: no answer in time\n` })
  t.match(await check('http://127.0.0.1:9/'), { code: 1, err: 'Connection refused' })
  t.match(await check('http://[::1]:9/'), { code: 1, err: 'Connection refused' })
  for (const wrong of ['localhost:80', 'http://localhost/']) {
    t.match(await check(wrong), { code: 1, err: `${wrong}: it ` })
  }
})

t.test('the health check costs less than a tenth of what the server does in the same time', async (t) => {
  if (missing(t, compiler, 'a C compiler')) return
  const url = await server(t, 200)
  // Idle servers take 7 ms of a processor each second; compose.yaml asks every five seconds.
  const ROUNDS = 20
  const script = `for i in $(seq ${ROUNDS}); do "$0" "$1"; done; times`
  const child = spawn('bash', ['-c', script, program, url], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  await once(child, 'close')
  const [, children = ''] = out.trim().split('\n')
  const seconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => Number(m) * 60 + Number(s))
  const ms = (seconds.reduce((sum, one) => sum + one, 0) * 1000) / ROUNDS
  t.ok(ms < 3.5, `${ms.toFixed(2)} ms of processor time for each`)
})

t.test(
  'the health check works over TLS, with users, and where clients have to have a certificate',
  async (t) => {
    if (missing(t, compiler, 'a C compiler')) return
    const folder = t.testdir()
    const ca = authority(folder)
    const { certFile, keyFile } = ca.sign('server', 'DNS:elsewhere')
    const tls = `tls_server_config:\n  cert_file: ${certFile}\n  key_file: ${keyFile}\n`
    const users = `basic_auth_users: { dave: ${DAVE} }\n`
    const client = `  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ${ca.certFile}\n`
    for (const text of [`${tls}${users}`, `${tls}${client}${users}`]) {
      const { port } = await webServer(t, written(folder, text))
      t.same(await check(`https://127.0.0.1:${port}/-/healthy`), { code: 0, err: '' })
    }
    const plain = await webServer(t, written(folder, users))
    t.same(await check(`http://127.0.0.1:${plain.port}/-/healthy`), { code: 0, err: '' })
    t.match(await check(`https://127.0.0.1:${plain.port}/-/healthy`), {
      code: 1,
      err: 'it does not speak TLS',
    })
  },
)
