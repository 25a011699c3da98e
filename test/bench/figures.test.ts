import t from 'tap'
import { formatNumber } from '../../bench/figures/format.ts'
import { growth, nLogN } from '../../bench/figures/growth.ts'
import { figuresTable, judge, verdictText } from '../../bench/figures/report.ts'
import { isMet, ROWS } from '../../bench/figures/rows.ts'
import { median, percentile, spread } from '../../bench/figures/statistics.ts'
import { markdownTable, table } from '../../bench/figures/table.ts'

t.test('the median is the one in the middle, or the mean of the two there', async (t) => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 3, 2]), 2.5)
  t.throws(() => median([]), { message: 'nothing was measured' })
})

t.test('a percentile is a value that was measured: the nearest rank', async (t) => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  t.equal(percentile(hundred, 0.99), 99)
  t.equal(percentile(hundred, 0.5), 50)
  t.equal(percentile(hundred, 0), 1)
  t.equal(percentile(hundred, 1), 100)
  t.equal(percentile([7], 0.99), 7)
  t.throws(() => percentile([], 0.5), RangeError)
})

t.test('the spread is the least and the greatest, by number and not by text', async (t) => {
  t.same(spread([10, 9, 100]), [9, 100])
})

t.test('n log n has the ratio 1, linear growth less, and n² more', async (t) => {
  const [small, large] = [10_000, 1_000_000]
  t.ok(Math.abs(nLogN(small, large) - 150) < 1e-9)
  const of = (cost: (n: number) => number) =>
    growth({ n: small, cost: cost(small) }, { n: large, cost: cost(large) })
  t.ok(Math.abs(of((n) => n * Math.log(n)).ratio - 1) < 1e-9)
  t.ok(of((n) => n).ratio < 0.7)
  t.ok(of((n) => n ** 2).ratio > 60)
  t.equal(of((n) => n).times, 100)
})

t.test('numbers have three digits that count', async (t) => {
  const written: Record<string, number> = {
    '0': 0,
    '0.000123': 0.0001234,
    '0.0123': 0.01234,
    '0.950': 0.95,
    '1.23': 1.234,
    '12.3': 12.34,
    '123': 123.4,
    '12,346': 12_345.6,
    '-1.50': -1.5,
  }
  for (const [text, value] of Object.entries(written)) t.equal(formatNumber(value), text)
})

t.test('columns are as wide as what is in them', async (t) => {
  t.equal(
    table(
      [
        ['a', '1'],
        ['bcd', '22', 'x'],
      ],
      [1],
    ),
    'a     1\nbcd  22  x',
  )
  t.equal(
    table([
      ['×', '1'],
      ['ab', '2'],
    ]),
    '×   1\nab  2',
  )
  t.equal(table([]), '')
  t.equal(
    markdownTable(
      [
        ['n', 'x'],
        ['1', '2'],
      ],
      [1],
    ),
    '| n | x |\n| --- | ---: |\n| 1 | 2 |',
  )
})

t.test('a goal is met at its bound, and never by what is not a number', async (t) => {
  t.ok(isMet(0.95, { atLeast: 0.95 }))
  t.notOk(isMet(0.949, { atLeast: 0.95 }))
  t.ok(isMet(2, { atMost: 2 }))
  t.notOk(isMet(2.01, { atMost: 2 }))
  t.notOk(isMet(Number.NaN, { atMost: 2 }))
  t.notOk(isMet(Number.NaN, { atLeast: 2 }))
  t.ok(isMet(5, undefined))
})

t.test('the table says which goals are met, and the verdict which are missed', async (t) => {
  const figures = [
    { id: 'warm-start', value: 0.7, rounds: [0.6, 0.8], note: 'a note' },
    { id: 'full-refresh', value: 2.1, rounds: [2.1], note: '' },
    { id: 'prometheus-2-cpu', value: 0.5, rounds: [0.5], note: '1 s against 2 s' },
  ] as const
  const unmeasured = [
    { id: 'cold-start', why: 'it broke', skipped: false },
    { id: 'prometheus-3-cpu', why: 'not installed', skipped: true },
  ] as const
  const lines = figuresTable(figures, unmeasured).split('\n')
  t.equal(lines.length, 6)
  t.match(lines[1], /^met +full refresh of 1,000,000 records .* 2\.10 × +≤ 2\.50$/)
  t.match(lines[2], /^MISSED +start to the first 200 .* 0\.700 s +≤ 0\.500 +0\.600 to 0\.800 in 2; a note$/)
  t.match(lines[3], /^FAILED +start .* it broke$/)
  t.match(lines[4], /^– +CPU of Prometheus 2 .* 0\.500 × +1 s against 2 s$/)
  t.match(lines[5], /^skipped +CPU of Prometheus 3 .* not installed$/)
  const verdict = judge(figures, unmeasured)
  t.same(verdict, { missed: ['warm-start'], failed: ['cold-start'], skipped: ['prometheus-3-cpu'] })
  t.match(verdictText(verdict), /^1 goal is missed:\n {2}start .*\n1 row could not be measured:\n/)
  t.match(verdictText({ missed: [], failed: [], skipped: [] }), 'Every goal that was measured is met.')
})

t.test('the goals are those that were promised', async (t) => {
  const goals = Object.entries(ROWS).flatMap(([id, row]) => ('goal' in row ? [[id, row.goal]] : []))
  t.match(Object.fromEntries(goals), {
    'loop-prometheus': { atMost: 2 },
    'loop-rollcall': { atMost: 2 },
    'targets-100': { atMost: 1.05 },
    'targets-10000': { atMost: 1.02 },
    'targets-gzip-100000': { atMost: 1.02 },
    'targets-tls-100': { atLeast: 0.9 },
    'full-refresh': { atMost: 2.5 },
    'unchanged-body': { atMost: 0.2 },
    'p99-targets': { atMost: 2 },
    'p99-health': { atMost: 2 },
    'event-loop': { atMost: 50 },
    'longest-request': { atMost: 100 },
    'failed-requests': { atMost: 0 },
    'peak-memory': { atMost: 8 },
    'memory-file': { atMost: 80 },
    'warm-start': { atMost: 0.5 },
  })
})
