import { isLabelName, isLabelValue, labelText, sanitizeLabelName } from '../model/labels.ts'
import { fieldOf, type InventoryRecord, isObject, type Json } from '../model/record.ts'
import { HOST_FIELDS } from './address.ts'
import { unsendable } from './configured-labels.ts'
import { nameFields } from './label-names.ts'
import { type LabelDropReason, type Rejection, shown } from './rejection.ts'

/** A target group as `file_sd_configs` and `http_sd_configs` have it, its addresses not checked yet. */
export interface Group {
  readonly addresses: readonly string[]
  /** To be added to. */
  readonly labels: Map<string, string>
  /** Of targets that are no texts. */
  readonly rejections: readonly Rejection[]
}

const KEYS: readonly string[] = ['targets', 'labels']

/**
 * Whether a record is meant as a target group: it has no other keys than those of a group, or a list of `targets`
 * and nothing that names a host. An inventory may well have a field of that name in its records.
 */
export function isGroup(record: InventoryRecord): boolean {
  const targets = fieldOf(record, 'targets')
  if (targets === undefined) return false
  if (otherKey(record) === undefined) return true
  return Array.isArray(targets) && HOST_FIELDS.every((field) => fieldOf(record, field) === undefined)
}

function otherKey(record: InventoryRecord): string | undefined {
  return Object.keys(record as object).find((key) => !KEYS.includes(key))
}

/**
 * Reads a target group as Prometheus does, but lenient where Prometheus would reject the whole list: a target
 * that is no text is quarantined alone, numbers and booleans become texts, and label names are made such that
 * Prometheus 2 accepts them too.
 * @param drop called for each label that is left out because of another with the same name
 * @returns why it is no group, or which of its labels cannot be sent
 */
export function readGroup(
  record: InventoryRecord,
  drop: (reason: LabelDropReason) => void,
): Group | Rejection {
  if (!isObject(record)) return invalid(`${shown(record)} is not a set of targets and labels`)
  const other = otherKey(record)
  if (other !== undefined) {
    return invalid(
      `it has the key ${shown(other)}; a target group has only targets and labels. If it is none, read it with http, not http_sd, and say where its targets are, such as targets: ["{hostname}:9100"]`,
    )
  }
  const targets = fieldOf(record, 'targets')
  if (targets !== null && !Array.isArray(targets)) return invalid('targets has to be a list of texts')
  const labels = readLabels(fieldOf(record, 'labels') ?? {}, drop)
  if (!(labels instanceof Map)) return labels
  // What Go writes for an empty list is null.
  return { ...readTargets(targets ?? []), labels }
}

function readTargets(targets: readonly Json[]): Pick<Group, 'addresses' | 'rejections'> {
  const isText = (target: Json) => typeof target === 'string'
  const rejections = targets
    .filter((target) => !isText(target))
    .map(
      (target) => ({ reason: 'invalid_host', detail: `the target ${shown(target)} is not a text` }) as const,
    )
  return { addresses: targets.filter(isText), rejections }
}

/**
 * The labels without those that the source sets, and without `__address__`, which the targets are.
 * @param drop called for each label that is left out because of another with the same name
 */
export function readLabels(
  labels: Json,
  drop: (reason: LabelDropReason) => void,
): Map<string, string> | Rejection {
  if (!isObject(labels)) return invalid('labels has to be a set of keys')
  const texts = new Map<string, string>()
  for (const [name, field] of nameFields(Object.keys(labels), labelNameOf, drop)) {
    if (name === '__address__' || name.startsWith('__meta_rollcall_')) continue
    const value = labels[field] as Json
    const text = Array.isArray(value) ? undefined : labelText(value)
    if (text === undefined) {
      const detail = `label ${name}: ${shown(value)} is not a text, or a number beyond 2^53`
      return { reason: 'invalid_label', detail }
    }
    if (!isLabelValue(text)) return unsendable(name, text)
    texts.set(name, text)
  }
  return texts
}

/** The nearest name that Prometheus 2 accepts; 3 accepts any. */
function labelNameOf(field: string): string {
  const name = sanitizeLabelName(field)
  return isLabelName(name) ? name : `_${name}`
}

function invalid(fault: string): Rejection {
  return { reason: 'invalid_group', detail: `no target group: ${fault}` }
}
