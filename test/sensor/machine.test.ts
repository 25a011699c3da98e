import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import type { Collector } from '../../src/sensor/collectors/collector.ts'
import { createCollectors } from '../../src/sensor/collectors/collectors.ts'
import { createHost } from '../../src/sensor/collectors/host.ts'
import { single } from '../../src/sensor/exposition.ts'
import { createMachine } from '../../src/sensor/machine.ts'
import { manualClock } from '../helpers/clock.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { recordingLog } from '../helpers/log.ts'

const works: Collector = { name: 'works', collect: () => [single('gauge', 'a', 'A.', 1)] }

t.test('a collector that fails has no metrics, is told as failed, and the others go on', async (t) => {
  const clock = manualClock()
  const { log, lines } = recordingLog()
  let error: Error | undefined = new Error('broken')
  const fails: Collector = {
    name: 'fails',
    collect() {
      clock.advance(250)
      if (error !== undefined) throw error
      return []
    },
  }
  const missing: Collector = {
    name: 'missing',
    collect: () => Promise.reject(Object.assign(new Error('no file'), { code: 'ENOENT' })),
  }
  const machine = createMachine([works, fails, missing], { clock, log })
  const success = async (collector: string) =>
    seriesValue(await machine.metrics(), 'node_scrape_collector_success', { collector })
  const text = await machine.metrics()
  t.equal(seriesValue(text, 'a'), 1)
  t.equal(seriesValue(text, 'node_scrape_collector_duration_seconds', { collector: 'fails' }), 0.25)
  t.equal(await success('works'), 1)
  t.equal(await success('fails'), 0)
  t.equal(await success('missing'), 0)
  error = undefined
  t.equal(await success('fails'), 1)
  t.match(
    lines,
    [
      { msg: 'a collector fails; its metrics are left out', collector: 'fails', error: 'broken' },
      { msg: 'a collector works again', collector: 'fails' },
    ],
    'once each, and what this machine does not have is no event',
  )
  t.equal(lines.length, 2)
})

t.test(
  'who asks while metrics are collected gets the same ones; later ones only if they may be that old',
  async (t) => {
    const clock = manualClock()
    let collected = 0
    const slow: Collector = {
      name: 'slow',
      async collect() {
        collected++
        await new Promise((resolve) => setImmediate(resolve))
        return []
      },
    }
    const { log } = recordingLog()
    const machine = createMachine([slow], { clock, log }, 1_000)
    await Promise.all([machine.metrics(), machine.metrics()])
    t.equal(collected, 1)
    clock.advance(999)
    await machine.metrics()
    t.equal(collected, 1)
    clock.advance(1)
    await machine.metrics()
    t.equal(collected, 2)
  },
)

/** A machine of files, for what the machine of the test may not have. */
function fileHost(t: Test, files: Record<string, string>) {
  const root = t.testdir()
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return createHost({ procfs: join(root, 'proc'), sysfs: join(root, 'sys'), rootfs: root })
}

const OPTIONS = {
  mountPointsExclude: /^\/proc/,
  fsTypesExclude: /^tmpfs$/,
  mountTimeoutMs: 5_000,
  netDevicesExclude: /^lo$/,
  disksExclude: /^loop/,
}

const metricsOf = (host: ReturnType<typeof createHost>) => {
  const { log } = recordingLog('silent')
  const machine = createMachine(createCollectors(host, OPTIONS, systemClock), { clock: systemClock, log })
  return machine.metrics()
}

t.test('the paths are those of the flags, and what is not there is no metric', async (t) => {
  const text = await metricsOf(
    fileHost(t, {
      'proc/loadavg': '0.5 1 2 3/4 5\n',
      'proc/self/mounts':
        '/dev/a / ext4 ro 0 0\n/dev/b /gone ext4 rw 0 0\nt /t tmpfs rw 0 0\np /proc p rw 0 0\n',
      'proc/net/netstat': 'IpExt: InOctets\nIpExt: 3\n',
      'proc/net/snmp': 'Tcp: InSegs\nTcp: 4\n',
      'proc/net/sockstat': 'TCP: inuse 1 mem 1\n',
      'sys/class/thermal/thermal_zone1/type': 'cpu\n',
      'sys/class/thermal/thermal_zone1/temp': '50000\n',
      'sys/class/thermal/thermal_zone2/type': 'asleep\n',
      'sys/class/thermal/cooling_device0/type': 'fan\n',
      'usr/lib/os-release': 'ID=other\n',
    }),
  )
  t.equal(seriesValue(text, 'node_load1'), 0.5)
  t.equal(seriesValue(text, 'node_thermal_zone_temp', { type: 'cpu', zone: '1' }), 50)
  t.match(text, 'node_os_info{build_id="",id="other"')
  t.equal(
    seriesValue(text, 'node_filesystem_readonly', { device: '/dev/a', fstype: 'ext4', mountpoint: '/' }),
    1,
  )
  t.equal(
    seriesValue(text, 'node_filesystem_device_error', {
      device: '/dev/b',
      fstype: 'ext4',
      mountpoint: '/gone',
    }),
    1,
  )
  t.equal(seriesValue(text, 'node_scrape_collector_success', { collector: 'stat' }), 0)
  t.equal(seriesValue(text, 'node_scrape_collector_success', { collector: 'netclass' }), 1)
  t.notMatch(text, 'mountpoint="/t"')
})

t.test('the machine of the test itself has the metrics that every Linux has', async (t) => {
  const text = await metricsOf(createHost({ procfs: '/proc', sysfs: '/sys', rootfs: '/' }))
  for (const collector of [
    'cpu',
    'diskstats',
    'filesystem',
    'loadavg',
    'meminfo',
    'netdev',
    'stat',
    'time',
    'uname',
  ]) {
    t.equal(seriesValue(text, 'node_scrape_collector_success', { collector }), 1, collector)
  }
  const [free, total] = ['MemFree', 'MemTotal'].map((field) =>
    seriesValue(text, `node_memory_${field}_bytes`),
  )
  t.ok(Number(free) > 0 && Number(free) < Number(total))
})
