import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { diskFiles } from '../helpers/files.ts'
import { anchorsOf, linksOf } from '../helpers/markdown.ts'

const PAGE = readFileSync('docs/how-do-i.md', 'utf8')

/** The YAML of the page; the parts of a source get one around them. */
const CONFIGURATIONS = [...PAGE.matchAll(/^ *```yaml\n(.*?)^ *```/gms)]
  .map(([, text]) => String(text))
  .filter((text) => !/^ *(scrape_configs|rule_files|tls_server_config|# values\.yaml)/.test(text))
  .map((text) =>
    text.startsWith(' ') ? `sources:\n  - name: a\n    http: { url: "http://a" }\n${text}` : text,
  )
  .map((text) => (/^(cluster|global):/.test(text) ? `${text}sources: []\n` : text))

/** The variables that they name. */
const ENV = { PGHOST: 'a', PGUSER: 'a', PGPASSWORD: 'a' }

t.test('each configuration of the page is one', async (t) => {
  t.ok(CONFIGURATIONS.length > 6)
  const folder = t.testdir()
  const path = join(folder, 'rollcall.yml')
  for (const text of CONFIGURATIONS) {
    const file = text
      .replace('sources: []', 'sources: [{ name: a, http: { url: "http://a" } }]')
      .replace('DIGEST', 'a'.repeat(64))
    writeFileSync(path, file)
    const flags = readArguments([`--config.file=${path}`, '--enable-command-sources'])
    const { sources } = await loadSettings(flags, ENV, diskFiles)
    t.equal(sources.length, parse(file).sources.length, text)
  }
})

t.test('the list at the beginning has every question', async (t) => {
  const [head = ''] = PAGE.split('\n## ')
  const questions = [...anchorsOf(PAGE)].filter((anchor) => anchor !== 'how-do-i-')
  t.same(
    linksOf(head)
      .map((link) => link.slice(1))
      .sort(),
    questions.sort(),
  )
})
