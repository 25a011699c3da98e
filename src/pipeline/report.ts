import type { LabelDropReason, Rejection, RejectionReason } from '../mapping/rejection.ts'

export { LABEL_DROP_REASONS, REJECTION_REASONS } from '../mapping/rejection.ts'

/** How many quarantined records a report keeps to show; all are counted. */
export const MAX_SAMPLES = 10

/** One quarantined record: its position in the list (from 0) and what is wrong with it. */
export interface RejectionSample extends Rejection {
  readonly index: number
}

/** What became of the records of one list. */
export interface Report {
  readonly records: number
  readonly rejected: ReadonlyMap<RejectionReason, number>
  readonly droppedLabels: ReadonlyMap<LabelDropReason, number>
  readonly samples: readonly RejectionSample[]
}

/** Adds one to the count of a key. */
export function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
