import type { LabelMap } from './explanation.ts'

/**
 * The state of a served target in a Prometheus server: it is scraped (`up`), scraping fails (`down`), it has
 * not been scraped yet (`pending`), the server's relabel rules dropped it (`dropped`), or the server does not
 * know it (`unknown`).
 */
export type ScrapeState = 'up' | 'down' | 'pending' | 'dropped' | 'unknown'

/** The state of one served target in one Prometheus server. */
export interface Scrape {
  /** The name of the server in the configuration, or its URL. */
  readonly server: string
  readonly state: ScrapeState
  /** The scrape pool, which has the name of its job; undefined when the server does not know the target. */
  readonly pool: string | undefined
  /**
   * The reason, in one sentence: the error of the last scrape, the rule that dropped it, why it is unknown.
   */
  readonly why: string | undefined
  /** How the job changes the labels of the target, one sentence each. */
  readonly notes: readonly string[]
  /** Why the last query of the server failed, so that the rest is older; undefined: it succeeded. */
  readonly failure: string | undefined
  /** The last scrape attempt; wall-clock time, in milliseconds. */
  readonly lastScrapeMs: number | undefined
  /** When Rollcall first saw it in this state; wall-clock time, in milliseconds. */
  readonly sinceMs: number | undefined
}

/** The state of one Prometheus server. */
export interface ScrapeServer {
  readonly server: string
  /** Without credentials. */
  readonly url: string
  /** The last complete response; wall-clock time, in milliseconds. */
  readonly lastSuccessMs: number | undefined
  /** Why the last query failed; undefined: it succeeded. */
  readonly failure: string | undefined
  /** The pools that discover through this Rollcall. */
  readonly pools: readonly string[]
  /** The number of served targets by state. */
  readonly counts: Readonly<Record<ScrapeState, number>>
}

/** The state of the served targets in the Prometheus servers. */
export interface Scrapes {
  servers(): readonly ScrapeServer[]
  /**
   * Returns one scrape for each server that has responded, or could not be queried.
   * @param labels the served labels
   */
  of(source: string, address: string, labels: LabelMap): readonly Scrape[]
}
