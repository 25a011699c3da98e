const UNITS_MS = [
  ['y', 365 * 86_400_000],
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const

const PATTERN =
  /^(?:(?<y>\d+)y)?(?:(?<w>\d+)w)?(?:(?<d>\d+)d)?(?:(?<h>\d+)h)?(?:(?<m>\d+)m)?(?:(?<s>\d+)s)?(?:(?<ms>\d+)ms)?$/

/** The longest delay of a platform timer, in milliseconds (about 24 days). */
export const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * Parses a Prometheus duration such as `30s`, `1h30m` or `0` (prometheus/common `ParseDuration`).
 * @returns milliseconds, or undefined when the text is not a duration
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  const groups = text === '' ? undefined : PATTERN.exec(text)?.groups
  if (groups === undefined) return undefined
  let total = 0
  for (const [unit, ms] of UNITS_MS) total += Number(groups[unit] ?? 0) * ms
  return total
}

/** Formats an age in whole seconds, at least one: `1m30s`. */
export function formatAge(ageMs: number): string {
  return formatDuration(Math.max(1, Math.round(ageMs / 1000)) * 1000)
}

/** Formats milliseconds as the shortest Prometheus duration: 90000 → `1m30s`. */
export function formatDuration(durationMs: number): string {
  let rest = Math.round(durationMs)
  if (rest === 0) return '0s'
  let text = ''
  for (const [unit, ms] of UNITS_MS) {
    // As Prometheus does: years and weeks only without a remainder.
    if ((unit === 'y' || unit === 'w') && rest % ms !== 0) continue
    const count = Math.floor(rest / ms)
    if (count > 0) text += `${count}${unit}`
    rest -= count * ms
  }
  return text
}
