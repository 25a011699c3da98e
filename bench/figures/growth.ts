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
