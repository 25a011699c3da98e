import t from 'tap'
import { drawChart } from '../../bench/curve/chart.ts'
import { curveChart, curvePage, growthTable } from '../../bench/curve/draw.ts'
import { isWithin, judgeGrowth, type Point } from '../../bench/curve/point.ts'
import { inventoryBody, SENSORS_PER_STORE } from '../../bench/processes/records.ts'

/** A size whose refresh costs n to a power. */
const point = (records: number, power: number): Point => ({
  records,
  bodyBytes: records * 120,
  parseSeconds: records / 1e6,
  refreshSeconds: records ** power / 1e6,
  cpuSeconds: records ** power / 1e6,
  peakBytes: 50e6 + records * 500,
  wireBytes: records * 20,
  wireGzipBytes: records * 2,
  requestsPerSecond: 1e8 / records,
  requestsPerSecondGzip: 1e9 / records,
  p99Ms: records / 1e4,
  p99GzipMs: records / 1e5,
})
const points = (power: number) => [100, 1_000, 10_000, 100_000, 1_000_000].map((n) => point(n, power))
const machine = {
  node: 'v20',
  system: 'Linux',
  cpu: 'CPU <of a test>',
  cores: 2,
  memoryGiB: 4,
  rollcall: '0.1.0',
  commit: null,
  loadBefore: 0,
}

t.test('growth is judged from 10,000 records on, each decade and the whole', async (t) => {
  const judged = judgeGrowth(points(1))
  t.ok(judged.every(isWithin))
  t.same(
    judged[0]?.steps.map(({ from, to }) => [from, to]),
    [
      [10_000, 100_000],
      [100_000, 1_000_000],
    ],
  )
  const [time, cpu, memory] = judgeGrowth(points(1.5))
  t.notOk(isWithin(time as never))
  t.notOk(isWithin(cpu as never))
  t.ok(isWithin(memory as never))
  const steepAtLast = points(1).with(4, { ...point(1_000_000, 1), peakBytes: 100_000 * 500 * 13 + 50e6 * 13 })
  t.notOk(isWithin(judgeGrowth(steepAtLast)[2] as never), 'a step is enough')
  t.match(growthTable(judgeGrowth(points(1.5))), /time of a refresh .* FASTER than n log n/)
  t.match(growthTable(judgeGrowth(points(1))), /time of a refresh .* no faster than n log n/)
  t.same(judgeGrowth(points(1).slice(0, 3)), [])
})

t.test('the page has a row for each size, and the plot a dot', async (t) => {
  const curve = { machine, points: points(1) }
  const page = curvePage(curve)
  t.match(page, /\| 1,000,000 \| 1\.00 s \| 1\.00 s \| 1\.00 s \| 550 MB \| 120 MB \| 20\.0 \(2\.00\) \|/)
  t.match(page, 'no faster than n log n')
  const svg = curveChart(curve)
  t.match(svg, 'At 1,000,000 records a refresh takes 1.00 s')
  t.equal([...svg.matchAll(/<circle /g)].length, 6 * 5, 'one for each size in each panel')
  t.notMatch(svg, /NaN|undefined|Infinity/)
})

t.test('a decade is as wide as any other, up is more, and text is harmless', async (t) => {
  const series = [
    {
      name: '<a & "b">',
      points: [
        [1, 1],
        [10, 10],
        [100, 100],
      ] as const,
    },
  ]
  const svg = drawChart('title', 'description', [{ title: 'panel', across: 'things', label: String, series }])
  const dots = [...svg.matchAll(/<circle class="d0" cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [
    Number(x),
    Number(y),
  ]) as [number, number][]
  const [[x0, y0], [x1, y1], [x2, y2]] = dots as [[number, number], [number, number], [number, number]]
  t.ok(Math.abs(x2 - x1 - (x1 - x0)) <= 0.2)
  t.ok(y0 > y1 && y1 > y2)
  t.match(svg, '&lt;a &amp; &quot;b&quot;&gt;')
  t.match(svg, 'prefers-color-scheme: dark')
  const zero = [{ name: 'a', points: [[1, 0]] as const }]
  t.throws(() => drawChart('', '', [{ title: '', across: '', label: String, series: zero }]), RangeError)
})

t.test('the inventory has as many records as it says, and two in 1,000 differ', async (t) => {
  const count = 25_000
  const [a, b] = (['a', 'b'] as const).map((variant) => JSON.parse(inventoryBody(count, variant).toString()))
  t.equal(a.length, count)
  t.equal(new Set(a.map(({ hostname }: { hostname: string }) => hostname)).size, count)
  t.equal(new Set(a.map(({ store }: { store: { id: string } }) => store.id)).size, count / SENSORS_PER_STORE)
  const differ = a.filter((one: unknown, index: number) => JSON.stringify(one) !== JSON.stringify(b[index]))
  t.equal(differ.length, 50)
  t.same(JSON.parse(inventoryBody(0, 'a').toString()), [])
})
