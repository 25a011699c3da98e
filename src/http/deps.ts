import type { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../base/clock.ts'
import type { Connections } from '../base/connections.ts'
import { HttpError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Metrics } from '../base/metrics.ts'
import type { ClusterView } from '../model/cluster.ts'
import type { ConfigView } from '../model/config-view.ts'
import type { ExplainAnswer } from '../model/explanation.ts'
import type { History, HistoryStatus } from '../model/history.ts'
import type { Instances } from '../model/registration.ts'
import type { Scrapes } from '../model/scrape.ts'
import type { Searcher } from '../snapshot/search.ts'
import type { Store } from '../snapshot/store.ts'
import type { Views } from '../snapshot/views.ts'
import type { ReportRefusal } from '../web/access.ts'
import type { Web } from '../web/web.ts'
import type { Pollers } from './pollers.ts'
import type { Capacity } from './pressure.ts'
import type { Refusals } from './refusals.ts'

/** The result of a requested refresh, as the response shows it. */
export interface RefreshAnswer {
  readonly source: string
  readonly result: string
  readonly targets: number
  readonly error?: Error
}

/** A failed reload. The previous configuration stays in force. */
export interface ReloadFailure {
  /** On the wall clock, in milliseconds. */
  readonly atMs: number
  readonly message: string
}

/** The dependencies of the HTTP server. */
export interface HttpDeps {
  readonly store: Pick<Store, 'get' | 'list' | 'combined' | 'changes' | 'removed'>
  readonly views: Pick<Views, 'get'>
  readonly metrics: Metrics
  readonly connections: Connections
  readonly clock: Clock
  readonly log: Pick<Logger, 'error' | 'warn'>
  /** Refreshes one source, or all of them, and waits for the results. */
  refresh(source?: string): Promise<readonly RefreshAnswer[]>
  /**
   * Lets held targets leave, or a view be empty.
   * @param source undefined: any
   * @returns the results; undefined: nothing with this digest is held
   */
  accept(digest: string, source: string | undefined): Promise<readonly RefreshAnswer[] | undefined>
  /** How long a view of all sources that became empty is not served, in milliseconds. */
  holdMs(): number
  /** The registrations of a source; undefined when it is no `push` source. */
  instances(source: string): Instances | undefined
  /**
   * Loads the configuration again. Throws when it is wrong, and changes nothing then.
   * @returns false when there is no configuration file
   */
  reload(): Promise<boolean>
  /** Undefined: the last reload succeeded, or there was none. */
  reloadFailure(): ReloadFailure | undefined
  /**
   * A backup, compressed. Destroying the stream ends the work.
   * @throws HttpError `backup_unavailable`
   */
  backup(): Promise<Readable>
  /** Finds served targets. */
  readonly search: Searcher
  /** Explains why something is or is not a target, in one source or in all. */
  explain(query: string, source: string | undefined): Promise<ExplainAnswer>
  /** The web configuration file; undefined: there is none. */
  readonly web: Pick<Web, 'access' | 'createServer'> | undefined
  readonly reportRefusal: ReportRefusal
  /** The clients that request targets. */
  readonly pollers: Pollers
  /** The devices that could not register. */
  readonly refusals: Refusals
  /** The configuration that is in force. */
  configView(): ConfigView
  /** The replicas; undefined: there is only this one. */
  readonly cluster?: ClusterView | undefined
  /** The state of the targets in Prometheus servers; undefined: none is configured. A reload can change it. */
  readonly scrapes?: Scrapes | undefined
  /** The history of targets; undefined: there is none. */
  readonly history?: History | undefined
  /** The status of the history; undefined: there is none. */
  historyStatus?(): HistoryStatus | undefined
  /** Whether the server was asked to stop. */
  isDraining(): boolean
}

/** Limits on what a client may do to a connection, in milliseconds and bytes. */
export interface Limits {
  /** Until all headers of a request have arrived. */
  readonly headersTimeout: number
  /** Until all of a request has arrived. */
  readonly requestTimeout: number
  /** The interval at which both are checked. */
  readonly connectionsCheckingInterval: number
  readonly keepAliveTimeout: number
  /** Until a TLS handshake is done; 15 seconds by default. */
  readonly handshakeTimeout?: number
  readonly bodyLimit: number
}

/** The settings of the HTTP server. */
export interface HttpOptions {
  readonly enableLifecycle: boolean
  readonly version: string
  /** The URL of the server from outside. */
  readonly externalUrl?: URL | undefined
  /** The age of a list, in milliseconds, from which the server is not ready; by default Infinity. */
  readonly readyMaxAgeMs?: number
  /** Whether /api/v1/explain is off. */
  readonly disableExplain?: boolean
  /** Adds the pages for people; without it there are none. */
  readonly pages?: (app: FastifyInstance, deps: HttpDeps, options: HttpOptions, capacity: Capacity) => void
  /** The limits that differ from the defaults. */
  readonly limits?: Partial<Limits>
}

/**
 * Refuses requests that change something or reveal everything, unless `--web.enable-lifecycle` is on.
 * @throws HttpError `lifecycle_disabled`
 */
export function assertLifecycle({ enableLifecycle }: HttpOptions): void {
  if (enableLifecycle) return
  throw new HttpError('lifecycle_disabled', 'the lifecycle API is off; start with --web.enable-lifecycle')
}
