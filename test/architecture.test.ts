import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import t from 'tap'

/** What each folder of src may import, beside itself. The pipeline flows one way; this keeps it so. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  base: [],
  model: ['base'],
  sources: ['base', 'model', 'relabel', 'pipeline'],
  mapping: ['base', 'model'],
  relabel: ['base', 'model'],
  roll: ['base', 'model'],
  history: ['base', 'model', 'roll'],
  backup: ['base', 'model'],
  snapshot: ['base', 'model'],
  web: ['base', 'model'],
  sensor: ['base', 'model', 'web'],
  pipeline: ['base', 'model', 'mapping', 'relabel'],
  cluster: ['base', 'model', 'sources', 'roll', 'snapshot', 'refresh'],
  prometheus: ['base', 'model', 'sources', 'relabel', 'snapshot'],
  refresh: ['base', 'model', 'sources', 'pipeline', 'roll', 'history', 'snapshot'],
  explain: ['base', 'model', 'mapping', 'relabel', 'pipeline', 'snapshot', 'refresh'],
  http: ['base', 'model', 'snapshot', 'web'],
  ui: ['base', 'model', 'http'],
  demo: ['base', 'model', 'sensor'],
  config: [
    'base',
    'model',
    'cluster',
    'prometheus',
    'sources',
    'mapping',
    'relabel',
    'pipeline',
    'roll',
    'history',
    'snapshot',
    'refresh',
    'http',
    'sensor',
    'web',
  ],
}

/** Only these stand at the top of src, and may import anything. */
const ROOTS = ['cli.ts', 'service.ts', 'supervisor.ts', 'removed.ts', 'commands']

const src = resolve('src')
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file))
  .map((file) => ({ file, text: readFileSync(join(src, file), 'utf8') }))

const topOf = (file: string) => file.split('/')[0] as string

/** The files of ours that a file imports, relative to src; type imports and dynamic ones too. */
function importsOf(file: string, text: string): string[] {
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)
  return [...found].map(([, path]) => relative(src, resolve(src, dirname(file), path as string)))
}

t.test('there are files to judge', async (t) => {
  t.ok(files.length > 30)
  t.ok(files.some(({ file, text }) => importsOf(file, text).length > 5))
})

t.test('every file of src is in a folder of the table or is a root', async (t) => {
  const strays = files
    .map(({ file }) => topOf(file))
    .filter((top) => !(top in MAY_IMPORT) && !ROOTS.includes(top))
  t.same(strays, [])
})

t.test('imports follow the table', async (t) => {
  const offences = files.flatMap(({ file, text }) => {
    const top = topOf(file)
    const allowed = MAY_IMPORT[top]
    if (allowed === undefined) return []
    return importsOf(file, text)
      .filter((imported) => topOf(imported) !== top && !allowed.includes(topOf(imported)))
      .map((imported) => `${file} imports ${imported}`)
  })
  t.same(offences, [])
})

t.test(
  'config takes only option schemas, types and constants from the stages, never the HTTP server',
  async (t) => {
    const imported = files
      .filter(({ file }) => topOf(file) === 'config')
      .flatMap(({ file, text }) => importsOf(file, text))
    t.same(
      imported.filter((path) => path.startsWith('http/') || path.startsWith('refresh/')),
      [],
    )
  },
)

t.test('no file imports itself in a circle', async (t) => {
  const graph = new Map(files.map(({ file, text }) => [file, importsOf(file, text)]))
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): string[] => {
    if (path.includes(file)) return [[...path.slice(path.indexOf(file)), file].join(' → ')]
    if (done.has(file)) return []
    const circles = (graph.get(file) ?? []).flatMap((next) => visit(next, [...path, file]))
    done.add(file)
    return circles
  }
  t.same(
    [...graph.keys()].flatMap((file) => visit(file, [])),
    [],
  )
})

t.test(
  'the server loads the packages that it is installed with, and not those that make its schemas',
  async (t) => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: object }
    // As compiled, where imports of types are gone.
    // What several replicas share is joined to nothing yet.
    const running = new Set([resolve('build/src/cli.js')])
    const packages = new Set<string>()
    for (const file of running) {
      const text = readFileSync(file, 'utf8')
      for (const [, path] of text.matchAll(/\bmoduleUrl\('([^']+)'\)/g))
        running.add(resolve('build/src', path as string))
      for (const [, path] of text.matchAll(/(?: from |^import |\bimport\(|\bload\()['"]([^'"]+)['"]/gm)) {
        if (path === undefined || /^(node:|\/|http)/.test(path)) continue
        if (path.startsWith('.')) running.add(resolve(dirname(file), path))
        else if (!path.startsWith('node:'))
          packages.add(path.split('/', path.startsWith('@') ? 2 : 1).join('/'))
      }
    }
    t.ok(running.has(resolve('build/src/config/file-schema.json')), 'what is loaded late is followed')
    t.ok(running.has(resolve('build/src/refresh/worker.js')), 'and what threads load')
    t.same([...packages].sort(), Object.keys(dependencies).sort())
    t.notOk(packages.has('typebox'))
  },
)

t.test(
  'the client of the store is loaded only with what speaks to the store, and that only late',
  async (t) => {
    const isStore = (file: string) => file.startsWith('cluster/redis')
    const early = /^(?:import|export) (?!type )[^'()]*'([^']+)'/gm
    const offences = files
      .filter(({ file }) => !isStore(file))
      .flatMap(({ file, text }) =>
        [...text.matchAll(early)].map(([, path]) => ({ file, path: path as string })),
      )
      .filter(
        ({ file, path }) => path === 'redis' || isStore(relative(src, resolve(src, dirname(file), path))),
      )
    t.same(offences, [])
    t.match(
      files.filter(({ text }) => text.includes("from 'redis'")).map(({ file }) => file),
      [/^cluster/],
    )
  },
)

t.test('only the command line ends the process', async (t) => {
  t.same(
    files.filter(({ text }) => /process\.(exit|abort|kill)\(/.test(text)).map(({ file }) => file),
    // The second one ends programs that it started.
    ['commands/main.ts', 'sources/command/process-group.ts'],
  )
})
