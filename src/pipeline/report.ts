import {
  type LabelDropReason,
  type Rejection,
  type RejectionReason,
  shownText,
} from '../mapping/rejection.ts'
import { createMasker } from '../model/mask.ts'
import type { InventoryRecord } from '../model/record.ts'

export { LABEL_DROP_REASONS, REJECTION_REASONS } from '../mapping/rejection.ts'

/** How many quarantined records a report keeps to show; all are counted. */
export const MAX_SAMPLES = 10

/** One quarantined record: its position in the list (from 0), its key, and what is wrong with it. */
export interface RejectionSample extends Rejection {
  readonly index: number
  /** What tells it apart from other records, as it may be shown; undefined: nothing in it does. */
  readonly key?: string | undefined
}

/** What became of the records of one list. */
export interface Report {
  readonly records: number
  /** Objects in lists of the documents that the records expression leaves out, and records that the filter does. */
  readonly notSelected: number
  /** Optional targets, and templates for the items of a list, for which records have nothing. */
  readonly lacking: number
  /** Targets that a relabel rule dropped. */
  readonly dropped: number
  readonly rejected: ReadonlyMap<RejectionReason, number>
  readonly droppedLabels: ReadonlyMap<LabelDropReason, number>
  readonly samples: readonly RejectionSample[]
}

/** How many records, or targets of them, are there without making a target. */
export function idleIn(report: Pick<Report, 'notSelected' | 'lacking' | 'dropped' | 'rejected'>): number {
  return report.notSelected + report.lacking + report.dropped + rejectedIn(report)
}

/** How many records of a list, or targets of them, are no target. */
export function rejectedIn({ rejected }: Pick<Report, 'rejected'>): number {
  return [...rejected.values()].reduce((sum, count) => sum + count, 0)
}

/** A record with its place in the list, from 0, and what tells it apart. */
export interface NumberedRecord {
  readonly record: InventoryRecord
  readonly index: number
  readonly key: string | undefined
}

/** What becomes of the records of one list, counted one by one. */
export type Tally = ReturnType<typeof createTally>

/** Starts a tally at nothing. */
export function createTally() {
  const rejected = new Map<RejectionReason, number>()
  const droppedLabels = new Map<LabelDropReason, number>()
  const samples: RejectionSample[] = []
  let dropped = 0
  return {
    /** A record, or one target of it, is quarantined. */
    reject({ record, index, key }: NumberedRecord, { reason, detail }: Rejection): void {
      count(rejected, reason)
      if (samples.length === MAX_SAMPLES) return
      // Here, where it is first told, so that no place that shows it can forget to.
      const { text } = createMasker(record)
      const own = key === undefined ? {} : { key: shownText(text(key)) }
      samples.push({ index, ...own, reason, detail: text(detail) })
    },
    /** A label is left out; its target stays. */
    dropLabel: (reason: LabelDropReason) => count(droppedLabels, reason),
    /** A rule dropped a target. */
    drop(): void {
      dropped++
    },
    counts: () => ({ dropped, rejected, droppedLabels, samples }),
  }
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
