import { memo } from '../base/memo.ts'
import {
  compareText,
  isLabelName,
  isLabelValue,
  type LabelNames,
  type Labels,
  labelText,
  sanitizeLabelName,
  sortedLabels,
} from '../model/labels.ts'
import { maskText } from '../model/mask-text.ts'
import { fieldOf, type InventoryRecord, isObject, type Json } from '../model/record.ts'
import { isSecretName } from '../model/secret-names.ts'
import { isPlaceLabel, SOURCE_LABEL } from '../model/target-group.ts'
import type { DropLabel, LabelDropReason } from './rejection.ts'
import { render, type Template } from './template.ts'

/** A label whose value is made for each record. */
export type LabelTemplate = readonly [name: string, value: Template]

/** The settings for the labels of all targets of a record. */
export interface CommonOptions {
  readonly source: string
  /** The labels of every target. */
  readonly labels: readonly LabelTemplate[]
  readonly metaLabels: boolean
  /** Whether the field `labels` of a record has labels of its targets, as in a target group. */
  readonly ownLabels?: boolean
  /** The allowed label names; by default those that every Prometheus accepts. */
  readonly labelNames?: LabelNames | undefined
}

/** The labels of a record, and those that were left out. A bad label never costs a target. */
export interface Common {
  readonly labels: Labels
  readonly dropped: readonly LabelDropReason[]
  /** Whether a label was left out that decides where the target is scraped, so that this may be a different target. */
  readonly isMisplaced: boolean
}

const NONE: readonly never[] = []

/** Precedes each value in the key of a list of labels. It cannot be part of a label value. */
const SEPARATOR = '\u0000'

/** The number of lists of labels that are remembered. */
const MAX_LISTS = 65_536

/**
 * Makes the labels of all targets of a record. Labels that are the same for every record are made once, and labels that some
 * records share, such as a site, are made once for those. Records with equal labels get the same object, which makes
 * packing cheap.
 */
export function compileCommon(options: CommonOptions): (record: InventoryRecord) => Common {
  if (options.metaLabels || options.ownLabels === true) return (record) => commonLabels(record, options)
  const isConstant = options.labels.every(([, template]) =>
    template.every((part) => typeof part === 'string'),
  )
  if (isConstant) {
    const constant = commonLabels(null, options)
    return () => constant
  }
  const listOf = memo((key) => labelsOfValues(key.split(SEPARATOR).slice(1), options), MAX_LISTS)
  // Inventories are usually sorted, so that neighbours have the same site.
  let last: { readonly values: readonly string[]; readonly common: Common } | undefined
  return (record) => {
    const values: string[] = []
    for (const [, template] of options.labels) {
      const value = render(template, record)
      if (typeof value === 'string') values.push(value)
      // An empty label is the same as no label.
      else if (value.kind === 'missing') values.push('')
      else return commonLabels(record, options)
    }
    if (last !== undefined && isSame(values, last.values)) return last.common
    const common = listOf(`${SEPARATOR}${values.join(SEPARATOR)}`)
    if (common === null) return commonLabels(record, options)
    last = { values, common }
    return common
  }
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  for (let index = 0; index < some.length; index++) if (some[index] !== others[index]) return false
  return true
}

/** The labels of all records with these values; null when one of them cannot be sent. */
function labelsOfValues(values: readonly string[], { labels, source }: CommonOptions): Common | null {
  if (values.length !== labels.length || !values.every(isLabelValue)) return null
  const map = new Map<string, string>()
  for (const [index, [name]] of labels.entries()) map.set(name, values[index] as string)
  map.set(SOURCE_LABEL, source)
  return { labels: sortedLabels(map), dropped: NONE, isMisplaced: false }
}

function commonLabels(record: InventoryRecord, options: CommonOptions): Common {
  const lost = noteDropped()
  const written = options.ownLabels === true ? fieldOf(record, 'labels') : undefined
  const own = readLabels(written ?? {}, lost.drop, options.labelNames)
  if (options.metaLabels) addMetaLabels(record, own, lost.drop)
  addLabels(options.labels, record, own, lost.drop)
  own.set(SOURCE_LABEL, options.source)
  return { labels: sortedLabels(own), ...lost.result() }
}

