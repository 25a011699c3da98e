import type { MappedTarget } from '../mapping/mapping.ts'
import { type LabelDropReason, type Rejection, shown } from '../mapping/rejection.ts'
import { discoveryFault, parseHost, parsePort, splitHostPort } from '../model/address.ts'
import { compareText, isLabelValue, type Labels } from '../model/labels.ts'
import { isPlaceLabel, SOURCE_LABEL, type Target } from '../model/target-group.ts'
import type { Dropped, RelabelRule } from '../relabel/relabel.ts'
import { relabelTarget } from '../relabel/relabel-target.ts'

/** The result of the rules for one target. */
export type Relabelled =
  | {
      readonly target: Target
      /** Whether a label was left out that decides where the target is scraped. */
      readonly isMisplaced: boolean
    }
  | { readonly dropped: Dropped }
  | { readonly rejection: Rejection }

/**
 * Applies the rules to one target and checks the result: rules can write anything into an address or a label,
 * and may turn a text that is not an address into one. Left out are labels that cannot be sent, and labels
 * whose names begin with `__tmp`, a prefix that Prometheus reserves for temporary labels of the rules. Rules
 * cannot change the label that names the source.
 */
export function relabelChecked(
  before: MappedTarget,
  rules: readonly RelabelRule[],
  drop: (reason: LabelDropReason) => void,
): Relabelled {
  const after = relabelTarget(before, rules, () => drop('misnamed'))
  if ('droppedBy' in after) return { dropped: after }
  const address = finalAddress(after, before)
  if (typeof address !== 'string') return { rejection: address }
  if (after.labels === before.labels) return { target: { address, labels: after.labels }, isMisplaced: false }
  const wrong = after.labels.filter(([, value]) => !isLabelValue(value))
  for (const _ of wrong) drop('invalid_value')
  return {
    target: { address, labels: finalLabels(after.labels, before.labels) },
    isMisplaced: wrong.some(([name]) => isPlaceLabel(name)),
  }
}

function finalAddress(after: Target, before: MappedTarget): string | Rejection {
  const { address } = after
  if (address === before.address) return before.fault ?? address
  return before.asWritten === true ? checkWritten(address) : checkMade(address)
}

function checkWritten(text: string): string | Rejection {
  const fault = discoveryFault(text)
  if (fault === undefined) return text
  return { reason: 'invalid_host', detail: `the rules made the address ${shown(text)}, which ${fault}` }
}

function checkMade(text: string): string | Rejection {
  const { host, port } = splitHostPort(text)
  const parsed = parseHost(host)
  const told = `the rules made the address ${shown(text)}, which is not host:port`
  if (parsed === undefined) return { reason: 'invalid_host', detail: told }
  if (port === undefined || parsePort(port) === undefined) return { reason: 'invalid_port', detail: told }
  return text
}

function finalLabels(labels: Labels, before: Labels): Labels {
  const kept = labels.filter(
    ([name, value]) => !name.startsWith('__tmp') && name !== SOURCE_LABEL && isLabelValue(value),
  )
  const source = before.filter(([name]) => name === SOURCE_LABEL)
  return [...kept, ...source].sort(([a], [b]) => compareText(a, b))
}
