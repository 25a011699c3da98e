import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { project, release, version } from './dry-run.ts'

t.test('the changelog has a whole heading of the version, and says something below it', async (t) => {
  const folder = project(t, '')
  const rows: [name: string, changelog: string, error: RegExp | undefined][] = [
    ['a heading', `# Changelog\n\n## ${version}\n\n- A.\n\n## 0.0.1\n\n- B.\n`, undefined],
    ['with a date', `## [${version}] - 2026-11-30\n\n- A.\n`, undefined],
    ['of a longer version', `## ${version}0\n\n- A.\n`, /has 0 headings/],
    ['of a pre-release', `## ${version}-rc.1\n\n- A.\n`, /has 0 headings/],
    ['in a sentence', `See ## ${version}\n`, /has 0 headings/],
    ['of a third level', `### ${version}\n\n- A.\n`, /has 0 headings/],
    ['twice', `## ${version}\n\n- A.\n\n## ${version}\n\n- A.\n`, /has 2 headings/],
    ['without text', `## ${version}\n\n## 0.0.1\n\n- B.\n`, /says nothing/],
  ]
  for (const [name, changelog, error] of rows) {
    writeFileSync(join(folder, 'CHANGELOG.md'), changelog)
    const { status, stderr } = release(folder, 'check', `v${version}`)
    t.equal(status, error === undefined ? 0 : 1, name)
    t.match(stderr, error ?? /^$/, name)
    if (error === undefined) t.equal(release(folder, 'notes', `v${version}`).stdout, '- A.\n', name)
  }
  t.match(release(folder, 'check', 'v9.9.9'), { status: 1, stderr: /package\.json says/ })
  t.match(release(folder, 'check', 'latest'), { status: 1, stderr: /"latest" is not one such as v1\.2\.3/ })
  t.match(release(folder, 'publish'), { status: 1, stderr: /check, notes, tags/ })
  const chart = join(folder, 'charts/rollcall/Chart.yaml')
  writeFileSync(chart, readFileSync(chart, 'utf8').replace(/^appVersion: .*$/m, 'appVersion: 9.9.9'))
  t.match(release(folder, 'check', `v${version}`), { status: 1, stderr: /appVersion in .* is 9\.9\.9/ })
})

t.test('which tags of the image float', async (t) => {
  const tagsOf = (tag: string) => release('.', 'tags', tag).stdout.trim().split('\n')
  t.same(tagsOf('v1.2.3'), ['1.2.3', '1.2', '1', 'latest'])
  t.same(tagsOf('v0.2.3'), ['0.2.3', '0.2', 'latest'], 'a minor version may change everything before 1.0')
  t.same(tagsOf('v1.2.3-rc.1'), ['1.2.3-rc.1'])
})
