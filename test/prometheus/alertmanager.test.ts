import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import {
  ALERTMANAGER_CONFIG as CONFIG,
  findAlertmanager,
  type Labels,
  startAlertmanager,
} from '../helpers/alertmanager.ts'
import { alertsOf, LOKI_RULES, RULE_FILES } from '../helpers/rules.ts'
import { findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

const alerts = alertsOf([...RULE_FILES, LOKI_RULES])

/** The labels of an alert of the shipped rules, with those of the series that it fires for; empty is none. */
function alert(name: string, labels: Labels = {}): Labels {
  const rule = alerts.find(
    (one) =>
      one.alert === name &&
      ['severity', 'notify'].every((key) => [undefined, one.labels?.[key] ?? ''].includes(labels[key])),
  )
  if (rule === undefined) throw new Error(`there is no alert ${name}`)
  const all = Object.entries({ alertname: name, ...rule.labels, ...labels })
  return Object.fromEntries(all.filter(([, value]) => value !== ''))
}

t.test('amtool finds no fault with the configuration', async (t) => {
  const amtool = findTool('amtool', 'AMTOOL')
  if (missing(t, amtool, 'amtool')) return
  const { status, stdout, stderr } = spawnSync(amtool as string, ['check-config', CONFIG], {
    encoding: 'utf8',
  })
  t.equal(status, 0, stderr)
  t.match(stdout, /SUCCESS/)
  for (const [labels, receiver] of [
    [['severity=critical'], 'pager'],
    [['severity=warning'], 'chat'],
    [['severity=warning', 'notify=ticket'], 'tickets'],
    [['severity=info'], 'nobody'],
  ] as const) {
    const args = ['config', 'routes', 'test', `--config.file=${CONFIG}`, ...labels]
    const { stdout } = spawnSync(amtool as string, args, { encoding: 'utf8' })
    t.equal(stdout.trim(), receiver, `${labels} goes to ${receiver}`)
  }
})

t.test('what says nothing new beside another alert is held back, by a real Alertmanager', async (t) => {
  const binary = findAlertmanager()
  if (missing(t, binary, 'Alertmanager')) return
  const [a, b] = ['sensor-01:9100', 'sensor-02:9100'].map((instance) => ({ job: 'sensors', instance }))
  const other = { job: 'printers', instance: 'printer-01:9100' }
  const source = { job: 'rollcall', instance: 'a:8080', source: 'stores' }
  const lesser = ['RollcallSourceFailing', 'RollcallGuardHolding', 'RollcallTargetsDropped']
  const cases: { name: string; firing: Labels[]; heldBack: Labels[] }[] = [
    {
      name: 'one alert for a fleet that is down, not one for each of its devices',
      firing: [alert('RollcallManyDevicesDown', { job: 'sensors' }), alert('RollcallDeviceDown', other)],
      heldBack: [alert('RollcallDeviceDown', a), alert('RollcallDeviceDown', b)],
    },
    {
      name: 'a device that is down explains what was last known of it, and of no other',
      firing: [alert('RollcallDeviceDown', a), alert('RollcallDeviceMemoryLow', b)],
      heldBack: [
        alert('RollcallDeviceCpuBusy', a),
        alert('RollcallDeviceNotRegistered', a),
        alert('RollcallDeviceDiskFilling', { ...a, mountpoint: '/' }),
      ],
    },
    {
      name: 'a fleet that is down is one alert, whatever else was known of its devices',
      firing: [
        alert('RollcallManyDevicesDown', { job: 'sensors' }),
        alert('RollcallDeviceClockWrong', other),
      ],
      heldBack: [alert('RollcallDeviceClockWrong', a), alert('RollcallDeviceFilesystemReadOnly', b)],
    },
    {
      name: 'a file system that is nearly full is told once; others are another matter',
      firing: [
        alert('RollcallDeviceDiskSpaceLow', { ...a, mountpoint: '/', notify: '' }),
        alert('RollcallDeviceDiskSpaceLow', { ...a, mountpoint: '/data', notify: 'ticket' }),
        alert('RollcallDeviceDiskFilling', { ...b, mountpoint: '/' }),
      ],
      heldBack: [
        alert('RollcallDeviceDiskSpaceLow', { ...a, mountpoint: '/', notify: 'ticket' }),
        alert('RollcallDeviceDiskFilling', { ...a, mountpoint: '/' }),
      ],
    },
    {
      name: 'one alert for a source that was never read',
      firing: [alert('RollcallSourceNeverLoaded', source), alert('RollcallQuarantineGrowing', source)],
      heldBack: [
        alert('RollcallSourceFlapping', source),
        alert('RollcallTargetsErrorBudgetBurn', { job: 'rollcall', severity: 'critical' }),
        alert('RollcallTargetsErrorBudgetBurn', { job: 'rollcall', notify: 'ticket' }),
      ],
    },
    {
      name: 'the same source of another instance is another matter',
      firing: [
        alert('RollcallSourceStale', source),
        alert('RollcallSourceFailing', { ...source, instance: 'b:8080' }),
      ],
      heldBack: [alert('RollcallSourceFailing', source)],
    },
    {
      name: 'a source that fails all the time is not also one that fails now and then',
      firing: [alert('RollcallSourceFailing', source)],
      heldBack: [alert('RollcallSourceFlapping', source)],
    },
    {
      name: 'what is down in one cluster explains nothing of another',
      firing: [
        alert('RollcallDown', { cluster: 'one' }),
        ...lesser.map((name) => alert(name, { ...source, cluster: 'two' })),
        alert('RollcallDeviceDown', { ...a, cluster: 'two' }),
      ],
      heldBack: [
        ...[...lesser, 'RollcallInstanceDown', 'RollcallSourceStale', 'RollcallNoTargets'].map((name) =>
          alert(name, { ...source, cluster: 'one' }),
        ),
        alert('RollcallDeviceDown', { ...a, cluster: 'one' }),
      ],
    },
    {
      name: 'a release that is down explains nothing of another in its cluster, or of its devices',
      firing: [
        alert('RollcallDown', { namespace: 'a', job: 'rollcall', rollcall: 'a/rollcall' }),
        alert('RollcallSourceFailing', { ...source, namespace: 'b', rollcall: 'b/rollcall' }),
        alert('RollcallDeviceDown', { ...a, job: 'b/rollcall', rollcall: 'b/rollcall' }),
      ],
      heldBack: [
        alert('RollcallInstanceDown', { ...source, namespace: 'a', rollcall: 'a/rollcall' }),
        alert('RollcallDeviceDown', { ...a, job: 'a/rollcall', rollcall: 'a/rollcall' }),
        alert('RollcallPrometheusCannotPoll', { job: 'prometheus', rollcall: 'a/rollcall' }),
      ],
    },
    {
      name: 'a budget that burns fast also burns slowly',
      firing: [alert('RollcallTargetsLatencyBudgetBurn', { job: 'rollcall', severity: 'critical' })],
      heldBack: [alert('RollcallTargetsLatencyBudgetBurn', { job: 'rollcall', notify: 'ticket' })],
    },
    {
      name: 'an empty list is a sharp drop too',
      firing: [alert('RollcallNoTargets', source)],
      heldBack: [alert('RollcallTargetsDropped', source)],
    },
    {
      name: 'one alert for discovery down, not one for each device; a fleet that is down is told all the same',
      firing: [alert('RollcallDown'), alert('RollcallManyDevicesDown', { job: 'printers' })],
      heldBack: [
        alert('RollcallDeviceDown', a),
        alert('RollcallInstanceDown', { job: 'rollcall', instance: 'a:8080' }),
        alert('RollcallTargetsErrorBudgetBurn', { job: 'rollcall', severity: 'critical' }),
      ],
    },
  ]
  t.jobs = cases.length
  for (const { name, firing, heldBack } of cases) {
    t.test(name, async (t) => {
      const alertmanager = await startAlertmanager(t, binary as string)
      await alertmanager.send([...heldBack, ...firing])
      const wanted = sorted(heldBack)
      await until('just these are held back', async () => {
        const held = sorted(await alertmanager.heldBack())
        if (held !== wanted) throw new Error(held)
        return true
      })
      t.pass(wanted)
    })
  }
})

function sorted(labels: readonly Labels[]): string {
  const lines = labels.map((one) => JSON.stringify(Object.entries(one).sort()))
  return lines.sort().join('\n')
}

t.test('every alert that the configuration names exists', async (t) => {
  const named = new Set(readFileSync(CONFIG, 'utf8').match(/\bRollcall[A-Z]\w+\b(?!\[)/g))
  t.ok(named.size > 5)
  for (const name of named)
    t.ok(
      alerts.some((one) => one.alert === name),
      name,
    )
})
