import { compareText, isLabelValue, labelText, sanitizeLabelName } from '../model/labels.ts'
import { type InventoryRecord, isObject, type Json } from '../model/record.ts'
import type { LabelDropReason } from './rejection.ts'

/** What every meta label of a record begins with; the rest is the sanitised name of its field. */
export const META_PREFIX = '__meta_inventory_'

/**
 * Adds each field of the record as a `__meta_inventory_<field>` label: texts, numbers, booleans and lists
 * of them (`,a,b,`); nested objects and null are no labels. Two fields with the same sanitised name are
 * resolved the same way in every order: the field that needed no change wins, else the first by name.
 * @param drop called for each label that is left out
 */
export function addMetaLabels(
  record: InventoryRecord,
  labels: Map<string, string>,
  drop: (reason: LabelDropReason) => void,
): void {
  if (!isObject(record)) return
  const winners = new Map<string, string>()
  for (const field of Object.keys(record)) {
    const name = sanitizeLabelName(field)
    const rival = winners.get(name)
    if (rival !== undefined) drop('collision')
    if (rival === undefined || beats(field, rival, name)) winners.set(name, field)
  }
  for (const [name, field] of winners) {
    const text = metaText(record[field] ?? null)
    if (text === undefined) drop('invalid_value')
    else if (text !== '') labels.set(META_PREFIX + name, text)
  }
}

/** The text of a field; `""` for what is no label, undefined for what would be one but cannot be sent. */
function metaText(value: Json): string | undefined {
  const text = labelText(value)
  if (text !== undefined) return isLabelValue(text) ? text : undefined
  return typeof value === 'object' ? '' : undefined
}

function beats(field: string, rival: string, name: string): boolean {
  if (rival === name) return false
  return field === name || compareText(field, rival) < 0
}
