import { type Cost, type Growth, growth } from '../figures/growth.ts'

/** What Rollcall costs at one size. */
export interface Point {
  readonly records: number
  /** Bytes of the inventory's body. */
  readonly bodyBytes: number
  /** Parsing that body alone, in a fresh process. */
  readonly parseSeconds: number
  /** A full refresh, from asking to serving, and the CPU time of all threads for it. */
  readonly refreshSeconds: number
  readonly cpuSeconds: number
  /** The most memory of the process in such a refresh. */
  readonly peakBytes: number
  /** Bytes of the answer of /targets. */
  readonly wireBytes: number
  readonly wireGzipBytes: number
  /** Ten connections that ask as fast as they are answered. */
  readonly requestsPerSecond: number
  readonly requestsPerSecondGzip: number
  /** At half of that rate, and at most 200 a second, in milliseconds. */
  readonly p99Ms: number
  readonly p99GzipMs: number
}

/** From where on growth is judged: below, what a refresh costs however small it is hides what a record costs. */
export const JUDGED_FROM = 10_000

/** A cost and how it grew, step by step. */
export interface Judged {
  readonly what: string
  readonly steps: readonly Growth[]
  /** From the first judged size to the last. */
  readonly whole: Growth
}

/** What must grow no faster than n log n. */
const COSTS = [
  ['time of a refresh', (point: Point) => point.refreshSeconds],
  ['CPU of a refresh', (point: Point) => point.cpuSeconds],
  ['peak memory', (point: Point) => point.peakBytes],
  ['bytes on the wire', (point: Point) => point.wireBytes],
] as const

/** How each cost grew; empty when fewer than two sizes can be judged. */
export function judgeGrowth(points: readonly Point[]): readonly Judged[] {
  const judged = points.filter(({ records }) => records >= JUDGED_FROM)
  if (judged.length < 2) return []
  return COSTS.map(([what, costOf]) => {
    const costs: readonly Cost[] = judged.map((point) => ({ n: point.records, cost: costOf(point) }))
    const steps = costs.slice(1).map((cost, index) => growth(costs[index] as Cost, cost))
    return { what, steps, whole: growth(costs[0] as Cost, costs.at(-1) as Cost) }
  })
}

/** Whether a cost grew no faster than n log n, in each step and in all: a cheap first step hides no steep last one. */
export function isWithin({ steps, whole }: Judged): boolean {
  return [...steps, whole].every(({ ratio }) => ratio <= 1)
}
