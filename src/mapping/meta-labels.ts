import { memo } from '../base/memo.ts'
import { isLabelValue, labelText, sanitizeLabelName } from '../model/labels.ts'
import { type InventoryRecord, isObject, type Json } from '../model/record.ts'
import { isSecretName } from '../model/secret-names.ts'
import { nameFields } from './label-names.ts'
import type { LabelDropReason } from './rejection.ts'

/** What every meta label of a record begins with; the rest is the sanitised name of its field. */
export const META_PREFIX = '__meta_inventory_'

/**
 * Adds each field of the record as a `__meta_inventory_<field>` label: texts, numbers, booleans and lists
 * of them (`,a,b,`); nested objects and null are no labels. See {@link nameFields} for two fields with the same
 * sanitised name. Fields whose names say that they hold a secret are left out: labels are there for all to see.
 * @param drop called for each label that is left out
 */
export function addMetaLabels(
  record: InventoryRecord,
  labels: Map<string, string>,
  drop: (reason: LabelDropReason) => void,
): void {
  if (!isObject(record)) return
  const fields = Object.keys(record).filter((field) => {
    const isSecret = holdsSecret(field)
    if (isSecret) drop('secret')
    return !isSecret
  })
  const named = nameFields(fields, sanitizeLabelName, drop)
  for (const [name, field] of named) {
    const text = metaText(record[field] ?? null)
    if (text === undefined) drop('invalid_value')
    else if (text !== '') labels.set(META_PREFIX + name, text)
  }
}

const holdsSecret = memo(isSecretName)

/** The text of a field; `""` for what is no label, undefined for what would be one but cannot be sent. */
function metaText(value: Json): string | undefined {
  const text = labelText(value)
  if (text !== undefined) return isLabelValue(text) ? text : undefined
  return typeof value === 'object' ? '' : undefined
}
