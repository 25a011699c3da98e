import { hashmod } from '../model/hashmod.ts'
import { encodeLines, type Lines, labelsIn, lineOf, linesOf, targetsIn } from '../model/list.ts'

/** A part of a list that is asked for. */
export interface View {
  /** Labels and the values that they must have, each name once. */
  readonly labels: readonly (readonly [name: string, value: string])[]
  /** One of `count` parts, from 0 on; undefined: all. */
  readonly shard?: { readonly index: number; readonly count: number } | undefined
}

/** The parts of one list: a single one, or all shards in order. */
export interface Parts {
  readonly parts: readonly { readonly body: Buffer; readonly groups: number; readonly targets: number }[]
  /** The first of the labels that no target of a list that has targets has; what is not there cannot be filtered by. */
  readonly unknownLabel?: string | undefined
}

/**
 * Makes the parts of a list: the groups that have all the labels, cut into shards by Prometheus's `hashmod` of the
 * address, all in one pass. Each target of the list that has the labels is in exactly one shard.
 */
export function makeParts({ pieces, labels, shards }: PartsTask): Parts {
  const lines = linesOf(Buffer.concat(pieces))
  const decoded = lines.map((line) => JSON.parse(labelsIn(line)) as Readonly<Record<string, string>>)
  const unknown = labels.find(
    ([name]) => lines.length > 0 && !decoded.some((one) => Object.hasOwn(one, name)),
  )
  if (unknown !== undefined) return { parts: [], unknownLabel: unknown[0] }
  const chosen = lines.filter((_, index) => labels.every(([name, value]) => decoded[index]?.[name] === value))
  return { parts: cut(chosen, shards) }
}

function cut(lines: Lines, shards: number): Parts['parts'] {
  const parts = Array.from({ length: shards }, () => ({ lines: [] as string[], targets: 0 }))
  for (const line of lines) {
    const targets = targetsIn(line)
    for (const [shard, some] of byShard(targets, shards)) {
      const part = parts[shard] as (typeof parts)[number]
      part.lines.push(lineOf(some, labelsIn(line)))
      part.targets += some.length
    }
  }
  return parts.map((part) => ({
    body: encodeLines(part.lines),
    groups: part.lines.length,
    targets: part.targets,
  }))
}

/** Targets by the shard that they are in. */
function byShard(targets: readonly string[], shards: number): ReadonlyMap<number, readonly string[]> {
  if (shards === 1) return new Map([[0, targets]])
  const found = new Map<number, string[]>()
  for (const target of targets) {
    const shard = hashmod(target, shards)
    const some = found.get(shard)
    if (some === undefined) found.set(shard, [target])
    else some.push(target)
  }
  return found
}

/** What a thread needs to make the parts of a list. */
export interface PartsTask {
  /** The encoded list. */
  readonly pieces: readonly Uint8Array[]
  readonly labels: View['labels']
  readonly shards: number
}
