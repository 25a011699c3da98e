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
  /** Differs when anything is configured differently; for a reload. */
  readonly fingerprint: string
  readonly source: SourceOptions
  readonly plan: PlanOptions
  readonly guard: GuardOptions
  readonly refreshIntervalMs: number
  readonly timeoutMs: number
  readonly required: boolean
  /** Infinity: the last good list is served however old it is. */
  readonly maxStalenessMs: number
  /** Absolute path of the source's file_sd file. */
  readonly fileSd: string | undefined
}

/** How the server behaves, whatever it serves. */
export interface WebSettings {
  readonly listenAddress: ListenAddress
  readonly enableLifecycle: boolean
  readonly disableExplain: boolean
  /** Path of the web configuration file. */
  readonly configFile: string | undefined
  readonly drainDelayMs: number
  readonly shutdownTimeoutMs: number
  /** The age of a list from which on the server is not ready; Infinity: however old it is. */
  readonly readyMaxAgeMs: number
  readonly externalUrl: URL | undefined
}

/** How the log is written. */
export interface LogSettings {
  readonly level: LogLevel
  readonly format: LogFormat
}

/** The embedded demo: where its inventory listens, and the sources that read it there, and wait for devices. */
export interface DemoSettings {
  readonly listenAddress: ListenAddress
  sources(inventory: URL): SourceSettings[]
}

/** Everything that the process was told. */
export interface Settings {
  /** The configuration file; undefined: there is none, so nothing can be reloaded. */
  readonly configFile: string | undefined
  readonly web: WebSettings
  readonly log: LogSettings
  /** Absolute path of the folder that keeps the last good lists; undefined: nothing is kept. */
  readonly storagePath: string | undefined
  /** How long, and in how many bytes, what happened to targets is kept; undefined: it is not. */
  readonly history: Retention | undefined
  /** Another Rollcall that is asked at the start for lists that are not kept here; undefined: none is. */
  readonly seedUrl: URL | undefined
  /** Signs backups; undefined: they are not signed. */
  readonly signingKey: Secret | undefined
  readonly sources: readonly SourceSettings[]
  /** What is asked for of all sources together. */
  readonly guard: GuardOptions
  /** What is shared with other replicas; undefined: nothing is. */
  readonly cluster: ClusterOptions | undefined
  /** The servers that are asked what they make of the targets; undefined: none is. */
  readonly prometheus: PrometheusOptions | undefined
  /** Set when the embedded demo is what to serve. */
  readonly demo: DemoSettings | undefined
  /** All of it as it may be shown. */
  readonly view: ConfigView
  /** The files and folders that it names. */
  readonly needs: readonly Need[]
  /** What is odd about the configuration but no error; logged once at start. */
  readonly warnings: readonly string[]
}
