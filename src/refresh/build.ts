import type { Document } from '../model/document.ts'
import { type Plan, runPipeline } from '../pipeline/pipeline.ts'
import type { Report } from '../pipeline/report.ts'
import { encodeGroups } from '../snapshot/encode.ts'
import type { Counts } from '../snapshot/snapshot.ts'

/** A list ready to be judged and frozen. */
export interface Built {
  readonly body: Buffer
  readonly counts: Counts
  readonly report: Report
}

/**
 * Documents → encoded list: the whole computation of a refresh as one pure function of bytes and plan.
 * @throws RefreshError when the documents are no inventory
 */
export function build(documents: readonly Document[], plan: Plan): Built {
  const { groups, report } = runPipeline(documents, plan)
  const targets = groups.reduce((total, group) => total + group.targets.length, 0)
  return { body: encodeGroups(groups), counts: { groups: groups.length, targets }, report }
}
