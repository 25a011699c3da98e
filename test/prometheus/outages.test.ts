import t, { type Test } from 'tap'
import { findAlertmanager, type Labels, startAlertmanager } from '../helpers/alertmanager.ts'
import { firingAlerts, type Series } from '../helpers/firing.ts'
import { cannotTest, PROMTOOL_VERSIONS } from '../helpers/prometheus.ts'
import { RULE_FILES } from '../helpers/rules.ts'
import { missing } from '../helpers/tools.ts'

// One outage is one message: what the shipped rules make of it, over hours, by promtool; and what the shipped
// configuration makes of that, by a real Alertmanager.

const REPLICAS = ['a:8080', 'b:8080']
const DEVICES = Array.from({ length: 12 }, (_, index) => `sensor-${index + 1}:9100`)

/** Every outage begins after ten minutes. */
const rollcall = (instance: string, rest = '') => `{job="rollcall", instance="${instance}"${rest}}`
const source = (instance: string, rest = '') => rollcall(instance, `, source="stores"${rest}`)

/** Two replicas that are well, the Prometheus that asks them, and its devices. */
const HEALTHY: Series = Object.fromEntries([
  ...REPLICAS.flatMap((instance) => [
    [`up${rollcall(instance)}`, '1x300'],
    [`rollcall_build_info${rollcall(instance)}`, '1x300'],
    [`rollcall_source_stale${source(instance)}`, '0x300'],
    [`rollcall_source_last_success_timestamp_seconds${source(instance)}`, '0+60x300'],
    [`rollcall_source_refresh_interval_seconds${source(instance)}`, '30x300'],
    [`rollcall_source_refreshes_total${source(instance, ', result="changed"')}`, '0+2x300'],
    [`rollcall_source_refreshes_total${source(instance, ', result="failed"')}`, '0x300'],
    [`rollcall_source_guard_holding${source(instance)}`, '0x300'],
    [`rollcall_source_targets${source(instance)}`, '12x300'],
    [
      `rollcall_http_requests_total${rollcall(instance, ', route="/targets", method="GET", code="200"')}`,
      '0+6x300',
    ],
  ]),
  ['prometheus_sd_refresh_failures_total{job="prometheus", mechanism="http", config="sensors"}', '0x300'],
  ['prometheus_sd_discovered_targets{job="prometheus", name="scrape", config="sensors"}', '12x300'],
  ...DEVICES.map((instance) => [`up{job="sensors", instance="${instance}"}`, '1x300']),
])

/** The same series of each replica. */
function ofReplicas(values: (instance: string) => Series): Series {
  return Object.assign({}, ...REPLICAS.map(values))
}

const CANNOT_POLL: Series = {
  'prometheus_sd_refresh_failures_total{job="prometheus", mechanism="http", config="sensors"}':
    '0x10 0+6x290',
}

const inventoryDown = ofReplicas((instance) => ({
  [`rollcall_source_stale${source(instance)}`]: '0x10 1x59 0x230',
  [`rollcall_source_last_success_timestamp_seconds${source(instance)}`]: '0+60x10 600x59 4200+60x230',
  [`rollcall_source_refreshes_total${source(instance, ', result="changed"')}`]: '0+2x10 20x59 20+2x230',
  [`rollcall_source_refreshes_total${source(instance, ', result="failed"')}`]: '0x10 0+2x59 120x230',
}))

const processDead: Series = {
  ...ofReplicas((instance) =>
    Object.fromEntries(
      Object.entries(HEALTHY)
        .filter(([series]) => series.includes(`instance="${instance}"`))
        .map(([series, values]) =>
          series.startsWith('up') ? [series, '1x10 0x290'] : [series, values.replace('x300', 'x10 stale')],
        ),
    ),
  ),
  ...CANNOT_POLL,
}

/** What is wrong; which alerts fire after how many minutes; and the one that is told. */
const OUTAGES: Record<
  string,
  { series: Series; fires: Readonly<Record<number, readonly string[]>>; told: string }
