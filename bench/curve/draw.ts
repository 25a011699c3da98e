import { formatCount, formatNumber } from '../figures/format.ts'
import { nLogN } from '../figures/growth.ts'
import type { Machine } from '../figures/machine.ts'
import { markdownTable } from '../figures/table.ts'
import { drawChart, type Panel, type Series } from './chart.ts'
import { isWithin, JUDGED_FROM, type Judged, judgeGrowth, type Point } from './point.ts'

/** What `npm run tool -- curve` keeps. */
export interface Curve {
  readonly machine: Machine
  readonly points: readonly Point[]
}

/** The plot. */
export function curveChart({ points }: Curve): string {
  const line = (name: string, pick: (point: Point) => number): Series => ({
    name,
    points: points.map((point) => [point.records, pick(point)]),
  })
  const panels: Panel[] = [
    {
      title: 'Time of a full refresh',
      across: 'records',
      label: seconds,
      series: [
        line('refresh', ({ refreshSeconds }) => refreshSeconds),
        line('JSON.parse alone', ({ parseSeconds }) => parseSeconds),
        guide(points, ({ refreshSeconds }) => refreshSeconds),
      ],
    },
    {
      title: 'Peak memory of a full refresh',
      across: 'records',
      label: bytes,
      series: [
        line('process', ({ peakBytes }) => peakBytes),
        line("inventory's body", ({ bodyBytes }) => bodyBytes),
        guide(points, ({ peakBytes }) => peakBytes),
      ],
    },
    {
      title: 'Requests per second to /targets',
      across: 'records',
      label: short,
      series: [
        line('plain', ({ requestsPerSecond }) => requestsPerSecond),
        line('gzip', ({ requestsPerSecondGzip }) => requestsPerSecondGzip),
      ],
    },
    {
      title: 'p99 of /targets',
      across: 'records',
      label: (value) => `${short(value)} ms`,
      series: [line('plain', ({ p99Ms }) => p99Ms), line('gzip', ({ p99GzipMs }) => p99GzipMs)],
    },
    {
      title: 'Bytes per target on the wire',
      across: 'records',
      label: bytes,
      series: [
        line('plain', ({ wireBytes, records }) => wireBytes / records),
        line('gzip', ({ wireGzipBytes, records }) => wireGzipBytes / records),
      ],
    },
    {
      title: 'CPU of a full refresh, per record',
      across: 'records',
      label: (value) => `${short(value)} µs`,
      series: [line('refresh', ({ cpuSeconds, records }) => (Math.max(cpuSeconds, 1e-4) * 1e6) / records)],
    },
  ]
  return drawChart('How Rollcall scales', `${summary(points)} The table is in scaling.md.`, panels)
}

/** The page with the table. */
export function curvePage(curve: Curve): string {
  const { machine, points } = curve
  return `# How it scales

This page and its plot are written by \`npm run tool -- curve\`, from one run on ${machine.cores} cores of an ${machine.cpu} with
Node.js ${machine.node}, with the load generator and the inventory beside Rollcall on the same machine.

![${summary(points)}](scaling.svg)

${curveTable(points)}

- A record is about ${Math.round(largest(points).bodyBytes / largest(points).records)} bytes of JSON with a name, a port, a model and a nested store; the store becomes a label,
  and 100 sensors share one. For each refresh one record of 500 changes, and the list is kept on disk.
- _Refresh_ is the time from asking the inventory to serving the list, by Rollcall's own metric, and _CPU_ what all its
  threads used; _JSON.parse_ is parsing the same bytes in a fresh process and nothing else. _Peak_ is the most memory
  of the process in such a refresh, while it serves the list before.
- _Requests_ are those of ten connections that ask again as soon as they are answered; _p99_ is at half of that rate, and
  at most 200 a second, counted from the time at which each request was due.

## Growth from ${formatCount(JUDGED_FROM)} records on

1 means that the cost grows as n log n; below 1 is better.

${growthTable(judgeGrowth(points))}
`
}

