import {
  type LabelDropReason,
  type Rejection,
  type RejectionReason,
  shownText,
} from '../mapping/rejection.ts'
import { createMasker } from '../model/mask.ts'
import type { InventoryRecord } from '../model/record.ts'

export { LABEL_DROP_REASONS, REJECTION_REASONS } from '../mapping/rejection.ts'

/** The number of quarantined records that a report shows; all are counted. */
export const MAX_SAMPLES = 10

/** One quarantined record: its position in the list (from 0), its key, and its fault. */
export interface RejectionSample extends Rejection {
  readonly index: number
  /** Identifies the record, with secrets masked; undefined: it has no key. */
  readonly key?: string | undefined
}

/** The counts of one list. */
export interface Report {
  readonly records: number
  /**
   * Objects in lists of the documents that the records expression leaves out, and records that the filter
   * leaves out.
   */
  readonly notSelected: number
  /** Optional targets, and templates of for_each, for which records have no field. */
  readonly lacking: number
  /** Targets that a relabel rule dropped. */
  readonly dropped: number
  readonly rejected: ReadonlyMap<RejectionReason, number>
  readonly droppedLabels: ReadonlyMap<LabelDropReason, number>
  readonly samples: readonly RejectionSample[]
}

/** The number of records, or of their targets, that are present but make no target. */
export function idleIn(report: Pick<Report, 'notSelected' | 'lacking' | 'dropped' | 'rejected'>): number {
  return report.notSelected + report.lacking + report.dropped + rejectedIn(report)
}

/** The number of records of a list, or of their targets, that are quarantined. */
export function rejectedIn({ rejected }: Pick<Report, 'rejected'>): number {
  return [...rejected.values()].reduce((sum, count) => sum + count, 0)
}

/** A record with its position in the list, from 0, and its key. */
export interface NumberedRecord {
  readonly record: InventoryRecord
  readonly index: number
  readonly key: string | undefined
}

/** Counts the results of the records of one list. */
export type Tally = ReturnType<typeof createTally>

/** Creates an empty tally. */
export function createTally() {
  const rejected = new Map<RejectionReason, number>()
  const droppedLabels = new Map<LabelDropReason, number>()
  const samples: RejectionSample[] = []
  let dropped = 0
  return {
    /** Counts a quarantined record, or one quarantined target of it. */
    reject({ record, index, key }: NumberedRecord, { reason, detail }: Rejection): void {
      count(rejected, reason)
      if (samples.length === MAX_SAMPLES) return
      // Masked here, at the source, so that no place that shows it can forget to mask.
      const { text } = createMasker(record)
      const own = key === undefined ? {} : { key: shownText(text(key)) }
      samples.push({ index, ...own, reason, detail: text(detail) })
    },
    /** Counts a label that is left out; its target stays. */
    dropLabel: (reason: LabelDropReason) => count(droppedLabels, reason),
    /** Counts a target that a rule dropped. */
    drop(): void {
      dropped++
    },
    counts: () => ({ dropped, rejected, droppedLabels, samples }),
  }
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
