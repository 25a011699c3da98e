import type { LabelNames } from '../model/labels.ts'
import { fieldOf, type InventoryRecord, isObject, type Json } from '../model/record.ts'
import { HOST_FIELDS } from './address.ts'
import { readLabels } from './labels.ts'
import { type DropLabel, type Rejection, shown } from './rejection.ts'

/** A target group as `file_sd_configs` and `http_sd_configs` have it, its addresses as they are written. */
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
 * that is no text is quarantined alone, labels that cannot be sent are left out, numbers and booleans become texts,
 * and label names are made such that Prometheus accepts them, which 2 does with fewer than 3.
 * @returns why it is no group
 */
export function readGroup(record: InventoryRecord, drop: DropLabel, names?: LabelNames): Group | Rejection {
  if (!isObject(record)) return invalid(`${shown(record)} is not a set of targets and labels`)
  const other = otherKey(record)
  if (other !== undefined) {
    return invalid(
      `it has the key ${shown(other)}; a target group has only targets and labels. If it is none, read it with http, not http_sd, and say where its targets are, such as targets: ["{hostname}:9100"]`,
    )
  }
  const targets = fieldOf(record, 'targets')
  if (targets !== null && !Array.isArray(targets)) return invalid('targets has to be a list of texts')
  // What Go writes for an empty list is null.
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
  return { reason: 'invalid_group', detail: `no target group: ${fault}` }
}
