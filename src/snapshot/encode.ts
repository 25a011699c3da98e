import type { TargetGroup } from '../model/target-group.ts'

/** An empty list, which Prometheus reads as "delete every target". */
const EMPTY = '[]'

/**
 * Encodes groups as the JSON that `http_sd_configs` and `file_sd_configs` read: each group exactly
 * `targets` and `labels`, one group a line so that grep and diff work on it.
 */
export function encodeGroups(groups: readonly TargetGroup[]): Buffer {
  if (groups.length === 0) return Buffer.from(EMPTY)
  return Buffer.from(`[\n${groups.map(encodeGroup).join(',\n')}\n]\n`)
}

function encodeGroup(group: TargetGroup): string {
  // Pairs are written one by one: an object would lose a label called __proto__ and reorder numbers.
  const labels = group.labels.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  return `{"targets":${JSON.stringify(group.targets)},"labels":{${labels.join(',')}}}`
}

/** Joins encoded lists into one encoded list, without decoding them. */
export function joinEncoded(bodies: readonly Buffer[]): Buffer {
  const filled = bodies.filter((body) => body.byteLength > EMPTY.length)
  if (filled.length === 0) return Buffer.from(EMPTY)
  const pieces = filled.flatMap((body, index) => [
    Buffer.from(index === 0 ? '[\n' : ',\n'),
    body.subarray(2, body.byteLength - 3),
  ])
  return Buffer.concat([...pieces, Buffer.from('\n]\n')])
}
