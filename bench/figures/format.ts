/** Writes a number with three significant digits, and whole thousands with commas: 0.0123, 1.23, 12.3, 12,345. */
export function formatNumber(value: number): string {
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 100) return Math.round(value).toLocaleString('en')
  const digits = Math.max(0, 2 - Math.floor(Math.log10(size)))
  return value.toFixed(Math.min(digits, 6))
}

/** Writes a number with its unit; a unit that is none leaves the number. */
export function formatValue(value: number, unit: string): string {
  return unit === '' ? formatNumber(value) : `${formatNumber(value)} ${unit}`
}

/** Writes a count for people: `10,000 targets`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en')
}
