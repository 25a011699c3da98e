import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { createMetrics } from '../../src/base/metrics.ts'
import { helpText } from '../../src/commands/help.ts'
import { demoIntroduction, prometheusSnippet } from '../../src/commands/introduction.ts'
import { readArguments, SWITCHES } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { options } from '../../src/config/options.ts'
import { fileSchema } from '../../src/config/schema.ts'
import { CHANGE_INTERVAL_MS, DEVICES, FLEET_SIZE } from '../../src/demo/size.ts'
import { openApiDocument } from '../../src/http/api/document.ts'
import { KINDS } from '../../src/sources/kinds.ts'
import { webSchema } from '../../src/web/config.ts'
import { run } from '../helpers/cli.ts'
import {
  CONFIGURATION_PAGE,
  CONFIGURATION_SCHEMA,
  configurationPage,
  configurationSchema,
  VALIDATION_SCHEMA,
  validationSchema,
  WEB_PAGE,
  WEB_VALIDATION_SCHEMA,
} from '../helpers/configuration-page.ts'
import { diskFiles } from '../helpers/files.ts'
import { markdownFiles } from '../helpers/markdown.ts'
import { METRICS_PAGE, metricsPage } from '../helpers/metrics-page.ts'
import { OPENAPI_FILES } from '../helpers/openapi.ts'

const readme = readFileSync('README.md', 'utf8')
const inventoryPage = readFileSync('docs/inventory.md', 'utf8')
const explainPage = readFileSync('docs/explain.md', 'utf8')
/** The pages that people type from. */
const pages = [readme, inventoryPage, explainPage, readFileSync('CONTRIBUTING.md', 'utf8')].join('\n')
const manifest = JSON.parse(readFileSync('package.json', 'utf8'))

/** The contents of the fenced blocks of a language. */
const fences = (page: string, language: string) =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(([, text]) => text as string)

t.test('what the docs show of commands is what they print', async (t) => {
  const blocks = fences(explainPage, 'console')
  t.ok(blocks.length >= 2)
  const timeless = (text: string) => text.replace(/in [\d.]+ s$/gm, 'in … s').trim()
  for (const block of blocks) {
    const [, args, shown] = /^\$ npm start --silent -- ([^\n]*)\n(.*)$/s.exec(block) ?? []
    const { out, err } = await run(String(args).split(' '))
    t.equal(timeless(err + out), timeless(String(shown)), String(args))
  }
})

