import { spawn } from 'node:child_process'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { readSensorSettings } from '../../src/config/sensor-settings.ts'
import { createCollectors } from '../../src/sensor/collectors/collectors.ts'
import { createHost } from '../../src/sensor/collectors/host.ts'
import { sensorHere } from '../helpers/sensor.ts'
import { findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

/** What an exporter told: values by series, types by family. */
interface Told {
  readonly series: ReadonlyMap<string, number>
  readonly types: ReadonlyMap<string, string>
}

function parse(text: string): Told {
  const series = new Map<string, number>()
  const types = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, family, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (family !== undefined) types.set(family, String(type))
    const [, name, labels = '', value] = /^([a-zA-Z_]\w*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (name === undefined) continue
    const sorted = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([pair]) => pair).sort()
    series.set(`${name}{${sorted.join(',')}}`, Number(value))
  }
  return { series, types }
}

const familyOf = (series: string) => series.slice(0, series.indexOf('{'))

/** What both tell of themselves, which are two programs. */
const OWN = /^(process_|node_scrape_collector_)/

/** How far the values of a family may be apart: a share of the value, plus an amount. */
function slackOf(family: string): { share: number; plus: number } {
  if (/^node_cpu_/.test(family)) return { share: 0, plus: 1 }
  if (/^node_load/.test(family)) return { share: 0.02, plus: 0.2 }
  // What is small changes by more than its share between two readings.
  if (/^node_(memory|filesystem|disk)_.*_bytes/.test(family)) return { share: 0.02, plus: 4 * 1024 * 1024 }
  if (/^node_(memory|filesystem|disk)_/.test(family)) return { share: 0.02, plus: 20 }
  if (
    /^node_(uname|os|network_(info|up|mtu|speed|carrier))|_info$|boot_time|_maximum|_limit|pool_size/.test(
      family,
    )
  ) {
    return { share: 0, plus: 0 }
  }
  if (family === 'node_time_seconds') return { share: 0, plus: 2 }
  // Counters and states that change from moment to moment on a machine that runs tests.
  return { share: 0.05, plus: 100 }
}

t.test('each series that node_exporter has too is the same: name, labels, type and value', async (t) => {
  const tool = findTool('prometheus-node-exporter')
  if (missing(t, tool, 'prometheus-node-exporter')) return
  const port = await freePort()
  const exporter = spawn(String(tool), [`--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' })
  t.teardown(() => exporter.kill())
  const { paths, collectors } = readSensorSettings({ flags: {}, env: {} })
  const { url } = await sensorHere(t, {
    collectors: createCollectors(createHost(paths), collectors, systemClock),
  })
  const ask = async (base: string) => parse(await (await fetch(`${base}/metrics`)).text())
  await until('node_exporter serves', () => ask(`http://127.0.0.1:${port}`))

  // What happens on a busy machine between the two answers is no difference: each series is alike at some moment.
  let open: ReadonlySet<string> | undefined
  const unlike = await until('each series was alike at some moment', async () => {
    const [ours, theirs] = await Promise.all([ask(url), ask(`http://127.0.0.1:${port}`)])
    const found = differences(ours, theirs)
    const still: string[] = [...found].filter(([about]) => open?.has(about) ?? true).map(([about]) => about)
    open = new Set(still)
    if (still.length > 0) throw new Error(still.map((about) => `${about}: ${found.get(about)}`).join('\n'))
    return { ours, theirs }
  })
  const shared = [...unlike.ours.types.keys()].filter((family) => unlike.theirs.types.has(family))
  for (const family of [
    'node_cpu_seconds_total',
    'node_memory_MemAvailable_bytes',
    'node_filesystem_avail_bytes',
    'node_disk_io_time_seconds_total',
    'node_network_receive_bytes_total',
    'node_load1',
    'node_boot_time_seconds',
    'node_uname_info',
    'node_filefd_allocated',
    'node_vmstat_pgfault',
  ]) {
    t.ok(shared.includes(family), family)
  }
  t.ok(shared.length > 150, `${shared.length} families`)
})

/** What differs, with how. */
function differences(ours: Told, theirs: Told): ReadonlyMap<string, string> {
  const families = [...ours.types.keys()].filter((family) => theirs.types.has(family) && !OWN.test(family))
  const invented = [...ours.types.keys()].filter(
    (family) => /^node_/.test(family) && !theirs.types.has(family),
  )
  const types = families.filter((family) => ours.types.get(family) !== theirs.types.get(family))
  const isShared = (series: string) => families.includes(familyOf(series))
  const missed = [...theirs.series.keys()].filter((series) => isShared(series) && !ours.series.has(series))
  const more = [...ours.series.keys()].filter((series) => isShared(series) && !theirs.series.has(series))
  const apart = [...ours.series].filter(([series, value]) => {
    const other = isShared(series) ? theirs.series.get(series) : undefined
    const { share, plus } = slackOf(familyOf(series))
    return other !== undefined && Math.abs(value - other) > Math.abs(other) * share + plus
  })
  return new Map([
    ...invented.map((family) => [family, 'node_exporter has no such family'] as const),
    ...types.map((family) => [family, `${ours.types.get(family)}, not ${theirs.types.get(family)}`] as const),
    ...missed.map((series) => [series, 'missing'] as const),
    ...more.map((series) => [series, 'node_exporter has no such series'] as const),
    ...apart.map(([series, value]) => [series, `${value}, not ${theirs.series.get(series)}`] as const),
  ])
}

/** node_exporter cannot listen on any free port and tell which. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
