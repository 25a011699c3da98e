import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { startServer } from '../bench/processes/start.ts'
import { inventoryServer } from './helpers/inventory-server.ts'
import { until } from './helpers/until.ts'
import { DAVE, written } from './helpers/web.ts'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }

/** The modules that threads load, and the functions that they call there. */
const jobs = textsOf('src', /\.tsx?$/).flatMap(({ text }) =>
  [...text.matchAll(/moduleUrl\('([^']+)'\)(?:, name: '(\w+)')?/g)].map(([, path, name]) => ({
    path: path as string,
    name,
  })),
)

/** What `npm run build` makes, in a folder of this test. */
const dist = join(t.testdir(), 'dist')
const built = spawnSync(process.execPath, ['scripts/build.mjs', dist], { encoding: 'utf8' })
const chunks = textsOf(dist, /\.js$/)

function textsOf(folder: string, name: RegExp) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => name.test(path))
    .map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }))
}

t.test('it is built without a warning, and has the licences of what is in it', async (t) => {
  t.same([built.status, built.stdout, built.stderr], [0, '', ''])
  t.match(readFileSync(join(dist, 'licences.txt'), 'utf8'), /^fastify \S+ \(MIT\)$.*^undici \S+ \(MIT\)$/ms)
})

t.test('every module that a thread loads is where it is looked for, with its function', async (t) => {
  t.ok(jobs.length > 5)
  for (const { path, name } of jobs) {
    const module = await import(pathToFileURL(join(dist, path)).href)
    if (name !== undefined) t.type(module[name], 'function', `${path}: ${name}`)
  }
  t.same(
    textsOf('src', /\.tsx?$/)
      .filter(({ text }) => text.replaceAll('createRequire(import.meta.url)', '').includes('import.meta'))
      .map(({ path }) => path),
    ['base/module-url.ts'],
    'nothing else depends on the file that it is in',
  )
})

/** What only these libraries have in them. */
const MARKS = {
  fastify: 'FST_ERR_BAD_URL',
  pino: 'pino.metadata',
  'prom-client': 'nodejs_active_handles',
  undici: 'UND_ERR_CONNECT_TIMEOUT',
}

t.test('a command loads nothing of the libraries of the server', async (t) => {
  const textOf = new Map(chunks.map(({ path, text }) => [path, text.replaceAll('\\\n', '')]))
  const loaded = new Set(['cli.js', ...[...textOf.keys()].filter((path) => path.startsWith('chunks/main-'))])
  for (const path of loaded)
    for (const [, next] of textOf.get(path)?.matchAll(/\b(?:import|from)\s*"(\.[^"]+)"/g) ?? [])
      loaded.add(join(dirname(path), next as string))
  t.ok(loaded.size > 3)
  for (const [library, mark] of Object.entries(MARKS)) {
    const holding = [...textOf].filter(([, text]) => text.includes(mark)).map(([path]) => path)
    t.ok(holding.length > 0, library)
    t.notOk(
      holding.some((path) => loaded.has(path)),
      library,
    )
  }
})

t.test('files that are missing are told in words for people', async (t) => {
  const broken = t.testdir()
  const isMain = (path: string) => basename(path).startsWith('main-')
  cpSync(dist, broken, { recursive: true, filter: (path) => !isMain(path) })
  const { status, stderr } = spawnSync(process.execPath, [join(broken, 'cli.js'), '--version'], {
    encoding: 'utf8',
  })
  t.equal(status, 1)
  t.match(stderr, /^rollcall: the program cannot be loaded: Cannot find module .*; install it again/)
})

t.test('it serves: targets, pages and documents, with passwords that a thread compares', async (t) => {
  const folder = t.testdir()
  const inventory = await inventoryServer(t, ['10.0.0.1'])
  const web = written(folder, `basic_auth_users: { dave: ${DAVE} }\n`)
  const config = written(
    folder,
    `sources: [{ name: sensors, http: { url: "${inventory.url}" } }]\n`,
    'rollcall.yml',
  )
  const flags = [
    `--config.file=${config}`,
    `--web.config.file=${web}`,
    `--storage.path=${join(folder, 'data')}`,
    '--web.listen-address=127.0.0.1:0',
    '--log.format=json',
  ]
  const { url } = await startServer(t, {
    args: [join(dist, 'cli.js'), 'serve', ...flags],
    serves: /"url":"([^"]+)".*"msg":"serving targets"/,
  })
  const get = async (path: string, password = 'dave123') => {
    const authorization = `Basic ${Buffer.from(`dave:${password}`).toString('base64')}`
    const response = await fetch(`${url}${path}`, { headers: { authorization } })
    return `${response.status} ${await response.text()}`
  }
  t.match(
    await until('there is a list', async () => /^200 .*/s.exec(await get('/targets'))?.[0]),
    '"10.0.0.1:9100"',
  )
  t.match(await get('/targets', 'dave124'), /^401 /)
  t.match(await get('/'), /^200 <!doctype html>/i)
  t.match(await get('/api/v1/openapi.json'), /^200 \{"openapi"/)
  t.match(await get('/metrics'), `rollcall_build_info{version="${version}"`)
})
