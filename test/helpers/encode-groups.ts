import { encodeLabels, encodeLines, lineOf } from '../../src/model/list.ts'
import type { TargetGroup } from '../../src/model/target-group.ts'

/** Encodes groups as a list. */
export function encodeGroups(groups: readonly TargetGroup[]): Buffer {
  return encodeLines(groups.map(({ targets, labels }) => lineOf(targets, encodeLabels(labels))))
}
