const FACTORS: Record<string, number> = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 }

/**
 * Parses a size such as `512KB` or `256MB`; units are powers of two, as in Prometheus.
 * @returns bytes, or undefined when the text is not a size
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+)([KMG]?B)$/.exec(text)
  if (match === null) return undefined
  return Number(match[1]) * (FACTORS[match[2] as string] as number)
}

/** Formats bytes for people: 268435456 → `256MB`, 1500 → `1.5KB`. */
export function formatSize(bytes: number): string {
  const unit = bytes >= 2 ** 30 ? 'GB' : bytes >= 2 ** 20 ? 'MB' : bytes >= 2 ** 10 ? 'KB' : 'B'
  const amount = bytes / (FACTORS[unit] as number)
  return `${Number(amount.toFixed(1))}${unit}`
}
