import type { LabelNames } from '../model/labels.ts'
import { fieldOf, type InventoryRecord, isObject, type Json } from '../model/record.ts'
import { HOST_FIELDS } from './address.ts'
import { readLabels } from './labels.ts'
import { type DropLabel, type Rejection, shown } from './rejection.ts'

/** A target group of `file_sd_configs` and `http_sd_configs`, with its addresses as they are written. */
export interface Group {
  readonly addresses: readonly string[]
  /** Can be added to. */
  readonly labels: Map<string, string>
  /** The faults of targets that are not texts. */
  readonly rejections: readonly Rejection[]
}

const KEYS: readonly string[] = ['targets', 'labels']

/**
 * Whether a record is a target group: it has only the keys of a group, or it has a list of `targets` and no field for a host.
 * (Records of an inventory can have a field named `targets` too.)
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
 * Reads a target group as Prometheus does, but tolerates what would make Prometheus reject the whole list: only a target
 * that is not a text is quarantined, labels that cannot be sent are left out, numbers and booleans become texts, and label
 * names are changed to ones that Prometheus accepts.
 * @returns the reason when it is not a group
 */
export function readGroup(record: InventoryRecord, drop: DropLabel, names?: LabelNames): Group | Rejection {
  if (!isObject(record)) return invalid(`${shown(record)} is not a set of targets and labels`)
  const other = otherKey(record)
  if (other !== undefined) {
    return invalid(
      `it has the key ${shown(other)}; a target group has only targets and labels. If it is something else, read it with http, not http_sd, and say where its targets are, such as targets: ["{hostname}:9100"]`,
    )
  }
  const targets = fieldOf(record, 'targets')
  if (targets !== null && !Array.isArray(targets)) return invalid('targets must be a list of texts')
  // Go writes null for an empty list.
  return { ...readTargets(targets ?? []), labels: readLabels(fieldOf(record, 'labels') ?? {}, drop, names) }
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

function invalid(fault: string): Rejection {
  return { reason: 'invalid_group', detail: `not a target group: ${fault}` }
}
