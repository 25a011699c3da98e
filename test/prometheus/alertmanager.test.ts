import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { freePort } from '../helpers/prometheus.ts'
import { alertsOf, LOKI_RULES, RULE_FILES } from '../helpers/rules.ts'
import { findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

const CONFIG = 'prometheus/alertmanager.yml'
const alerts = alertsOf([...RULE_FILES, LOKI_RULES])

type Labels = Readonly<Record<string, string>>

/** The labels of an alert of the shipped rules, with those of the series that it fires for. */
function alert(name: string, labels: Labels = {}): Labels {
  const rule = alerts.find(
    (one) =>
      one.alert === name && (labels.severity === undefined || one.labels?.severity === labels.severity),
  )
  if (rule === undefined) throw new Error(`there is no alert ${name}`)
  return { alertname: name, ...rule.labels, ...labels }
}

t.test('amtool finds no fault with the configuration', async (t) => {
  const amtool = findTool('amtool', 'AMTOOL')
  if (missing(t, amtool, 'amtool')) return
  const { status, stdout, stderr } = spawnSync(amtool as string, ['check-config', CONFIG], {
    encoding: 'utf8',
  })
  t.equal(status, 0, stderr)
  t.match(stdout, /SUCCESS/)
  for (const [severity, receiver] of [
    ['critical', 'pager'],
    ['warning', 'chat'],
    ['ticket', 'tickets'],
    ['info', 'nobody'],
  ]) {
    const args = ['config', 'routes', 'test', `--config.file=${CONFIG}`, `severity=${severity}`]
    const { stdout } = spawnSync(amtool as string, args, { encoding: 'utf8' })
    t.equal(stdout.trim(), receiver, `${severity} goes to ${receiver}`)
  }
})

/** Starts an Alertmanager with the shipped configuration, and tells which of the alerts it is sent it holds back. */
async function startAlertmanager(t: Test, binary: string) {
  const url = `http://127.0.0.1:${await freePort()}`
  const args = [
    `--config.file=${CONFIG}`,
    `--storage.path=${t.testdir()}`,
    `--web.listen-address=${new URL(url).host}`,
    '--cluster.listen-address=',
  ]
  const child = spawn(binary, args, { stdio: 'ignore' })
  t.teardown(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
  })
  await until('Alertmanager is ready', async () => (await fetch(`${url}/-/ready`)).status === 200)
  return {
    async send(firing: readonly Labels[]) {
      const answer = await fetch(`${url}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(firing.map((labels) => ({ labels }))),
      })
      if (answer.status !== 200) throw new Error(await answer.text())
    },
    async heldBack() {
      const listed = (await (await fetch(`${url}/api/v2/alerts`)).json()) as {
        labels: Labels
        status: { inhibitedBy: string[] }
      }[]
      return listed.filter(({ status }) => status.inhibitedBy.length > 0).map(({ labels }) => labels)
    },
  }
}

t.test('what says nothing new beside another alert is held back, by a real Alertmanager', async (t) => {
  const binary = findTool('prometheus-alertmanager', 'ALERTMANAGER') ?? findTool('alertmanager')
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
        alert('RollcallDeviceDiskSpaceLow', { ...a, mountpoint: '/', severity: 'warning' }),
        alert('RollcallDeviceDiskSpaceLow', { ...a, mountpoint: '/data', severity: 'ticket' }),
        alert('RollcallDeviceDiskFilling', { ...b, mountpoint: '/' }),
      ],
      heldBack: [
        alert('RollcallDeviceDiskSpaceLow', { ...a, mountpoint: '/', severity: 'ticket' }),
        alert('RollcallDeviceDiskFilling', { ...a, mountpoint: '/' }),
      ],
    },
    {
      name: 'one alert for a source that was never read',
      firing: [alert('RollcallSourceNeverLoaded', source), alert('RollcallQuarantineGrowing', source)],
      heldBack: [
        alert('RollcallSourceFlapping', source),
        alert('RollcallTargetsErrorBudgetBurn', { job: 'rollcall', severity: 'critical' }),
        alert('RollcallTargetsErrorBudgetBurn', { job: 'rollcall', severity: 'ticket' }),
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
      name: 'a budget that burns fast also burns slowly',
      firing: [alert('RollcallTargetsLatencyBudgetBurn', { job: 'rollcall', severity: 'critical' })],
      heldBack: [alert('RollcallTargetsLatencyBudgetBurn', { job: 'rollcall', severity: 'ticket' })],
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
  const named = new Set(readFileSync(CONFIG, 'utf8').match(/Rollcall[A-Z]\w+/g))
  t.ok(named.size > 5)
  for (const name of named)
    t.ok(
      alerts.some((one) => one.alert === name),
      name,
    )
})
