import fc from 'fast-check'
import t from 'tap'
import { analyseNumbers } from '../../../src/sensor/payload/statistics.ts'
import { holds } from '../../helpers/property.ts'

t.test('what numbers come to', async (t) => {
  const rows: [numbers: number[], mean: number, median: number, deviation: number][] = [
    [[1, 2, 3, 4, 5], 3, 3, 1.58],
    [[7], 7, 7, 0],
    [[5, 1], 3, 3, 2.83],
    [[4, 1, 3, 2], 2.5, 2.5, 1.29],
    [[0, 0], 0, 0, 0],
    [[-1, 1], 0, 0, 1.41],
    [[1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16], 1e9 + 10, 1e9 + 10, 5.48],
    [[0.1, 0.1, 0.1], 0.1, 0.1, 0],
    [[-0.001, -0.001], 0, 0, 0],
    [[Number.MAX_VALUE, Number.MAX_VALUE], Number.MAX_VALUE, Number.MAX_VALUE, 0],
    [[5e-324, 5e-324], 0, 0, 0],
    [[1e308, -1e308], 0, 0, Math.SQRT2 * 1e308],
    [[1e16, 1, -1e16], 0.33, 1, 1e16],
  ]
  for (const [numbers, mean, median, deviation] of rows) {
    t.same(
      analyseNumbers(numbers),
      {
        minimum: Math.min(...numbers),
        maximum: Math.max(...numbers),
        mean,
        median,
        standard_deviation: deviation,
        count: numbers.length,
      },
      numbers.join(', '),
    )
  }
  t.equal(analyseNumbers([1.7e308, -1.7e308]).standard_deviation, Number.POSITIVE_INFINITY)
})

t.test('the numbers that were given are not touched', async (t) => {
  const numbers = [3, 1, 2]
  analyseNumbers(numbers)
  t.same(numbers, [3, 1, 2])
})

/** Mean and sample variance of integers, exactly: each as a numerator and a denominator. */
function exactly(numbers: readonly number[]) {
  const n = BigInt(numbers.length)
  const values = numbers.map(BigInt)
  const sum = values.reduce((total, value) => total + value, 0n)
  const squares = values.reduce((total, value) => total + value * value, 0n)
  return { sum, n, spread: n * squares - sum * sum, weight: n * (n - 1n) }
}

t.test('mean and deviation are those of exact arithmetic, to two decimals', async (t) => {
  holds(
    t,
    'for integers anywhere, also large ones that are close',
    fc.property(
      fc.integer({ min: -1e12, max: 1e12 }),
      fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 200 }),
      (base, offsets) => {
        const numbers = offsets.map((offset) => base + offset)
        const { sum, n, spread, weight } = exactly(numbers)
        const { mean, standard_deviation: deviation } = analyseNumbers(numbers)
        const exactMean = Number((sum * 1_000_000n) / n) / 1_000_000
        const exactDeviation = Math.sqrt(Number((spread * 1_000_000n) / weight) / 1_000_000)
        const slack = Math.abs(base) * 1e-15
        return Math.abs(mean - exactMean) < 0.00501 + slack && Math.abs(deviation - exactDeviation) < 0.00501
      },
    ),
  )
  holds(
    t,
    'whatever the numbers: in order, and inside their range',
    fc.property(
      fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 50 }),
      (numbers) => {
        const { minimum, maximum, mean, median, standard_deviation: deviation } = analyseNumbers(numbers)
        const inside = (value: number) => value >= minimum - 0.005 && value <= maximum + 0.005
        return inside(mean) && inside(median) && deviation >= 0
      },
    ),
  )
})