/** The figures of each size. */
export function curveTable(points: readonly Point[]): string {
  const head = [
    'records',
    'refresh',
    'CPU',
    'JSON.parse',
    'peak',
    'body',
    'bytes per target (gzip)',
    'requests/s (gzip)',
    'p99 (gzip)',
  ]
  const rows = points.map((point) => [
    formatCount(point.records),
    `${formatNumber(point.refreshSeconds)} s`,
    `${formatNumber(point.cpuSeconds)} s`,
    `${formatNumber(point.parseSeconds)} s`,
    `${formatNumber(point.peakBytes / 1e6)} MB`,
    `${formatNumber(point.bodyBytes / 1e6)} MB`,
    `${formatNumber(point.wireBytes / point.records)} (${formatNumber(point.wireGzipBytes / point.records)})`,
    `${formatNumber(point.requestsPerSecond)} (${formatNumber(point.requestsPerSecondGzip)})`,
    `${formatNumber(point.p99Ms)} (${formatNumber(point.p99GzipMs)}) ms`,
  ])
  return markdownTable(
    [head, ...rows],
    head.map((_, column) => column),
  )
}

/** How each cost grew, over what n log n allows. */
export function growthTable(judged: readonly Judged[]): string {
  if (judged.length === 0) return 'Fewer than two sizes: nothing to judge.'
  const [first] = judged
  const steps = first?.steps.map(({ from, to }) => `${formatCount(from)} → ${formatCount(to)}`) ?? []
  const head = [
    'cost',
    ...steps,
    `${formatCount(first?.whole.from ?? 0)} → ${formatCount(first?.whole.to ?? 0)}`,
    '',
  ]
  const rows = judged.map((one) => [
    one.what,
    ...one.steps.map(({ ratio }) => formatNumber(ratio)),
    formatNumber(one.whole.ratio),
    isWithin(one) ? 'no faster than n log n' : 'FASTER than n log n',
  ])
  return markdownTable(
    [head, ...rows],
    head.slice(1, -1).map((_, column) => column + 1),
  )
}

/** Where a cost would be if it grew as n log n from the first judged size on. */
function guide(points: readonly Point[], pick: (point: Point) => number): Series {
  const judged = points.filter(({ records }) => records >= JUDGED_FROM)
  const [first] = judged
  if (first === undefined) return { name: 'n log n', points: [], isGuide: true }
  const at = ({ records }: Point) => pick(first) * nLogN(first.records, records)
  return { name: 'n log n', points: judged.map((point) => [point.records, at(point)]), isGuide: true }
}

function summary(points: readonly Point[]): string {
  const { records, refreshSeconds, peakBytes } = largest(points)
  return `At ${formatCount(records)} records a refresh takes ${formatNumber(refreshSeconds)} s and at most ${formatNumber(peakBytes / 1e6)} MB of memory.`
}

function largest(points: readonly Point[]): Point {
  return points.at(-1) as Point
}

/** A value of an axis: 0.01, 1, 1,000, 100k. */
function short(value: number): string {
  if (value >= 10_000) return `${value / 1_000}k`
  return value >= 1 ? formatCount(value) : String(Number(value.toPrecision(1)))
}

/** A time of an axis: 100 µs, 10 ms, 1 s. */
function seconds(value: number): string {
  if (value < 1e-3) return `${short(value * 1e6)} µs`
  return value < 1 ? `${short(value * 1e3)} ms` : `${short(value)} s`
}

/** A size of an axis: 1 B, 10 kB, 100 MB. */
function bytes(value: number): string {
  if (value >= 1e9) return `${short(value / 1e9)} GB`
  if (value >= 1e6) return `${short(value / 1e6)} MB`
  return value >= 1e3 ? `${short(value / 1e3)} kB` : `${short(value)} B`
}
