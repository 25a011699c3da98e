import type { LabelMap } from './explanation.ts'

/**
 * What a Prometheus server makes of a served target: it scrapes it (`up`), tries to and fails (`down`), has not
 * scraped it yet (`pending`), dropped it by its own relabel rules (`dropped`), or does not know it (`unknown`).
 */
export type ScrapeState = 'up' | 'down' | 'pending' | 'dropped' | 'unknown'

/** What one Prometheus server makes of one served target. */
export interface Scrape {
  /** The server, by the name that the configuration gives it, or its URL. */
  readonly server: string
  readonly state: ScrapeState
  /** The scrape pool, which is named as its job; undefined when the server does not know the target. */
  readonly pool: string | undefined
  /** Why it is so, in one sentence: the error of the last scrape, the rule that dropped it, why it is not known. */
  readonly why: string | undefined
  /** What the job does to the labels of the target, a sentence each. */
  readonly notes: readonly string[]
  /** Why the server could not be asked the last time, so that all this is older; undefined: it answered. */
  readonly failure: string | undefined
  /** When the server last tried to scrape it, on the wall clock, in milliseconds. */
  readonly lastScrapeMs: number | undefined
  /** Since when Rollcall has seen it in this state, on the wall clock, in milliseconds. */
  readonly sinceMs: number | undefined
}

/** What is known of one Prometheus server. */
export interface ScrapeServer {
  readonly server: string
  /** Without credentials. */
  readonly url: string
  /** When it last answered whole, on the wall clock, in milliseconds. */
  readonly lastSuccessMs: number | undefined
  /** Why it could not be asked the last time; undefined: it answered. */
  readonly failure: string | undefined
  /** The pools that discover through this Rollcall. */
  readonly pools: readonly string[]
  /** The served targets by what the server makes of them. */
  readonly counts: Readonly<Record<ScrapeState, number>>
}

/** What Prometheus servers make of the served targets. */
export interface Scrapes {
  servers(): readonly ScrapeServer[]
  /**
   * One for each server that has answered, or could not be asked.
   * @param labels as they are served
   */
  of(source: string, address: string, labels: LabelMap): readonly Scrape[]
}
