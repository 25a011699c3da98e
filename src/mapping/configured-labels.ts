import { isLabelValue } from '../model/labels.ts'
import type { InventoryRecord } from '../model/record.ts'
import { type Rejection, shown } from './rejection.ts'
import { render, type Template } from './template.ts'

/** A label whose value is made for each record. */
export type LabelTemplate = readonly [name: string, value: Template]

/**
 * Adds labels to those that are there; one whose field is absent removes its label.
 * @returns why one of them cannot be sent
 */
export function addLabels(
  templates: readonly LabelTemplate[],
  record: InventoryRecord,
  labels: Map<string, string>,
): Rejection | undefined {
  for (const [name, template] of templates) {
    const value = render(template, record)
    if (typeof value === 'string') {
      if (!isLabelValue(value)) return unsendable(name, value)
      labels.set(name, value)
    } else if (value.kind === 'not_text') {
      return {
        reason: 'invalid_label',
        detail: `label ${name}: ${value.field} is an object or a number beyond 2^53, not a text`,
      }
    } else {
      labels.delete(name)
    }
  }
  return undefined
}

/** The fault of a label whose value is a text, but none that can be sent. */
export function unsendable(name: string, value: string): Rejection {
  const detail = `label ${name}: ${shown(value)} is too long, has control characters or is not Unicode`
  return { reason: 'invalid_label', detail }
}
