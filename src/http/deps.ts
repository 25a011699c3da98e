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

/** How a refresh that was asked for ended, as far as the answer tells. */
export interface RefreshAnswer {
  readonly source: string
  readonly result: string
  readonly targets: number
  readonly error?: Error
}

/** A reload that failed: the configuration of before is in force. */
export interface ReloadFailure {
  /** On the wall clock, in milliseconds. */
  readonly atMs: number
  readonly message: string
}

/** What the HTTP server needs from the rest of Rollcall. */
export interface HttpDeps {
  readonly store: Pick<Store, 'get' | 'list' | 'combined' | 'changes' | 'removed'>
  readonly views: Pick<Views, 'get'>
  readonly metrics: Metrics
  readonly connections: Connections
  readonly clock: Clock
  readonly log: Pick<Logger, 'error' | 'warn'>
  /** Refreshes one source, or all of them, and waits for the end. */
  refresh(source?: string): Promise<readonly RefreshAnswer[]>
  /**
   * Lets held targets leave, or a view be empty.
   * @param source undefined: whichever
   * @returns what became of the lists; undefined: nothing with this digest is held
   */
  accept(digest: string, source: string | undefined): Promise<readonly RefreshAnswer[] | undefined>
  /** How long a view of the list of all that turned empty is not believed, in milliseconds. */
  holdMs(): number
  /** Where devices register with a source; undefined when it is no push source. */
  instances(source: string): Instances | undefined
  /**
   * Loads the configuration again; throws when it is wrong, and then changes nothing.
   * @returns false when there is no configuration file
   */
  reload(): Promise<boolean>
  /** Undefined: the last reload succeeded, or there was none. */
  reloadFailure(): ReloadFailure | undefined
  /**
   * Everything that a new machine needs to go on, compressed; destroying it ends the work.
   * @throws HttpError `backup_unavailable`
   */
  backup(): Promise<Readable>
  /** Finds served targets. */
  readonly search: Searcher
  /** Says why whatever is asked for is or is not a target, of one source or of all. */
  explain(query: string, source: string | undefined): Promise<ExplainAnswer>
  /** What the web configuration file says; undefined: there is none. */
  readonly web: Pick<Web, 'access' | 'createServer'> | undefined
  readonly reportRefusal: ReportRefusal
  /** Who asks for targets. */
  readonly pollers: Pollers
  /** Which devices could not register. */
  readonly refusals: Refusals
  /** The configuration that is in force. */
  configView(): ConfigView
  /** The replicas that serve the same; undefined: there is only this one. */
  readonly cluster?: ClusterView | undefined
  /** What Prometheus servers make of the targets; undefined: none is asked. A reload can change it. */
  readonly scrapes?: Scrapes | undefined
  /** What happened to targets; undefined: nothing is kept. */
  readonly history?: History | undefined
  /** How that is kept; undefined: it is not. */
  historyStatus?(): HistoryStatus | undefined
  /** Whether the server was asked to stop. */
  isDraining(): boolean
}

/** Limits on what a client may do to a connection, in milliseconds and bytes. */
export interface Limits {
  /** Until the headers of a request are there. */
  readonly headersTimeout: number
  /** Until all of a request is there. */
  readonly requestTimeout: number
  /** How often both are looked at. */
  readonly connectionsCheckingInterval: number
  readonly keepAliveTimeout: number
  /** Until a handshake of TLS is done; 15 seconds by default. */
  readonly handshakeTimeout?: number
  readonly bodyLimit: number
}

/** How the server behaves. */
export interface HttpOptions {
  readonly enableLifecycle: boolean
  readonly version: string
  /** The URL under which it is reached from outside. */
  readonly externalUrl?: URL | undefined
  /** The age of a list, in milliseconds, from which on the server is not ready; by default Infinity. */
  readonly readyMaxAgeMs?: number
  /** Whether /api/v1/explain is off. */
  readonly disableExplain?: boolean
  /** Adds the pages for people; without it there are none. */
  readonly pages?: (app: FastifyInstance, deps: HttpDeps, options: HttpOptions, capacity: Capacity) => void
  /** What a client may do to a connection, where it differs from the defaults. */
  readonly limits?: Partial<Limits>
}

/**
 * Refuses what changes or reveals all, unless it was switched on.
 * @throws HttpError `lifecycle_disabled`
 */
export function assertLifecycle({ enableLifecycle }: HttpOptions): void {
  if (enableLifecycle) return
  throw new HttpError('lifecycle_disabled', 'the lifecycle API is off; start with --web.enable-lifecycle')
}