/** Counts labels that are left out. */
export function noteDropped() {
  const dropped: LabelDropReason[] = []
  let isMisplaced = false
  return {
    drop(reason: LabelDropReason, name: string): void {
      dropped.push(reason)
      isMisplaced ||= isPlaceLabel(name)
    },
    result: () => ({ dropped, isMisplaced }),
  }
}

/** Adds labels. If the field of a label is absent, or its value cannot be sent, a label of this name is removed. */
export function addLabels(
  templates: readonly LabelTemplate[],
  record: InventoryRecord,
  labels: Map<string, string>,
  drop: DropLabel,
): void {
  for (const [name, template] of templates) {
    const value = render(template, record)
    if (typeof value === 'string' && isLabelValue(value)) {
      labels.set(name, value)
      continue
    }
    labels.delete(name)
    if (typeof value === 'string' || value.kind === 'imprecise') drop('invalid_value', name)
    else if (value.kind === 'not_text') drop('not_text', name)
  }
}

/** The prefix of every meta label of a record. The sanitised name of the field follows. */
export const META_PREFIX = '__meta_inventory_'

const holdsSecret = memo(isSecretName)

/**
 * Adds each field of the record as a `__meta_inventory_<field>` label: texts, numbers, booleans and lists of them (`,a,b,`),
 * but not nested objects and null. {@link nameFields} resolves equal sanitised names. Fields whose name or value looks like
 * a secret are left out, because everybody can see labels.
 */
export function addMetaLabels(record: InventoryRecord, labels: Map<string, string>, drop: DropLabel): void {
  if (!isObject(record)) return
  const fields = Object.keys(record).filter((field) => {
    const isSecret = holdsSecret(field)
    if (isSecret) drop('secret', META_PREFIX)
    return !isSecret
  })
  for (const [name, field] of nameFields(fields, sanitizeLabelName, drop)) {
    const value = record[field] ?? null
    const text = labelText(value) ?? (typeof value === 'object' ? '' : undefined)
    if (text === undefined || !isLabelValue(text)) drop('invalid_value', META_PREFIX + name)
    else if (text !== maskText(text, () => {})) drop('secret', META_PREFIX + name)
    else if (text !== '') labels.set(META_PREFIX + name, text)
  }
}

/** The labels of a target group, without those that the source sets, and without `__address__`, which is the target. */
export function readLabels(labels: Json, drop: DropLabel, names?: LabelNames): Map<string, string> {
  const texts = new Map<string, string>()
  if (!isObject(labels)) {
    // One of them may have decided where the target is scraped.
    drop('not_text', '__metrics_path__')
    return texts
  }
  for (const [name, field] of nameFields(Object.keys(labels), (field) => nearestName(field, names), drop)) {
    if (name === '__address__' || name.startsWith('__meta_rollcall_')) continue
    const value = labels[field] as Json
    const text = Array.isArray(value) ? undefined : labelText(value)
    if (text === undefined) drop(typeof value === 'object' ? 'not_text' : 'invalid_value', name)
    else if (isLabelValue(text)) texts.set(name, text)
    else drop('invalid_value', name)
  }
  return texts
}

/** The nearest name that Prometheus accepts. */
function nearestName(field: string, names?: LabelNames): string {
  if (isLabelName(field, names)) return field
  const name = sanitizeLabelName(field)
  return isLabelName(name) ? name : `_${name}`
}

/**
 * Gives each field a label name. If two fields get the same name, the one whose name did not change wins, otherwise the
 * first by name, whatever the order of the fields.
 * @param nameOf makes the label name of a field
 * @returns label name → field
 */
function nameFields(
  fields: readonly string[],
  nameOf: (field: string) => string,
  drop: DropLabel,
): Map<string, string> {
  const winners = new Map<string, string>()
  for (const field of fields) {
    const name = nameOf(field)
    const rival = winners.get(name)
    // The other field is left out, but the label exists.
    if (rival !== undefined) drop('collision', META_PREFIX)
    if (rival === undefined || beats(field, rival, name)) winners.set(name, field)
  }
  return winners
}

function beats(field: string, rival: string, name: string): boolean {
  if (rival === name) return false
  return field === name || compareText(field, rival) < 0
}
