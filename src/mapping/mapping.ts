import { type Labels, sortedLabels } from '../model/labels.ts'
import { type InventoryRecord, isObject } from '../model/record.ts'
import { SOURCE_LABEL, type Target } from '../model/target-group.ts'
import {
  type AddressFinder,
  type Found,
  findTemplateAddress,
  findTemplateUrl,
  findUsualAddress,
  readWritten,
} from './address.ts'
import { isGroup, readGroup } from './group.ts'
import {
  addLabels,
  type Common,
  type CommonOptions,
  compileCommon,
  type LabelTemplate,
  noteDropped,
} from './labels.ts'
import { type LabelDropReason, type Rejection, shown } from './rejection.ts'
import { isBlocked, type Path, shownPath, type Template, valueAt } from './template.ts'

export type { LabelTemplate } from './labels.ts'

/** The default port of records without a port: that of node_exporter. */
export const DEFAULT_METRICS_PORT = 9100

/** How a record makes one target. Its own labels win over those of all targets. */
export interface TargetTemplate {
  readonly address: Template
  /** Whether the template makes a URL, which is split into address and labels. Its labels win over those of the source. */
  readonly isUrl?: true
  /** Whether a record without a field of the address simply does not have this target. */
  readonly optional?: true
  readonly labels: readonly LabelTemplate[]
}

/** How the records of a source become targets. Templates are compiled. */
export interface MappingOptions extends CommonOptions {
  /** One for each target of a record; empty: target groups are recognised, and the usual field names are tried. */
  readonly targets: readonly TargetTemplate[]
  readonly defaultPort: number
  /** The path to a list in the record. Each of its items makes the targets, and is the field `item` in templates. */
  readonly forEach?: Path | undefined
  /** Whether every record must be a target group; otherwise target groups are recognised. */
  readonly groupsOnly?: boolean
}

/** A target before relabelling. */
export interface MappedTarget extends Target {
  /** The index of its template, from 0. */
  readonly slot: number
  /** Whether the address comes from a template or a target group, and can be any text. Otherwise it is a host and a port. */
  readonly asWritten?: true
  /** Why the address cannot be served, unless relabel rules replace it. */
  readonly fault?: Rejection
}

/** The result of one record: targets, faults, and the labels that were left out. */
export interface Mapped {
  readonly targets: readonly MappedTarget[]
  readonly rejections: readonly Rejection[]
  readonly droppedLabels: readonly LabelDropReason[]
  /** The slots whose target is unknown: quarantined, or without a label that decides where it is scraped. */
  readonly unreadable: readonly number[]
  /** The number of optional targets, or templates for list items, that the record does not have. */
  readonly lacking: number
  /** Whether the filter excludes the record. */
  readonly isLeftOut?: true
}

/** Maps one record. A pure function, compiled once per configuration. */
export type Mapping = (record: InventoryRecord) => Mapped

/**
 * Compiles a mapping. A bad target of a record is quarantined and its good ones are kept. A label that cannot be sent is
 * left out.
 */
export function compileMapping(options: MappingOptions): Mapping {
  const groups = (record: InventoryRecord) => mapGroup(record, options)
  if (options.groupsOnly === true) return groups
  const plain = compilePlain(options)
  if (options.targets.length > 0) return plain
  return (record) => (isGroup(record) ? groups(record) : plain(record))
}

/** Maps a target group: each target gets the labels of the group and those of the source, which win. */
function mapGroup(record: InventoryRecord, options: MappingOptions): Mapped {
  const lost = noteDropped()
  const group = readGroup(record, lost.drop, options.labelNames)
  if ('reason' in group) return nothing([group], [0])
  addLabels(options.labels, record, group.labels, lost.drop)
  const labels = sortedLabels(group.labels.set(SOURCE_LABEL, options.source))
  const targets = group.addresses.map((text) => targetOf(readWritten(text), labels, WRITTEN))
  const { dropped, isMisplaced } = lost.result()
  const unreadable = [...group.rejections.map(() => 0), ...(isMisplaced ? [0] : [])]
  return { ...nothing(group.rejections, unreadable), targets, droppedLabels: dropped }
}

/** The result of a record without targets. */
function nothing(rejections: readonly Rejection[], unreadable: readonly number[]): Draft {
  return { targets: [], rejections, droppedLabels: NONE, unreadable, lacking: 0 }
}

/**
 * Maps only the records that match a condition. If the condition cannot be evaluated, the record is quarantined and keeps
 * its targets.
 * @param isWanted returns the fault when it cannot be evaluated
 */
export function filterMapping(
  map: Mapping,
  isWanted: (record: InventoryRecord) => boolean | Rejection,
  options: Pick<MappingOptions, 'targets'>,
): Mapping {
  const refuse = refusing(options)
  return (record) => {
    const wanted = isWanted(record)
    if (wanted === true) return map(record)
    return wanted === false ? { ...nothing(NONE, NONE), isLeftOut: true } : refuse(wanted)
  }
}

/** The result of a record that cannot be evaluated: it is quarantined, and keeps its targets. */
export function refusing({ targets }: Pick<MappingOptions, 'targets'>): (fault: Rejection) => Mapped {
  const slots = targets.length === 0 ? [0] : [...targets.keys()]
  return (fault) => nothing([fault], slots)
}

