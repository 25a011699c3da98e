/** What something cost at one size. */
export interface Cost {
  readonly n: number
  readonly cost: number
}

/** How a cost grew between two sizes. */
export interface Growth {
  readonly from: number
  readonly to: number
  /** How many times as much it costs. */
  readonly times: number
  /** How many times as much n log n is. */
  readonly allowed: number
  /** `times` over `allowed`: up to 1 it grew no faster than n log n. */
  readonly ratio: number
}

/** How many times as much n log n is at one size as at another. */
export function nLogN(from: number, to: number): number {
  return (to * Math.log(to)) / (from * Math.log(from))
}

/** The growth between two sizes. */
export function growth(from: Cost, to: Cost): Growth {
  const times = to.cost / from.cost
  const allowed = nLogN(from.n, to.n)
  return { from: from.n, to: to.n, times, allowed, ratio: times / allowed }
}

/**
 * The exponent k of the power law n^k that fits best (least squares in logarithms): 1 is linear. A line that
 * n log n makes from 10,000 to 1,000,000 has 1.09.
 */
export function exponent(costs: readonly Cost[]): number {
  const xs = costs.map(({ n }) => Math.log(n))
  const ys = costs.map(({ cost }) => Math.log(cost))
  const [meanX, meanY] = [mean(xs), mean(ys)]
  const covariance = xs.reduce((sum, x, index) => sum + (x - meanX) * ((ys[index] as number) - meanY), 0)
  return covariance / xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
