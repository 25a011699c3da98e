import type { TargetGroup } from '../model/target-group.ts'
import { encodeLines, lineOf } from './lines.ts'

/**
 * Encodes groups as the JSON that `http_sd_configs` and `file_sd_configs` read: each group exactly
 * `targets` and `labels`, one group a line so that grep and diff work on it.
 */
export function encodeGroups(groups: readonly TargetGroup[]): Buffer {
  return encodeLines(groups.map(encodeGroup))
}

function encodeGroup({ targets, labels }: TargetGroup): string {
  // Pairs are written one by one: an object would lose a label called __proto__ and reorder numbers.
  const pairs = labels.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  return lineOf(targets, `{${pairs.join(',')}}`)
}
