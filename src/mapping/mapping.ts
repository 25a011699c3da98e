import { memo } from '../base/memo.ts'
import { isLabelValue, type Labels, sortedLabels } from '../model/labels.ts'
import { fieldOf, type InventoryRecord } from '../model/record.ts'
import { SOURCE_LABEL, type Target } from '../model/target-group.ts'
import { type AddressFinder, findTemplateAddress, findUsualAddress } from './address.ts'
import { addLabels, type LabelTemplate } from './configured-labels.ts'
import { isGroup, readGroup, readLabels } from './group.ts'
import { addMetaLabels } from './meta-labels.ts'
import type { LabelDropReason, Rejection } from './rejection.ts'
import { render, type Template } from './template.ts'

export type { LabelTemplate } from './configured-labels.ts'

/** The port of a record that names none, when nothing else is configured (node_exporter's). */
export const DEFAULT_METRICS_PORT = 9100

/** How a record makes one target, with labels that only this target has; they win over those of all. */
export interface TargetTemplate {
  readonly address: Template
  readonly labels: readonly LabelTemplate[]
}

/** How the records of a source become targets; templates already compiled. */
export interface MappingOptions {
  readonly source: string
  /** One per target of a record; empty: target groups are recognised, and the usual field names are tried. */
  readonly targets: readonly TargetTemplate[]
  /** Labels of every target. */
  readonly labels: readonly LabelTemplate[]
  readonly metaLabels: boolean
  readonly defaultPort: number
  /** The field `labels` of a record holds labels of its targets, as that of a target group does. */
  readonly ownLabels?: boolean
  /** Every record has to be a target group; otherwise they are recognised among others. */
  readonly groupsOnly?: boolean
}

/** A target whose address, if it comes from a target group, is still as it was written there. */
export interface MappedTarget extends Target {
  /** The address can be any text, and may lack its port: it is checked and completed after the rules. */
  readonly asWritten?: true
}

/** What one record gave: targets, what was wrong with it, and the labels that were left out. */
export interface Mapped {
  readonly targets: readonly MappedTarget[]
  readonly rejections: readonly Rejection[]
  readonly droppedLabels: readonly LabelDropReason[]
}

/** Maps one record; a pure function, compiled once per configuration. */
export type Mapping = (record: InventoryRecord) => Mapped

/**
 * Compiles a mapping. A record's bad target is quarantined and its good ones are kept; a label of all targets
 * whose value cannot be sent quarantines the whole record; a bad meta label is only left out.
 */
export function compileMapping(options: MappingOptions): Mapping {
  const groups = (record: InventoryRecord) => mapGroup(record, options)
  if (options.groupsOnly === true) return groups
  const plain = compilePlain(options)
  if (options.targets.length > 0) return plain
  return (record) => (isGroup(record) ? groups(record) : plain(record))
}

/** Maps a target group: its labels and then those of the source, which win, for each of its targets. */
function mapGroup(record: InventoryRecord, options: MappingOptions): Mapped {
  const droppedLabels: LabelDropReason[] = []
  const group = readGroup(record, (reason) => droppedLabels.push(reason))
  if ('reason' in group) return { targets: [], rejections: [group], droppedLabels }
  const fault = addLabels(options.labels, record, group.labels)
  if (fault !== undefined) return { targets: [], rejections: [...group.rejections, fault], droppedLabels }
  const labels = sortedLabels(group.labels.set(SOURCE_LABEL, options.source))
  const targets = group.addresses.map((address) => ({ address, labels, asWritten: true }) as const)
  return { targets, rejections: group.rejections, droppedLabels }
}

function compilePlain(options: MappingOptions): Mapping {
  const makers = compileMakers(options)
  const commonOf = compileCommon(options)
  return (record) => {
    const targets: Target[] = []
    let rejections: readonly Rejection[] = NONE
    let common: Common | undefined
    for (const { find, labels: own } of makers) {
      const address = find(record)
      if (typeof address !== 'string') {
        rejections = [...rejections, address]
        continue
      }
      common ??= commonOf(record)
      if (common.fault !== undefined) {
        return { targets: [], rejections: [...rejections, common.fault], droppedLabels: common.dropped }
      }
      const labels = withOwn(common.labels, own, record)
      if ('reason' in labels) rejections = [...rejections, labels]
      else targets.push({ address, labels })
    }
    return { targets, rejections, droppedLabels: common?.dropped ?? NONE }
  }
}

/** Shared by all records without faults: most have none, and there may be a million. */
const NONE: readonly never[] = []

/** Finds the address of one target; the labels are those that only this target has. */
interface Maker {
  readonly find: AddressFinder
  readonly labels: readonly LabelTemplate[]
}

function compileMakers({ targets, defaultPort }: MappingOptions): readonly Maker[] {
  if (targets.length === 0) return [{ find: findUsualAddress(defaultPort), labels: [] }]
  return targets.map(({ address, labels }) => ({ find: findTemplateAddress(address, defaultPort), labels }))
}

/** The labels that all targets of a record have, and why there are none or fewer. */
interface Common {
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
function compileCommon(options: MappingOptions): (record: InventoryRecord) => Common {
  if (options.metaLabels || options.ownLabels === true) return (record) => commonLabels(record, options)
  const isConstant = options.labels.every(([, template]) =>
    template.every((part) => typeof part === 'string'),
  )
  if (isConstant) {
    const constant = commonLabels(null, options)
    return () => constant
  }
  const listOf = memo((key) => labelsOfValues(key.split(SEPARATOR).slice(1), options), MAX_LISTS)
  return (record) => {
    let key = ''
    for (const [, template] of options.labels) {
      const value = render(template, record)
      if (typeof value === 'string') key += `${SEPARATOR}=${value}`
      else if (value.kind === 'missing') key += SEPARATOR
      else return commonLabels(record, options)
    }
    return listOf(key) ?? commonLabels(record, options)
  }
}

/** The labels of all records with these values; null when one of them cannot be sent. */
function labelsOfValues(values: readonly string[], { labels, source }: MappingOptions): Common | null {
  if (values.length !== labels.length || !values.every(isLabelValue)) return null
  const map = new Map<string, string>()
  for (const [index, [name]] of labels.entries()) {
    const value = values[index] as string
    if (value !== '') map.set(name, value.slice(1))
  }
  map.set(SOURCE_LABEL, source)
  return { labels: sortedLabels(map), dropped: NONE }
}

function commonLabels(record: InventoryRecord, options: MappingOptions): Common {
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

const NO_LABELS: ReadonlyMap<string, string> = new Map()

/** Labels with those that only one target has; the same list when it has none. */
function withOwn(common: Labels, own: readonly LabelTemplate[], record: InventoryRecord): Labels | Rejection {
  if (own.length === 0) return common
  const map = new Map(common)
  return addLabels(own, record, map) ?? sortedLabels(map)
}
