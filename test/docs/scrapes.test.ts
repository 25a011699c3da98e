import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { SCRAPE_STATES } from '../../src/prometheus/match.ts'
import { diskFiles } from '../helpers/files.ts'

const PAGE = readFileSync('docs/scrapes.md', 'utf8')

t.test('the configuration of the page is one', async (t) => {
  const [, yaml] = /```yaml\n(.*?)```/s.exec(PAGE) ?? []
  const path = join(t.testdir(), 'rollcall.yml')
  writeFileSync(path, String(yaml))
  const { prometheus } = await loadSettings(readArguments([`--config.file=${path}`]), {}, diskFiles)
  t.same(
    prometheus?.servers.map(({ name }) => name),
    ['prometheus:9090', 'eu'],
  )
})

t.test('the page has every state, in order', async (t) => {
  t.same(
    [...PAGE.matchAll(/^\| `(\w+)` \|/gm)].map(([, state]) => state),
    SCRAPE_STATES,
  )
})
