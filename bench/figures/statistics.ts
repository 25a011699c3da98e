/**
 * The middle of some values; of an even number of them the mean of the two in the middle.
 * @throws RangeError when there is none: no figure is made of nothing
 */
export function median(values: readonly number[]): number {
  const sorted = sort(values)
  const middle = sorted.length / 2
  if (Number.isInteger(middle)) return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
  return sorted[Math.floor(middle)] as number
}

/**
 * The value that this share of the values does not exceed (nearest rank, so it is one of them).
 * @param share 0 to 1
 * @throws RangeError when there is no value
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = sort(values)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] as number
}

/** The least and the greatest value. */
export function spread(values: readonly number[]): readonly [least: number, greatest: number] {
  const sorted = sort(values)
  return [sorted[0] as number, sorted.at(-1) as number]
}

function sort(values: readonly number[]): number[] {
  if (values.length === 0) throw new RangeError('nothing was measured')
  return [...values].sort((a, b) => a - b)
}
