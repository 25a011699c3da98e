import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { CHART } from '../helpers/chart-files.ts'
import { DASHBOARDS } from '../helpers/dashboards.ts'
import { firingAlerts } from '../helpers/firing.ts'
import { NAMESPACE, only, RELEASE, template } from '../helpers/helm.ts'
import { PROMTOOL_VERSIONS } from '../helpers/prometheus.ts'
import { RULE_FILES, type Rule } from '../helpers/rules.ts'
import { findGoTool, findHelm, findTool, missing } from '../helpers/tools.ts'

const jsonnet = findGoTool('jsonnet') ?? findTool('jsonnet')

/** A group of rules. */
interface Group {
  readonly name: string
  readonly rules: Rule[]
}

/** What the mixin makes with a configuration: groups of rules, whole again, and dashboards. */
function render(config: object): { groups: Group[]; dashboards: Record<string, object> } {
  const code = `
    local mixin = (import 'prometheus/mixin.libsonnet') + { _config+:: ${JSON.stringify(config)} };
    { alerts: mixin.prometheusAlerts, rules: mixin.prometheusRules, dashboards: mixin.grafanaDashboards }`
  const text = execFileSync(jsonnet as string, ['-e', code], { encoding: 'utf8', maxBuffer: 2 ** 26 })
  const { alerts, rules, dashboards } = JSON.parse(text)
  // As a mixin has them apart; the files have recordings before the alerts that read them.
  const whole = new Map<string, Group>(rules.groups.map((group: Group) => [group.name, group]))
  for (const group of alerts.groups as Group[])
    whole.set(group.name, { ...group, rules: [...(whole.get(group.name)?.rules ?? []), ...group.rules] })
  return { groups: byName([...whole.values()]), dashboards }
}

function byName(groups: readonly Group[]): Group[] {
  return groups.toSorted((one, other) => (one.name < other.name ? -1 : 1))
}

/** The shipped groups, with a change of the text of their files. */
function shipped(change = (text: string) => text): Group[] {
  return byName(RULE_FILES.flatMap((file) => parse(change(readFileSync(file, 'utf8'))).groups))
}

t.test('the mixin is the shipped rules and dashboards, and has all of them', async (t) => {
  if (missing(t, jsonnet, 'jsonnet')) return
  const { groups, dashboards } = render({})
  t.same(groups, shipped())
  t.same(
    Object.values(dashboards),
    DASHBOARDS.map(({ file }) => JSON.parse(readFileSync(file, 'utf8'))),
  )
  t.same(
    Object.keys(dashboards),
    DASHBOARDS.map(({ file }) => `rollcall-${basename(file)}`),
  )
})

t.test('the job has another name: in one place, or as the README says in the files', async (t) => {
  if (missing(t, jsonnet, 'jsonnet') || missing(t, PROMTOOL_VERSIONS[0].find(), 'promtool')) return
  const { groups, dashboards } = render({ targetsJob: 'printers' })
  const [, script = ''] = /sed -i '(s.*?)' prometheus\/rules\/\*\.yml/.exec(
    readFileSync('README.md', 'utf8'),
  ) as RegExpExecArray
  const edit = (input: string) =>
    execFileSync('sed', [script.replace('devices', 'printers')], { input, encoding: 'utf8' })
  t.same(groups, shipped(edit))
  t.notMatch(
    JSON.stringify([groups.map(({ rules }) => rules.map(({ expr }) => expr)), dashboards]),
    '"sensors',
  )
  const file = join(t.testdir(), 'rules.yml')
  writeFileSync(file, stringify({ groups }))
  const series = Object.fromEntries(
    ['printers', 'sensors'].flatMap((job) =>
      [1, 2, 3, 4].map((number) => [
        `up{job="${job}", instance="${number}"}`,
        number === 4 ? '1x60' : '0x60',
      ]),
    ),
  )
  const healthy = { 'rollcall_build_info{job="rollcall"}': '1x60' }
  const promtool = PROMTOOL_VERSIONS[0].find() as string
  const fired = (await firingAlerts(promtool, [file], { ...series, ...healthy }, [12])).get(12) ?? []
  t.same(fired.map(({ alertname, job }) => `${alertname} ${job}`).sort(), [
    'RollcallDeviceDown printers',
    'RollcallDeviceDown printers',
    'RollcallDeviceDown printers',
    'RollcallManyDevicesDown printers',
  ])
})

t.test('what the chart makes of the rules, the mixin makes too', async (t) => {
  if (missing(t, jsonnet, 'jsonnet') || missing(t, findHelm(), 'Helm')) return
  const thresholds = { deviceDisk: 0.8, deviceDiskNearlyFull: 0.9, devicesDown: 0.5, latencyBudget: 0.05 }
  const off = { disabledGroups: ['rollcall-push'], disabled: ['RollcallNotPolled'] }
  const values = { enabled: true, additionalRuleLabels: { team: 'edge' }, thresholds, ...off }
  const manifests = await template(findHelm() as string, [
    `--values=${CHART}/ci/env-only-values.yaml`,
    '--set=scrapeConfig.enabled=true',
    `--set-json=prometheusRule=${JSON.stringify(values)}`,
  ])
  const name = `${RELEASE}-rollcall`
  const { groups } = render({
    rollcallSelector: `namespace="${NAMESPACE}", job="${name}"`,
    targetsJob: `${NAMESPACE}/${name}`,
    scrapePool: `scrapeConfig/${NAMESPACE}/${name}`,
    alertLabels: { team: 'edge', namespace: NAMESPACE, rollcall: `${NAMESPACE}/${name}` },
    thresholds,
    ...off,
  })
  t.same(groups, byName(only(manifests, 'PrometheusRule').spec.groups))
})

t.test(
  'clusters are told apart by another label, and a threshold that there is not is refused',
  async (t) => {
    if (missing(t, jsonnet, 'jsonnet')) return
    const { groups, dashboards } = render({ clusterLabel: 'region' })
    const exprs = groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)).join('\n')
    t.match(exprs, 'by (region, namespace, job)')
    t.notMatch(exprs, /\bcluster,/)
    const panels = JSON.stringify(dashboards)
    t.match(panels, 'region=~\\"$cluster\\"')
    t.match(panels, 'label_values(up, region)')
    const code = `((import 'prometheus/mixin.libsonnet') + { _config+:: { thresholds: { heat: 1 } } }).prometheusAlerts`
    const { status, stderr } = spawnSync(jsonnet as string, ['-e', code], { encoding: 'utf8' })
    t.equal(status, 1)
    t.match(stderr, '_config.thresholds: heat is not in thresholds.yml')
  },
)
