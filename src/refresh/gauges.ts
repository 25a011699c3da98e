import type { Metrics } from '../base/metrics.ts'
import { LABEL_DROP_REASONS, REJECTION_REASONS, type Report } from '../pipeline/report.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'

/** Sets what is to be known of a served list. */
export function setSnapshotGauges(metrics: Metrics['source'], source: string, snapshot: Snapshot): void {
  metrics.lastChange.set({ source }, snapshot.changedAtMs / 1000)
  metrics.targets.set({ source }, snapshot.targets)
  metrics.groups.set({ source }, snapshot.groups)
}

/** Sets the gauge of every reason, so that each series is there from the first list on, at 0. */
export function setReportGauges(metrics: Metrics['source'], source: string, report: Report): void {
  for (const reason of keysOf(REJECTION_REASONS)) {
    metrics.rejected.set({ source, reason }, report.rejected.get(reason) ?? 0)
  }
  for (const reason of keysOf(LABEL_DROP_REASONS)) {
    metrics.labelsDropped.set({ source, reason }, report.droppedLabels.get(reason) ?? 0)
  }
}

function keysOf<Key extends string>(catalogue: Readonly<Record<Key, string>>): Key[] {
  return Object.keys(catalogue) as Key[]
}