/** The slot of a target, and whether its address can be any text. */
type Origin = Pick<MappedTarget, 'slot' | 'asWritten'>

/** Shared by all targets of a target group, which may have thousands. */
const WRITTEN: Origin = { slot: 0, asWritten: true }

function targetOf(found: Found, labels: Labels, origin: Origin): MappedTarget {
  if (typeof found === 'string') return { address: found, labels, ...origin }
  if ('fault' in found) return { address: found.text, labels, ...origin, fault: found.fault }
  return { address: found.address, labels, ...origin }
}

function compilePlain(options: MappingOptions): Mapping {
  const makers = compileMakers(options)
  const commonOf = compileCommon(options)

  function add(record: InventoryRecord, mapped: Draft): void {
    let common: Common | undefined
    for (const maker of makers) {
      const found = maker.find(record)
      if (typeof found !== 'string' && 'reason' in found) {
        miss(mapped, found, maker)
        continue
      }
      if (common === undefined) {
        common = commonOf(record)
        noteCommon(mapped, common)
      }
      const labels = labelsOf(mapped, common, { maker, found, record })
      mapped.targets.push(targetOf(found, labels, maker.origin))
    }
  }

  const { forEach } = options
  if (forEach !== undefined) return forItems(forEach, add, makers)
  return (record) => {
    const mapped = nothing(NONE, NONE)
    add(record, mapped)
    return mapped
  }
}

/** Makes the targets of each item of a list. */
function forItems(
  path: Path,
  add: (record: InventoryRecord, mapped: Draft) => void,
  makers: readonly Maker[],
): Mapping {
  return (record) => {
    const scopes = scopesOf(record, path)
    if ('reason' in scopes) return nothing([scopes], [...makers.keys()])
    const mapped = nothing(NONE, NONE)
    for (const scope of scopes) add(scope, mapped)
    if (scopes.length === 0) mapped.lacking = makers.length
    return mapped
  }
}

/** Records that a target has no address. */
function miss(mapped: Draft, rejection: Rejection, { origin, isOptional }: Maker): void {
  if (isOptional && rejection.reason === 'missing_field') {
    mapped.lacking++
    return
  }
  mapped.rejections = [...mapped.rejections, rejection]
  mapped.unreadable = [...mapped.unreadable, origin.slot]
}

function noteCommon(mapped: Draft, { dropped }: Common): void {
  if (dropped.length > 0) mapped.droppedLabels = [...mapped.droppedLabels, ...dropped]
}

/**
 * Repeats a record for each item of a list in it, with the item as the field `item`; empty when it has no such list. All
 * items share the slots of the templates, because reordering the list must not change the targets.
 * @returns the fault when the path leads to something else
 */
export function scopesOf(record: InventoryRecord, forEach: Path): readonly InventoryRecord[] | Rejection {
  const items = valueAt(record, forEach) ?? []
  if (!Array.isArray(items)) {
    return { reason: 'invalid_list', detail: `for_each names ${shown(items)}, which is not a list` }
  }
  if (isBlocked(record, forEach)) {
    const detail = `for_each names ${shownPath(forEach)}, which leads through something that has no such field`
    return { reason: 'invalid_list', detail }
  }
  return items.map((item) => ({ ...(isObject(record) && record), item }))
}

/** The result of a record while it is mapped. */
interface Draft {
  readonly targets: MappedTarget[]
  rejections: readonly Rejection[]
  droppedLabels: readonly LabelDropReason[]
  unreadable: readonly number[]
  lacking: number
}

/** Shared by all records without faults, of which there may be a million. */
const NONE: readonly never[] = []

/** Finds the address of one target, and makes its own labels. */
interface Maker {
  readonly find: AddressFinder
  readonly labels: readonly LabelTemplate[]
  readonly origin: Origin
  readonly isOptional: boolean
}

function compileMakers({ targets, defaultPort }: MappingOptions): readonly Maker[] {
  if (targets.length === 0) {
    const find = findUsualAddress(defaultPort)
    return [{ find, labels: [], origin: { slot: 0 }, isOptional: false }]
  }
  return targets.map(({ address, isUrl, labels, optional }, slot) => ({
    find: isUrl === true ? findTemplateUrl(address) : findTemplateAddress(address),
    labels,
    origin: { slot, asWritten: true },
    isOptional: optional === true,
  }))
}

/** A target that is about to be made. */
interface Making {
  readonly maker: Maker
  readonly found: Found
  readonly record: InventoryRecord
}

/** The labels of a target: those of all targets, those of its URL, and its own. */
function labelsOf(mapped: Draft, common: Common, { maker, found, record }: Making): Labels {
  const { labels: own, origin } = maker
  if (common.isMisplaced) mapped.unreadable = [...mapped.unreadable, origin.slot]
  const place = typeof found !== 'string' && 'place' in found ? found.place : NONE
  if (own.length === 0 && place === NONE) return common.labels
  const lost = noteDropped()
  const map = new Map([...common.labels, ...place])
  addLabels(own, record, map, lost.drop)
  const { dropped, isMisplaced } = lost.result()
  if (dropped.length > 0) mapped.droppedLabels = [...mapped.droppedLabels, ...dropped]
  if (isMisplaced) mapped.unreadable = [...mapped.unreadable, origin.slot]
  return sortedLabels(map)
}
