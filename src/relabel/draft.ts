import type { Labels } from '../model/labels.ts'

type Pair = Labels[number]

/**
 * The labels of one target while rules are applied: sorted pairs, copied on the first change. There are few labels, so a
 * scan of an array is faster than a map, and the result needs no sorting.
 */
export interface Draft {
  pairs: Labels
  /** Whether `pairs` is this draft's own copy. */
  owned: boolean
}

/** The value of a label; `""` when there is none. */
export function read(draft: Draft, name: string): string {
  for (const [key, value] of draft.pairs) if (key === name) return value
  return ''
}

/** Sets a label; an empty value removes it. */
export function write(draft: Draft, name: string, value: string): void {
  const { pairs } = draft
  let index = 0
  // By code unit, as compareText does.
  while (index < pairs.length && (pairs[index] as Pair)[0] < name) index++
  const present = pairs[index]?.[0] === name
  if (value === '') {
    if (present) own(draft).splice(index, 1)
  } else if (!present) {
    own(draft).splice(index, 0, [name, value])
  } else if (pairs[index]?.[1] !== value) {
    own(draft)[index] = [name, value]
  }
}

/** Removes the labels whose name is not wanted. */
export function retain(draft: Draft, wanted: (name: string) => boolean): void {
  const kept = draft.pairs.filter(([name]) => wanted(name))
  if (kept.length === draft.pairs.length) return
  draft.pairs = kept
  draft.owned = true
}

function own(draft: Draft): Pair[] {
  if (!draft.owned) {
    draft.pairs = draft.pairs.slice()
    draft.owned = true
  }
  return draft.pairs as Pair[]
}
