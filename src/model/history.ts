import type { LabelMap } from './explanation.ts'

/** How the registration of a device ended. */
export type Ending = 'left' | 'expired'

/** What happened to a target. */
export type EventKind = 'joined' | 'left' | 'changed'

/** An event of one target, with secrets masked. */
export interface Draft {
  readonly kind: EventKind
  /** Empty for an event of many targets, such as a first list. */
  readonly address: string
  /** The labels that distinguish it from other targets of the same address (its place); mostly empty. */
  readonly place: LabelMap
  /** The reason, in one sentence: the readings, the rule that let it leave, or the labels that changed. */
  readonly why: string
}

/** An event with its id, time and source. */
export interface TargetEvent extends Draft {
  /**
   * Its place in the order of all events; larger is newer, and unique in a source. A single Rollcall numbers
   * its events from 1. In a cluster the id is made from the time ({@link eventId}), so that all replicas use
   * the same one.
   */
  readonly id: number
  /** Wall-clock time, in milliseconds. */
  readonly atMs: number
  readonly source: string
  /** Whether all replicas have it. */
  readonly isShared?: true
}

/** The largest number of events of one source with the same time. */
const IDS_PER_MS = 1024

/** Makes the id of an event from its time, in milliseconds, and its index among the events of that time. */
export function eventId(atMs: number, index: number): number {
  return Math.floor(atMs) * IDS_PER_MS + index
}

/** The time in an id, in milliseconds. */
export function timeOfId(id: number): number {
  return Math.floor(id / IDS_PER_MS)
}

/** Selects events. */
export interface EventQuery {
  /** Only events whose address or place contains this text; case is ignored. */
  readonly target?: string | undefined
  /** Whether `target` must be the whole address or host. */
  readonly isWhole?: boolean
  readonly source?: string | undefined
  /** Only events from this time on; wall-clock time, in milliseconds. */
  readonly sinceMs?: number | undefined
  /** Only events with a smaller id: the next page. */
  readonly before?: number | undefined
  readonly limit: number
}

/** The state of the stored history. */
export interface HistoryStatus {
  /** Its size on disk. */
  readonly bytes: number
  /** Its folder; undefined: it is in memory only. */
  readonly path: string | undefined
  /** Why the newest events could not be written; undefined: they are written. */
  readonly error: string | undefined
}

/** Joins, leaves and label changes of targets, kept on disk. */
export interface History {
  /** Finds events, the newest first. @throws HttpError `overloaded` when too many requests run at a time */
  find(
    query: EventQuery,
  ): Promise<{ readonly events: readonly TargetEvent[]; readonly next: number | undefined }>
}