t.test('every npm command of the documentation is a script or a tool', async (t) => {
  t.ok(Object.keys(manifest.scripts).length <= 15, 'few enough to know them')
  const listed = spawnSync(process.execPath, ['scripts/run.mjs'], { encoding: 'utf8' })
  t.equal(listed.status, 2)
  const tools = [...listed.stderr.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map(([, name]) => name as string)
  t.ok(tools.includes('simulate') && tools.includes('load'))
  for (const page of markdownFiles('.')) {
    const text = readFileSync(page, 'utf8')
    for (const [, name = ''] of text.matchAll(/npm\s+run\s+([a-z][a-z:]*)/g))
      t.ok(name in manifest.scripts, `${page}: ${name}`)
    for (const [, name = ''] of text.matchAll(/npm\s+run\s+tool\s+--\s+([a-z-]+)/g))
      t.ok(tools.includes(name), `${page}: ${name}`)
  }
  for (const line of ['npm start', 'npm test']) t.match(readme, `\n${line}\n`)
})

t.test('every environment variable is in the docs with its default, and no other', async (t) => {
  const rows = [...inventoryPage.matchAll(/^\| `([A-Z_]+)` \| `?([^|`]+?)`? \|/gm)].map(([, name, value]) => [
    name,
    value,
  ])
  const variables = options.flatMap(({ env, default: value }) => (env === undefined ? [] : [[env, value]]))
  t.same(rows.map(([name]) => name).sort(), variables.map(([name]) => name).sort())
  for (const [name, value] of variables) {
    if (value !== undefined) t.equal(rows.find(([row]) => row === name)?.[1], value, String(name))
  }
})

t.test('every flag that the docs name exists', async (t) => {
  const flags = [...pages.matchAll(/--([a-z]+(?:\.[a-z-]+)+)/g)].map(([, flag]) => flag as string)
  const known = [...options.flatMap(({ flag }) => flag ?? []), ...Object.keys(SWITCHES), 'storage.tsdb.path']
  t.same(
    flags.filter((flag) => !known.includes(flag)),
    [],
  )
})

t.test('--help names every flag and variable', async (t) => {
  const help = helpText()
  for (const { flag, env, help: text } of options) {
    t.match(help, flag === undefined ? `${env}=` : `--${flag}=`)
    t.match(help, text)
  }
  for (const name of Object.keys(SWITCHES)) t.match(help, `--${name}`)
})

t.test(
  'the configuration files of the docs are valid, and the Prometheus one is what the demo prints',
  async (t) => {
    const [short, snippet] = fences(readme, 'yaml')
    const [whole] = fences(inventoryPage, 'yaml')
    t.same(parse(snippet ?? ''), parse(prometheusSnippet('http://127.0.0.1:8080')))
    const path = join(t.testdir(), 'rollcall.yml')
    for (const [file = '', names] of [
      [short, ['sensors', 'stores']],
      [whole, ['sensors', 'stores', 'upstream', 'devices']],
    ] as const) {
      writeFileSync(path, file)
      const { sources } = await loadSettings(readArguments([`--config.file=${path}`]), {}, diskFiles)
      t.same(
        sources.map((source) => source.name),
        names,
      )
    }
  },
)

t.test('the shipped prometheus.yml begins with what the demo prints', async (t) => {
  const shipped = parse(readFileSync('prometheus/prometheus.yml', 'utf8'))
  const printed = parse(prometheusSnippet('http://127.0.0.1:8080')).scrape_configs
  t.same(shipped.scrape_configs.slice(0, printed.length), printed)
})

t.test('what the README says of the demo is so', async (t) => {
  t.equal(FLEET_SIZE, 12)
  t.equal(CHANGE_INTERVAL_MS, 20_000)
  t.match(readme, 'twelve sensors')
  t.equal(DEVICES, 4)
  t.match(readme, 'Four more sensors')
  t.match(readme, 'Every twenty seconds')
  const introduction = demoIntroduction('http://127.0.0.1:8080', new URL('http://127.0.0.1:1337/inventory'))
  for (const path of ['/targets', '/health', '/metrics'])
    t.match(introduction, `http://127.0.0.1:8080${path}`)
  t.match(introduction, 'One record of the inventory has no valid host')
})

t.test('the list of metrics is up to date; npm run docs writes it', async (t) => {
  t.equal(readFileSync(METRICS_PAGE, 'utf8'), await metricsPage(createMetrics('')))
})

t.test('the reference of the configuration is up to date; npm run docs writes it', async (t) => {
  const page = readFileSync(CONFIGURATION_PAGE, 'utf8')
  t.equal(page, configurationPage(fileSchema, page))
  t.match(page, '## `<source>`')
  t.equal(readFileSync(CONFIGURATION_SCHEMA, 'utf8'), configurationSchema(fileSchema, Object.keys(KINDS)))
  t.equal(readFileSync(VALIDATION_SCHEMA, 'utf8'), validationSchema(fileSchema))
  const web = readFileSync(WEB_PAGE, 'utf8')
  t.equal(web, configurationPage(webSchema, web))
  t.match(web, '## `<tls_server_config>`')
  t.equal(readFileSync(WEB_VALIDATION_SCHEMA, 'utf8'), validationSchema(webSchema))
})

t.test('the description of the API is up to date; npm run docs writes it', async (t) => {
  for (const file of OPENAPI_FILES) t.equal(readFileSync(file, 'utf8'), openApiDocument(), file)
})

t.test('the version has an entry in the changelog', async (t) => {
  t.match(
    readFileSync('CHANGELOG.md', 'utf8'),
    new RegExp(`^## (${manifest.version.replaceAll('.', '\\.')}|Unreleased)$`, 'm'),
  )
})
