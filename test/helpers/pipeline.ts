import type { Document } from '../../src/model/document.ts'
import { type Lines, parseLine } from '../../src/model/list.ts'
import type { TargetGroup } from '../../src/model/target-group.ts'
import { type Result as Encoded, type Plan, runPipeline as run } from '../../src/pipeline/pipeline.ts'

/** The result of the pipeline, with its groups. */
export type Result = Encoded & { readonly groups: readonly TargetGroup[] }

/** Runs the pipeline and decodes its groups. */
export function runPipeline(documents: readonly Document[], plan: Plan): Result {
  const result = run(documents, plan)
  return { ...result, groups: groupsFrom(result.lines) }
}

/** The groups of some lines. */
export function groupsFrom(lines: Lines): TargetGroup[] {
  return lines.map(parseLine).map(({ targets, labels }) => ({ targets, labels: Object.entries(labels) }))
}
