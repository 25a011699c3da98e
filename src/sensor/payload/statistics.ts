/** The statistics of numbers; all but minimum and maximum are rounded to two decimals. */
export interface NumericAnalysis {
  readonly minimum: number
  readonly maximum: number
  readonly mean: number
  readonly median: number
  /** Of the sample (divided by n - 1); 0 for one number. */
  readonly standard_deviation: number
  readonly count: number
}

/**
 * Analyses finite numbers, at least one. The standard deviation is infinite if it exceeds the largest number,
 * which takes numbers beyond 1e307; nothing else overflows.
 */
export function analyseNumbers(numbers: readonly number[]): NumericAnalysis {
  const sorted = Float64Array.from(numbers).sort()
  const count = sorted.length
  const [minimum, maximum] = [sorted[0] as number, sorted[count - 1] as number]
  // Computed between -2 and 2, so that neither sums nor squares overflow; dividing by a power of two changes
  // no digit.
  const magnitude = Math.log2(Math.max(-minimum, maximum, Number.MIN_VALUE))
  const scale = 2 ** Math.min(Math.floor(magnitude), 1023)
  const scaled = sorted.map((value) => value / scale)
  const mean = sum(scaled) / count
  return {
    minimum,
    maximum,
    mean: rounded(mean * scale),
    median: rounded(medianOf(scaled) * scale),
    standard_deviation: rounded(deviation(scaled, mean) * scale),
    count,
  }
}

function medianOf(sorted: Float64Array): number {
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

/**
 * Takes a second pass: a deviation computed from the squares alone loses its digits when the numbers are
 * large and close.
 */
function deviation(values: Float64Array, mean: number): number {
  if (values.length === 1) return 0
  return Math.sqrt(sum(values.map((value) => (value - mean) ** 2)) / (values.length - 1))
}

/**
 * Neumaier's sum, which compensates the digits that additions lose: ten thousand numbers lose no digit that
 * is shown.
 */
function sum(values: Float64Array): number {
  let total = 0
  let lost = 0
  for (const value of values) {
    const next = total + value
    lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total
    total = next
  }
  return total + lost
}

/** Rounds the exact binary value to two decimals; never -0. */
function rounded(value: number): number {
  return Number(value.toFixed(2)) + 0
}
