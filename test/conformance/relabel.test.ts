import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { validateRelabel } from '../../src/relabel/validate.ts'
import { populate, type ScrapeConfig } from '../helpers/populate.ts'
import { canonical } from '../helpers/promtool.ts'
import { CASES, caseNames, goldenPath } from './cases.ts'

const names = await caseNames()

t.test(
  'there are cases of every action, each with its golden file, and no golden file without its case',
  async (t) => {
    t.ok(names.length >= 70, `${names.length} cases`)
    const goldens = (await readdir(CASES)).filter((file) => file.endsWith('.golden.json'))
    const expected = names.flatMap((name) =>
      existsSync(goldenPath(name)) ? [goldenPath(name)] : [goldenPath(name, 2), goldenPath(name, 3)],
    )
    t.same(goldens.map((file) => join(CASES, file)).sort(), expected.sort())
  },
)

for (const name of names) {
  t.test(`promtool and Rollcall agree: ${name}`, async (t) => {
    const text = await readFile(join(CASES, `${name}.yml`), 'utf8')
    const [job] = (parse(text) as { scrape_configs: [ScrapeConfig] }).scrape_configs
    // Where two major versions of Prometheus differ, the case says which of them Rollcall follows.
    const followed = /^# Rollcall answers as Prometheus ([23])\.$/m.exec(text)?.[1]
    t.equal(
      existsSync(goldenPath(name)),
      followed === undefined,
      'says whom it follows only where they differ',
    )
    const golden = JSON.parse(
      await readFile(goldenPath(name, followed === undefined ? undefined : Number(followed)), 'utf8'),
    )
    t.same(
      (job.relabel_configs ?? []).flatMap((rule) => validateRelabel(rule)),
      [],
      'the rules are valid',
    )
    t.same(canonical(populate(job)), golden)
  })
}
