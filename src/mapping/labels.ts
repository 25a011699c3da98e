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

/** What decides the labels that all targets of a record have. */
export interface CommonOptions {
  readonly source: string
  /** Labels of every target. */
  readonly labels: readonly LabelTemplate[]
  readonly metaLabels: boolean
  /** The field `labels` of a record holds labels of its targets, as that of a target group does. */
  readonly ownLabels?: boolean
  /** Which names labels may have; by default those that every Prometheus accepts. */
  readonly labelNames?: LabelNames | undefined
}

/** Labels of a record, and those that were left out: no label ever costs a target. */
export interface Common {
  readonly labels: Labels
  readonly dropped: readonly LabelDropReason[]
  /** A label was left out that decides where the target is scraped, so it may be another one than before. */
  readonly isMisplaced: boolean
}

const NONE: readonly never[] = []

/** Stands before each value in what a list of labels is remembered by; no label can have it in its value. */
const SEPARATOR = '\u0000'

/** How many lists of labels are remembered. */
const MAX_LISTS = 65_536

/**
 * Makes the labels that all targets of a record have. Labels that are the same for every record are made once, and
 * those that a few records share, such as a site, once for them: records with equal labels have the very same list,
 * by which packing knows them.
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
  // Inventories mostly have an order, in which neighbours have the same site.
  let last: { readonly values: readonly string[]; readonly common: Common } | undefined
  return (record) => {
    const values: string[] = []
    for (const [, template] of options.labels) {
      const value = render(template, record)
      if (typeof value === 'string') values.push(value)
      // An empty label is none.
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

/** Takes note of labels that are left out. */
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

/** Adds labels to those that are there; one whose field is absent, or cannot be sent, removes its label. */
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

/** What every meta label of a record begins with; the rest is the sanitised name of its field. */
export const META_PREFIX = '__meta_inventory_'

const holdsSecret = memo(isSecretName)

/**
 * Adds each field of the record as a `__meta_inventory_<field>` label: texts, numbers, booleans and lists
 * of them (`,a,b,`); nested objects and null are no labels. See {@link nameFields} for two fields with the same
 * sanitised name. Fields whose names, or values, say that they hold a secret are left out: labels are there for all to see.
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

/** The labels of a target group, without those that the source sets, and without `__address__`, which the targets are. */
export function readLabels(labels: Json, drop: DropLabel, names?: LabelNames): Map<string, string> {
  const texts = new Map<string, string>()
  if (!isObject(labels)) {
    // Among them may have been one that decides where the target is scraped.
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
 * Gives each field a label name. Two fields with the same name are resolved the same way in every order: the
 * field that needed no change wins, else the first by name.
 * @param nameOf makes a label name of a field
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
    // Whichever loses: the label itself is there.
    if (rival !== undefined) drop('collision', META_PREFIX)
    if (rival === undefined || beats(field, rival, name)) winners.set(name, field)
  }
  return winners
}

function beats(field: string, rival: string, name: string): boolean {
  if (rival === name) return false
  return field === name || compareText(field, rival) < 0
}
