import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { cannotTest, PROMTOOL_VERSIONS } from '../helpers/prometheus.ts'
import { alertsOf, filesIn, LOKI_RULES, RULE_FILES } from '../helpers/rules.ts'

const alerts = alertsOf(RULE_FILES)
const everyAlert = [...alerts, ...alertsOf([LOKI_RULES])]
const CASES = filesIn('prometheus/rules/tests', '.test.yml')
const RUNBOOKS = 'docs/runbooks'

for (const { name, find } of PROMTOOL_VERSIONS) {
  t.test(`promtool of ${name} finds no fault with configuration, rules and cases`, async (t) => {
    const promtool = find()
    if (cannotTest(t, name, promtool)) return
    const runs = [
      ['check', 'config', 'prometheus/prometheus.yml'],
      ['check', 'rules', ...RULE_FILES],
      ['test', 'rules', ...CASES],
    ]
    for (const args of runs) {
      const { status, stdout, stderr } = spawnSync(promtool as string, args, { encoding: 'utf8' })
      t.equal(status, 0, `${args[0]} ${args[1]}: ${stdout}${stderr}`)
      t.match(stdout, /SUCCESS/)
    }
  })
}

interface Case {
  readonly name: string
  readonly alert_rule_test: readonly {
    readonly alertname: string
    readonly exp_alerts: readonly { readonly exp_labels: Readonly<Record<string, string>> }[]
  }[]
}

t.test('each file of rules has a file of cases, which reads these rules', async (t) => {
  t.same(
    CASES.map((file) => basename(file, '.test.yml')),
    RULE_FILES.map((file) => basename(file, '.yml')),
  )
  for (const file of CASES)
    t.same(parse(readFileSync(file, 'utf8')).rule_files, [`../${basename(file, '.test.yml')}.yml`])
})

t.test('every alert has a case that fires it and one that does not', async (t) => {
  const cases = CASES.flatMap((file) => (parse(readFileSync(file, 'utf8')) as { tests: Case[] }).tests)
  const checks = cases.flatMap((one) => one.alert_rule_test)
  t.ok(alerts.length > 20)
  for (const { alert, labels = {} } of alerts) {
    const fires = (labelSet: Readonly<Record<string, string>>) =>
      Object.entries(labels).every(([label, value]) => labelSet[label] === value)
    const fired = checks
      .filter(({ alertname }) => alertname === alert)
      .map(({ exp_alerts }) => exp_alerts.some(({ exp_labels }) => fires(exp_labels)))
    const what = `${alert} ${JSON.stringify(labels)}`
    t.ok(fired.includes(true), `${what} fires`)
    t.ok(fired.includes(false), `${what} stays silent`)
  }
})

t.test('every alert says how grave it is, what it is about, and where to read on', async (t) => {
  const base = 'https://github.com/rollcall/rollcall/blob/main/docs/runbooks/'
  for (const { alert, labels, annotations } of everyAlert) {
    t.match(alert, /^Rollcall[A-Z][A-Za-z]+$/)
    t.match(labels?.severity, /^(critical|warning|info)$/, alert)
    t.match(labels?.notify ?? 'ticket', 'ticket', alert)
    t.match(labels?.component, /^(discovery|objective|fleet|device)$/, alert)
    t.match(annotations?.summary, /^[A-Z].*\.$/, alert)
    t.match(annotations?.description, /\.$/, alert)
    t.equal(annotations?.runbook_url, `${base}${alert}.md`)
  }
  for (const { alert, labels } of alertsOf([LOKI_RULES])) t.equal(labels?.notify, 'ticket', alert)
})

t.test('every alert has a runbook with the same four headings, and every runbook an alert', async (t) => {
  t.same(readdirSync(RUNBOOKS).sort(), [...new Set(everyAlert.map(({ alert }) => `${alert}.md`))].sort())
  for (const file of filesIn(RUNBOOKS, '.md')) {
    const text = readFileSync(file, 'utf8')
    t.equal(text.split('\n')[0], `# ${basename(file, '.md')}`)
    const sections = text.split(/^## /m).slice(1)
    t.same(
      sections.map((section) => section.split('\n')[0]),
      ['Meaning', 'Impact', 'Diagnosis', 'Mitigation'],
      file,
    )
    for (const section of sections) t.match(section, /\n\n\S/, `${file} has something under every heading`)
    for (const [, link] of text.matchAll(/\]\(([^)#]+)\)/g))
      t.ok(existsSync(`${RUNBOOKS}/${link}`), `${file}: ${link}`)
  }
})
