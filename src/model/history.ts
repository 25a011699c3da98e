import type { LabelMap } from './explanation.ts'

/** How the registration of a device ended. */
export type Ending = 'left' | 'expired'

/** What happened to a target. */
export type EventKind = 'joined' | 'left' | 'changed'

/** Something that happened to one target, as it may be shown: secrets are masked. */
export interface Draft {
  readonly kind: EventKind
  /** Empty when it is an event of many targets, such as a first list. */
  readonly address: string
  /** The labels that tell it apart from others of the same address (its place); empty for most. */
  readonly place: LabelMap
  /** Why, in one sentence: what the readings showed, which rule let it go, which labels changed. */
  readonly why: string
}

/** The same among all events. */
export interface TargetEvent extends Draft {
  /**
   * Its place in the order of all; larger is newer, and no two events of one source have the same. Alone, events are
   * numbered from 1. With other replicas an id is made of the time ({@link eventId}), so that each has the same.
   */
  readonly id: number
  /** On the wall clock, in milliseconds. */
  readonly atMs: number
  readonly source: string
  /** Whether all replicas have it. */
  readonly isShared?: true
}

/** So many events of one source at most are of one time. */
const IDS_PER_MS = 1024

/** The id of one of the events of a time, in milliseconds. */
export function eventId(atMs: number, index: number): number {
  return Math.floor(atMs) * IDS_PER_MS + index
}

/** The time that an id was made of. */
export function timeOfId(id: number): number {
  return Math.floor(id / IDS_PER_MS)
}

/** Which events are asked for. */
export interface EventQuery {
  /** Only those whose address or place contains this, upper and lower case alike. */
  readonly target?: string | undefined
  /** Only those whose whole address, or host, it is. */
  readonly isWhole?: boolean
  readonly source?: string | undefined
  /** Only those from then on, on the wall clock, in milliseconds. */
  readonly sinceMs?: number | undefined
  /** Only those with a smaller id: the next page. */
  readonly before?: number | undefined
  readonly limit: number
}

/** How the history is kept. */
export interface HistoryStatus {
  /** What it takes on disk. */
  readonly bytes: number
  /** Its folder; undefined: it is in memory. */
  readonly path: string | undefined
  /** Why the newest events could not be written; undefined: they were. */
  readonly error: string | undefined
}

/** Joins, leaves and label changes of targets, kept on disk. */
export interface History {
  /**
   * The newest first.
   * @throws HttpError `overloaded` when too many ask at a time
   */
  find(
    query: EventQuery,
  ): Promise<{ readonly events: readonly TargetEvent[]; readonly next: number | undefined }>
}
