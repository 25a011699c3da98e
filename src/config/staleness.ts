/** The refresh times of a source, in milliseconds. */
export interface Times {
  readonly refreshIntervalMs: number
  readonly timeoutMs: number
}

/** The latest begin of a refresh after a successful one, in intervals. */
export const LATEST_BEGIN = 1.1

/** The age, in milliseconds, that no list exceeds unless a refresh has failed. */
export function leastStalenessMs({ refreshIntervalMs, timeoutMs }: Times): number {
  return Math.ceil(refreshIntervalMs * LATEST_BEGIN + timeoutMs)
}
