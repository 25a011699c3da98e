import type { LogFormat, LogLevel } from '../base/logger.ts'
import type { Secret } from '../base/secret.ts'
import type { ClusterOptions } from '../cluster/resolve.ts'
import type { Retention } from '../history/segments.ts'
import type { ConfigView } from '../model/config-view.ts'
import type { PlanOptions } from '../pipeline/plan.ts'
import type { PrometheusOptions } from '../prometheus/resolve.ts'
import type { GuardOptions } from '../roll/rules.ts'
import type { SourceOptions } from '../sources/kinds.ts'
import type { Need } from '../sources/resolving.ts'
import type { ListenAddress } from './listen-address.ts'

/** One source, every value checked and resolved; durations in milliseconds. */
export interface SourceSettings {
  readonly name: string
  /** Changes whenever the configuration of the source changes; a reload compares it. */
  readonly fingerprint: string
  readonly source: SourceOptions
  readonly plan: PlanOptions
  readonly guard: GuardOptions
  readonly refreshIntervalMs: number
  readonly timeoutMs: number
  readonly required: boolean
  /** Infinity: the last good list is served at any age. */
  readonly maxStalenessMs: number
  /** Absolute path of the source's file_sd file. */
  readonly fileSd: string | undefined
}

/** The settings of the HTTP server. */
export interface WebSettings {
  readonly listenAddress: ListenAddress
  readonly enableLifecycle: boolean
  readonly disableExplain: boolean
  /** Path of the web configuration file. */
  readonly configFile: string | undefined
  readonly drainDelayMs: number
  readonly shutdownTimeoutMs: number
  /** The age of a list above which the server is not ready; Infinity: it is ready at any age. */
  readonly readyMaxAgeMs: number
  readonly externalUrl: URL | undefined
}

/** The settings of the log. */
export interface LogSettings {
  readonly level: LogLevel
  readonly format: LogFormat
}

/** The embedded demo: the address of its inventory, and its sources: the inventory and the devices. */
export interface DemoSettings {
  readonly listenAddress: ListenAddress
  sources(inventory: URL): SourceSettings[]
}

/** All settings of the process. */
export interface Settings {
  /** The configuration file; undefined: there is none, so nothing can be reloaded. */
  readonly configFile: string | undefined
  readonly web: WebSettings
  readonly log: LogSettings
  /** Absolute path of the folder for the last good lists; undefined: nothing is stored. */
  readonly storagePath: string | undefined
  /** The retention of the history of targets, by age and size; undefined: no history. */
  readonly history: Retention | undefined
  /** Another Rollcall from which lists that are not stored here are fetched at the start; undefined: none. */
  readonly seedUrl: URL | undefined
  /** Signs backups; undefined: they are not signed. */
  readonly signingKey: Secret | undefined
  readonly sources: readonly SourceSettings[]
  /** The guard of all sources together. */
  readonly guard: GuardOptions
  /** The connection to other replicas; undefined: there are none. */
  readonly cluster: ClusterOptions | undefined
  /** The Prometheus servers that are queried for the state of the targets; undefined: none. */
  readonly prometheus: PrometheusOptions | undefined
  /** Set when the embedded demo is served. */
  readonly demo: DemoSettings | undefined
  /** All settings for display: secrets are masked. */
  readonly view: ConfigView
  /** The files and folders that it names. */
  readonly needs: readonly Need[]
  /** Warnings about the configuration; logged once at start. */
  readonly warnings: readonly string[]
}
