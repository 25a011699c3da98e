import { memo } from '../base/memo.ts'
import { isLabelValue, type Labels, sortedLabels } from '../model/labels.ts'
import { fieldOf, type InventoryRecord } from '../model/record.ts'
import { SOURCE_LABEL } from '../model/target-group.ts'
import { addLabels, type LabelTemplate } from './configured-labels.ts'
import { readLabels } from './group.ts'
import { addMetaLabels } from './meta-labels.ts'
import type { LabelDropReason, Rejection } from './rejection.ts'
import { render } from './template.ts'

/** What decides the labels that all targets of a record have. */
export interface CommonOptions {
  readonly source: string
  /** Labels of every target. */
  readonly labels: readonly LabelTemplate[]
  readonly metaLabels: boolean
  /** The field `labels` of a record holds labels of its targets, as that of a target group does. */
  readonly ownLabels?: boolean
}

const NONE: readonly never[] = []
const NO_LABELS: ReadonlyMap<string, string> = new Map()

/** The labels that all targets of a record have, and why there are none or fewer. */
export interface Common {
  readonly labels: Labels
  readonly fault?: Rejection | undefined
  readonly dropped: readonly LabelDropReason[]
}

/** Stands before each value in what a list of labels is remembered by; no label can have it in its value. */
const SEPARATOR = '\u0000'

/** How many lists of labels are remembered. */
const MAX_LISTS = 65_536

/**
 * Labels that are the same for every record are made once, and those that a few records share, such as a site, once
 * for them: records with equal labels have the very same list, by which packing knows them.
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
  return { labels: sortedLabels(map), dropped: NONE }
}

function commonLabels(record: InventoryRecord, options: CommonOptions): Common {
  const dropped: LabelDropReason[] = []
  const drop = (reason: LabelDropReason) => dropped.push(reason)
  const own = options.ownLabels === true ? readLabels(fieldOf(record, 'labels') ?? {}, drop) : NO_LABELS
  if ('reason' in own) return { labels: [], fault: own, dropped }
  const map = new Map(own)
  if (options.metaLabels) addMetaLabels(record, map, drop)
  const fault = addLabels(options.labels, record, map)
  map.set(SOURCE_LABEL, options.source)
  return { labels: sortedLabels(map), fault, dropped }
}