> = {
  'the inventory is down for an hour': {
    series: inventoryDown,
    fires: {
      19: [],
      25: ['RollcallSourceFailing', 'RollcallSourceFailing'],
      69: ['RollcallSourceFailing', 'RollcallSourceFailing'],
      75: [],
      90: [],
      120: [],
      240: [],
    },
    told: 'RollcallSourceFailing',
  },
  'the guard holds a third of the targets, which then leave': {
    series: ofReplicas((instance) => ({
      [`rollcall_source_guard_holding${source(instance)}`]: '0x10 1x15 0x275',
      [`rollcall_source_targets${source(instance)}`]: '12x25 8x275',
    })),
    fires: {
      11: ['RollcallGuardHolding', 'RollcallGuardHolding'],
      35: ['RollcallGuardHolding', 'RollcallGuardHolding'],
      50: [],
      80: [],
      100: [],
    },
    told: 'RollcallGuardHolding',
  },
  'every process is dead': {
    series: processDead,
    fires: {
      14: [],
      20: ['RollcallDown', 'RollcallInstanceDown', 'RollcallInstanceDown'],
      60: ['RollcallDown', 'RollcallInstanceDown', 'RollcallInstanceDown', 'RollcallPrometheusCannotPoll'],
      240: ['RollcallDown', 'RollcallInstanceDown', 'RollcallInstanceDown', 'RollcallPrometheusCannotPoll'],
    },
    told: 'RollcallDown',
  },
  'one process of two is dead': {
    series: Object.fromEntries(
      Object.entries(processDead).filter(([series]) => series.includes('instance="b:8080"')),
    ),
    fires: { 14: [], 20: ['RollcallInstanceDown'], 240: ['RollcallInstanceDown'] },
    told: 'RollcallInstanceDown',
  },
  'nobody polls': {
    series: ofReplicas((instance) => ({
      [`rollcall_http_requests_total${rollcall(instance, ', route="/targets", method="GET", code="200"')}`]:
        '0+6x10 60x290',
    })),
    fires: { 30: [], 45: ['RollcallNotPolled'], 240: ['RollcallNotPolled'] },
    told: 'RollcallNotPolled',
  },
  'half of the devices are down': {
    series: Object.fromEntries(
      DEVICES.slice(0, 6).map((instance) => [`up{job="sensors", instance="${instance}"}`, '1x10 0x290']),
    ),
    fires: {
      14: [],
      20: ['RollcallManyDevicesDown', ...Array(6).fill('RollcallDeviceDown')],
      240: ['RollcallManyDevicesDown', ...Array(6).fill('RollcallDeviceDown')],
    },
    told: 'RollcallManyDevicesDown',
  },
  'half of the devices that register are dead, so that they are no targets any more': {
    series: {
      [`rollcall_push_registrations_total${source('a:8080', ', result="expired"')}`]: '0x10 6x290',
      [`rollcall_push_registrations_total${source('a:8080', ', result="new"')}`]: '12x300',
      ...ofReplicas((instance) => ({ [`rollcall_source_targets${source(instance)}`]: '12x10 6x290' })),
      ...Object.fromEntries(
        DEVICES.slice(0, 6).map((instance) => [`up{job="sensors", instance="${instance}"}`, '1x10 stale']),
      ),
    },
    fires: { 20: ['RollcallDevicesStoppedRegistering'], 60: ['RollcallDevicesStoppedRegistering'], 90: [] },
    told: 'RollcallDevicesStoppedRegistering',
  },
}

for (const { name: version, find } of PROMTOOL_VERSIONS) {
  t.test(`by the rules of ${version}`, async (t) => {
    const promtool = find()
    if (cannotTest(t, version, promtool)) return
    const well = await firingAlerts(promtool as string, RULE_FILES, HEALTHY, [60, 240])
    t.same([...well.values()], [[], []], 'nothing fires where nothing is wrong')
    t.jobs = 4
    for (const [name, { series, fires, told }] of Object.entries(OUTAGES)) {
      t.test(name, async (t) => {
        const all = { ...HEALTHY, ...series }
        const steps = await firingAlerts(promtool as string, RULE_FILES, all, Object.keys(fires).map(Number))
        for (const [minutes, found] of steps) {
          const names = found.map(({ alertname }) => alertname)
          t.same(names.sort(), [...(fires[minutes] ?? [])].sort(), `after ${minutes} minutes`)
        }
        // What it makes of the same alerts is the same.
        if (version === PROMTOOL_VERSIONS[0].name) await assertOneMessage(t, [...steps.values()], told)
      })
    }
  })
}

/** However long it takes, and when it is over, a real Alertmanager sends one message. */
async function assertOneMessage(t: Test, steps: readonly (readonly Labels[])[], told: string): Promise<void> {
  const binary = findAlertmanager()
  if (missing(t, binary, 'Alertmanager')) return
  const alertmanager = await startAlertmanager(t, binary as string)
  let before: readonly Labels[] = []
  for (const now of steps) {
    await alertmanager.send(now)
    await alertmanager.resolve(before.filter((one) => !now.some((other) => isSame(one, other))))
    await alertmanager.settle()
    before = now
  }
  const messages = alertmanager.notifications.map(({ alerts }) => alerts[0]?.labels.alertname)
  t.same(messages, [told])
}

function isSame(one: Labels, other: Labels): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

t.test('two clusters behind one Alertmanager: each has its message', async (t) => {
  const [promtool, binary] = [PROMTOOL_VERSIONS[0].find(), findAlertmanager()]
  if (missing(t, promtool, 'promtool') || missing(t, binary, 'Alertmanager')) return
  const alertmanager = await startAlertmanager(t, binary as string)
  const inCluster = async (cluster: string, outage: string) => {
    const series = { ...HEALTHY, ...OUTAGES[outage]?.series }
    const found = await firingAlerts(promtool as string, RULE_FILES, series, [60])
    return (found.get(60) ?? []).map((one) => ({ ...one, cluster }))
  }
  await alertmanager.send([
    ...(await inCluster('one', 'every process is dead')),
    ...(await inCluster('two', 'the inventory is down for an hour')),
    ...(await inCluster('three', 'half of the devices are down')),
  ])
  await alertmanager.settle()
  const told = alertmanager.notifications.map(({ alerts }) => alerts[0]?.labels)
  t.same(told.map((labels) => `${labels?.cluster}: ${labels?.alertname}`).sort(), [
    'one: RollcallDown',
    'three: RollcallManyDevicesDown',
    'two: RollcallSourceFailing',
  ])
})
