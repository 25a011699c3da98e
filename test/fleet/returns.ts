/** When agents were back, in milliseconds after the return of their server. */
export interface Returns {
  readonly firstMs: number
  readonly lastMs: number
  /** How many came in each span of time, from the return on. */
  readonly counts: readonly number[]
  /** The most that came within any span as long, wherever it begins. */
  readonly largest: number
}

/** Counts returns in spans of so many milliseconds. */
export function countReturns(returns: readonly number[], spanMs: number): Returns {
  // One that was heard before the server said that it serves came at once.
  const times = returns.map((ms) => Math.max(0, ms)).sort((a, b) => a - b)
  const lastMs = times.at(-1) ?? 0
  const counts = Array.from({ length: Math.floor(lastMs / spanMs) + 1 }, () => 0)
  for (const ms of times) {
    const span = Math.floor(ms / spanMs)
    counts[span] = (counts[span] ?? 0) + 1
  }
  const within = times.map((from) => times.filter((ms) => ms >= from && ms < from + spanMs).length)
  return { firstMs: times[0] ?? 0, lastMs, counts, largest: Math.max(...within) }
}

/**
 * The most agents that may come within one span of time before it is a burst. Agents retry at any time up to half a
 * heartbeat, a quarter on average, so when the server is back one of them comes within a short span with
 * the probability span / (heartbeat / 4). Four standard deviations more than that are no chance any more.
 */
export function mostWithoutBurst(agents: number, spanMs: number, heartbeatMs: number): number {
  const share = Math.min(1, (4 * spanMs) / heartbeatMs)
  return Math.ceil(agents * share + 4 * Math.sqrt(agents * share * (1 - share)))
}

/** A line for each span. */
export function drawReturns({ counts }: Returns, spanMs: number): string[] {
  return counts.map((count, span) => {
    const from = ((span * spanMs) / 1000).toFixed(1)
    const to = (((span + 1) * spanMs) / 1000).toFixed(1)
    return `  ${from.padStart(5)} to ${to.padStart(5)} s ${String(count).padStart(4)} ${'#'.repeat(count)}`
  })
}
