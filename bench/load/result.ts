import { createHistogram } from 'node:perf_hooks'
import { formatCount, formatNumber } from '../figures/format.ts'
import { table } from '../figures/table.ts'
import type { Sample } from './generate.ts'

/** What a load showed; latencies in milliseconds, of requests that were answered whole. */
export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  readonly requestsPerSecond: number
  readonly bytesPerSecond: number
  readonly latency: Readonly<Record<'p50' | 'p90' | 'p99' | 'p99.9' | 'max', number>> | null
  /** How many answers had which status. */
  readonly statuses: Readonly<Record<string, number>>
  /** How many requests were not answered whole, by kind. */
  readonly errors: Readonly<Record<string, number>>
  readonly failed: number
}

/** Counts samples. Latencies go into a histogram of three digits, so that a long run needs no memory. */
export function createTally() {
  const histogram = createHistogram({ lowest: 1, highest: 3_600_000_000_000, figures: 3 })
  const statuses: Record<string, number> = {}
  const errors: Record<string, number> = {}
  let [requests, bytes, failed] = [0, 0, 0]
  const count = (counts: Record<string, number>, key: string) => {
    counts[key] = (counts[key] ?? 0) + 1
  }
  return {
    add({ status, error, due, end, bytes: size }: Sample): void {
      requests++
      bytes += size
      if (status === undefined) count(errors, error ?? 'unknown')
      else {
        count(statuses, String(status))
        histogram.record(Math.max(1, Math.round((end - due) * 1e6)))
      }
      if (status === undefined || !isFine(status)) failed++
    },
    /** @param seconds from the first request to the end of the last */
    result(seconds: number): LoadResult {
      const at = (share: number) => histogram.percentile(share) / 1e6
      const latency = { p50: at(50), p90: at(90), p99: at(99), 'p99.9': at(99.9), max: histogram.max / 1e6 }
      return {
        requests,
        seconds,
        requestsPerSecond: requests / seconds,
        bytesPerSecond: bytes / seconds,
        latency: histogram.count === 0 ? null : latency,
        statuses,
        errors,
        failed,
      }
    },
  }
}

/** A result for people. */
export function resultText({
  requests,
  seconds,
  latency,
  statuses,
  errors,
  failed,
  ...rates
}: LoadResult): string {
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([key, count]) => `${key}: ${formatCount(count)}`)
      .join(', ') || 'none'
  const perSecond = `${formatNumber(rates.requestsPerSecond)}/s, ${formatNumber(rates.bytesPerSecond / 1e6)} MB/s`
  const latencies = Object.entries(latency ?? {}).map(([name, ms]) => `${name} ${formatNumber(ms)} ms`)
  return table([
    ['requests', `${formatCount(requests)} in ${formatNumber(seconds)} s: ${perSecond}`],
    ['latency', latencies.join('   ') || 'none: nothing was answered'],
    ['statuses', list(statuses)],
    ['errors', list(errors)],
    ['failed', formatCount(failed)],
  ])
}

/** A redirect is not followed, so it is not what was asked for. */
function isFine(status: number): boolean {
  return (status >= 200 && status < 300) || status === 304
}
