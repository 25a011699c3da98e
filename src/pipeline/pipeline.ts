import { RefreshError } from '../base/errors.ts'
import type { MappedTarget, Mapping } from '../mapping/mapping.ts'
import type { Document } from '../model/document.ts'
import type { InventoryRecord } from '../model/record.ts'
import type { Target, TargetGroup } from '../model/target-group.ts'
import type { RelabelRule } from '../relabel/relabel.ts'
import { relabelChecked } from './apply-rules.ts'
import { decode } from './decode.ts'
import { createPacker } from './pack.ts'
import { createTally, type Report, type Tally } from './report.ts'
import type { Select } from './select.ts'

/** Everything that a source's configuration decides about its records, compiled once. */
export interface Plan {
  readonly select: Select
  readonly map: Mapping
  readonly rules: readonly RelabelRule[]
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
export function runPipeline(documents: readonly Document[], plan: Plan): Result {
  const records = recordsOf(documents, plan)
  const packer = createPacker()
  const tally = createTally()
  for (let index = 0; index < records.length; index++) {
    const mapped = plan.map(records[index] as InventoryRecord)
    for (const rejection of mapped.rejections) tally.reject(index, rejection)
    for (const reason of mapped.droppedLabels) tally.dropLabel(reason)
    for (const target of mapped.targets) {
      const kept = applyRules(target, plan, tally, index)
      if (kept !== undefined) packer.add(kept)
    }
  }
  const report = { records: records.length, ...tally.counts() }
  // A list full of rubbish is a broken inventory, not an empty one: an empty list would be believed.
  if (packer.isEmpty() && report.dropped === 0 && report.rejected.size > 0) {
    throw new RefreshError(
      'all_rejected',
      `not one of ${records.length} records makes a target; the first: ${report.samples[0]?.detail}`,
    )
  }
  return { groups: packer.groups(), report }
}

/** The records of all documents; those of a single one are not copied. */
function recordsOf(documents: readonly Document[], { select }: Plan): readonly InventoryRecord[] {
  const lists = documents.map((document) => select(decode(document), document.name))
  return lists.length === 1 ? (lists[0] as readonly InventoryRecord[]) : lists.flat(1)
}

/** The target as the rules leave it; undefined when they drop it or leave no target. */
function applyRules(target: MappedTarget, plan: Plan, tally: Tally, index: number): Target | undefined {
  if (plan.rules.length === 0 && target.asWritten === undefined) return target
  const result = relabelChecked(target, plan.rules, tally.dropLabel)
  if ('target' in result) return result.target
  if ('rejection' in result) tally.reject(index, result.rejection)
  else tally.drop()
  return undefined
}
