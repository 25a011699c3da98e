/**
 * Parses a `Retry-After` header (RFC 9110 section 10.2.3): seconds, or an HTTP date.
 * @param nowMs wall-clock time, for dates
 * @returns milliseconds from now, never negative; undefined when absent or invalid
 */
export function parseRetryAfter(header: string | string[] | undefined, nowMs: number): number | undefined {
  if (typeof header !== 'string') return undefined
  if (/^\d+$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs)
}
