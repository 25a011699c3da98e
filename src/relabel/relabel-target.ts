import { compareText, type Labels } from '../model/labels.ts'
import type { Target } from '../model/target-group.ts'
import type { Draft } from './draft.ts'
import { type Dropped, isDropped, type RelabelRule, relabelDraft } from './relabel.ts'

/** The label that holds the address while the rules work. */
export const ADDRESS_LABEL = '__address__'

/**
 * Relabels a target whose address stands beside its labels. The new address is not checked, and is `""` when
 * the rules removed it. Labels that no rule changed are the same object, so that targets which shared their
 * labels still do.
 */
export function relabelTarget(target: Target, rules: readonly RelabelRule[]): Target | Dropped {
  if (rules.length === 0) return target
  const draft: Draft = { pairs: withAddress(target), owned: true }
  const result = relabelDraft(draft, rules)
  if (isDropped(result)) return result
  // The draft owns its pairs, so what it leaves is ours to change.
  const labels = result as Labels[number][]
  const index = labels.findIndex(([name]) => name === ADDRESS_LABEL)
  const [pair] = index === -1 ? [] : labels.splice(index, 1)
  return { address: pair?.[1] ?? '', labels: sharedLabels(labels, target.labels) }
}

function withAddress({ address, labels }: Target): Labels {
  const all: Labels[number][] = []
  let placed = false
  for (const pair of labels) {
    if (!placed && compareText(pair[0], ADDRESS_LABEL) > 0) {
      all.push([ADDRESS_LABEL, address])
      placed = true
    }
    all.push(pair)
  }
  if (!placed) all.push([ADDRESS_LABEL, address])
  return all
}

function sharedLabels(labels: Labels, original: Labels): Labels {
  const same = labels.length === original.length && labels.every((pair, index) => pair === original[index])
  return same ? original : labels
}
