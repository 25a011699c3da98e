import { countTargets, diffLists } from './diff.ts'
import {
  type Comparison,
  type Drop,
  type GuardOptions,
  type HeldDrop,
  isDrop,
  judge,
  type Weighed,
} from './guard.ts'
import { linesOf } from './lines.ts'

/** How many targets that joined or left are shown. */
const MAX_SAMPLES = 10

/**
 * Weighs an offered list: the guard's judgement as a pure function of encoded lists.
 * @param served undefined when nothing is served yet
 * @param before what the guard holds
 */
export function weigh(
  served: Uint8Array | undefined,
  offered: Uint8Array,
  before: HeldDrop | undefined,
  options: GuardOptions,
): Weighed {
  const old = served === undefined ? [] : linesOf(served)
  const fresh = linesOf(offered)
  const { added, removed } = diffLists(old, fresh)
  // Of so many a drop of this size is none.
  const enough = Math.max(options.minTargets, Math.ceil(removed.size / options.maxDrop))
  const comparison: Comparison = {
    served: served === undefined ? undefined : countTargets(old, enough),
    removed,
    isEmpty: fresh.length === 0,
  }
  const verdict = judge(options, comparison, before && decode(before))
  return {
    added: added.size,
    removed: removed.size,
    samples: { added: someOf(added), removed: someOf(removed) },
    isDrop: isDrop(options, comparison),
    held: verdict.pass ? undefined : encode(verdict.held),
  }
}

/** The first few of a set. */
function someOf(targets: ReadonlySet<string>): string[] {
  const some: string[] = []
  for (const target of targets) {
    if (some.length === MAX_SAMPLES) break
    some.push(target)
  }
  return some
}

function encode({ seen, removed }: Drop): HeldDrop {
  return { seen, missing: removed.size, lines: Buffer.from([...removed].join('\n')) }
}

function decode({ seen, missing, lines }: HeldDrop): Drop {
  return { seen, removed: new Set(missing === 0 ? [] : Buffer.from(lines).toString().split('\n')) }
}
