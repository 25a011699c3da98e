/** How a source is refreshed, in milliseconds. */
export interface Times {
  readonly refreshIntervalMs: number
  readonly timeoutMs: number
}

/** How many intervals after a good refresh the next begins at the latest. */
export const LATEST_BEGIN = 1.1

/** The age, in milliseconds, that no list exceeds unless a refresh has failed. */
export function leastStalenessMs({ refreshIntervalMs, timeoutMs }: Times): number {
  return Math.ceil(refreshIntervalMs * LATEST_BEGIN + timeoutMs)
}
