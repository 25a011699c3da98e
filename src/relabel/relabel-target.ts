import { compareText, type Labels } from '../model/labels.ts'
import type { Target } from '../model/target-group.ts'
import { type Draft, read, retain, write } from './draft.ts'
import { type Dropped, isDropped, type RelabelRule, relabelDraft } from './relabel.ts'

/** The label with the address while rules are applied. */
export const ADDRESS_LABEL = '__address__'

/**
 * Relabels a target whose address is separate from its labels. The new address, which is `""` when the rules removed it,
 * and the length of values are not checked. Labels that no rule changed are the same object, so that targets that share
 * their labels still do.
 * @param misnamed called for each label that is left out because labelmap gave it an invalid name, such as `2fa` from
 * `__meta_inventory_2fa`: with it Prometheus 2 would reject the whole list
 */
export function relabelTarget(
  target: Target,
  rules: readonly RelabelRule[],
  misnamed: (name: string) => void,
): Target | Dropped {
  if (rules.length === 0) return target
  const draft: Draft = { pairs: withAddress(target), owned: true }
  const result = relabelDraft(draft, rules)
  if (isDropped(result)) return result
  const isName = rules.find((rule) => rule.isName)?.isName
  if (isName !== undefined) removeMisnamed(draft, isName, misnamed)
  const address = read(draft, ADDRESS_LABEL)
  write(draft, ADDRESS_LABEL, '')
  return { address, labels: sharedLabels(draft.pairs, target.labels) }
}

function removeMisnamed(
  draft: Draft,
  isName: (name: string) => boolean,
  misnamed: (name: string) => void,
): void {
  retain(draft, (name) => {
    if (isName(name)) return true
    misnamed(name)
    return false
  })
}

/** The labels of a target as the input of rules, including its address. */
export function withAddress({ address, labels }: Target): Labels {
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
