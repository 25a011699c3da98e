import { RefreshError } from '../base/errors.ts'
import type { Mapping } from '../mapping/mapping.ts'
import type { LabelDropReason, RejectionReason } from '../mapping/rejection.ts'
import type { InventoryRecord } from '../model/record.ts'
import type { Target, TargetGroup } from '../model/target-group.ts'
import { decodeJson } from './decode.ts'
import { pack } from './pack.ts'
import { count, MAX_SAMPLES, type RejectionSample, type Report } from './report.ts'
import type { Select } from './select.ts'

/** Everything that a source's configuration decides about its records, compiled once. */
export interface Plan {
  readonly select: Select
  readonly map: Mapping
}

/** The groups of one list, and what became of its records. */
export interface Result {
  readonly groups: readonly TargetGroup[]
  readonly report: Report
}

/**
 * The pipeline: documents → records → targets → groups. A pure function: the same bytes and plan give
 * the same result, wherever it runs.
 * @throws RefreshError when the documents hold no list of records, or records of which none is a target
 */
export function runPipeline(documents: readonly Uint8Array[], plan: Plan): Result {
  const records = documents.flatMap((document) => plan.select(decodeJson(document)))
  const { targets, report } = mapRecords(records, plan.map)
  // A list full of rubbish is a broken inventory, not an empty one: an empty list would be believed.
  if (targets.length === 0 && report.rejected.size > 0) {
    throw new RefreshError(
      'all_rejected',
      `not one of ${records.length} records makes a target; the first: ${report.samples[0]?.detail}`,
    )
  }
  return { groups: pack(targets), report }
}

function mapRecords(
  records: readonly InventoryRecord[],
  map: Mapping,
): { targets: Target[]; report: Report } {
  const targets: Target[] = []
  const rejected = new Map<RejectionReason, number>()
  const droppedLabels = new Map<LabelDropReason, number>()
  const samples: RejectionSample[] = []
  for (const [index, record] of records.entries()) {
    const mapped = map(record)
    for (const target of mapped.targets) targets.push(target)
    for (const rejection of mapped.rejections) {
      count(rejected, rejection.reason)
      if (samples.length < MAX_SAMPLES) samples.push({ index, ...rejection })
    }
    for (const reason of mapped.droppedLabels) count(droppedLabels, reason)
  }
  return { targets, report: { records: records.length, rejected, droppedLabels, samples } }
}
