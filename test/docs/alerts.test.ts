import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { alertsOf, LOKI_RULES, RULE_FILES } from '../helpers/rules.ts'

const PAGE = readFileSync('docs/alerts.md', 'utf8')

/** The alerts below the heading of a file, each with its severities as the page shows them. */
function listed(heading: string): [string, string][] {
  const [, section = ''] = new RegExp(`^### ${heading}\n(.*?)(?=^#|$(?![^]))`, 'ms').exec(PAGE) ?? []
  return [...section.matchAll(/^\| \[(\w+)\]\(runbooks\/(\w+)\.md\) \| ([^|]+) \| [^|]+ \|$/gm)].map(
    ([, alert, runbook, severity]) => {
      t.equal(runbook, alert)
      return [String(alert), String(severity)]
    },
  )
}

t.test('the page lists every alert below its file, with its severity and its runbook', async (t) => {
  for (const file of [...RULE_FILES, LOKI_RULES]) {
    const severities = new Map<string, Set<string>>()
    for (const { alert, labels } of alertsOf([file])) {
      const severity = [labels?.severity, labels?.notify].filter(Boolean).join(', ')
      severities.set(alert, (severities.get(alert) ?? new Set()).add(severity))
    }
    const expected = [...severities].map(([alert, some]) => [alert, [...some].join('; ')])
    const heading = file.slice('prometheus/'.length)
    t.same(listed(heading), expected, heading)
    t.ok(PAGE.includes(`](../${file}) |`), `${basename(file)} is among the files to choose from`)
  }
})

t.test('the files that the page loads exist, and the job is renamed as the README does it', async (t) => {
  const [, yaml] = /```yaml\n(rule_files:.*?)```/s.exec(PAGE) ?? []
  for (const file of parse(String(yaml)).rule_files) t.ok(existsSync(`prometheus/${file}`), file)
  const [script] = /sed -i '.*?'/.exec(PAGE) ?? ['none']
  t.ok(readFileSync('README.md', 'utf8').includes(script), script)
})
