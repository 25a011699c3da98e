import { type Labels, sortedLabels } from '../model/labels.ts'
import type { InventoryRecord } from '../model/record.ts'
import { SOURCE_LABEL, type Target } from '../model/target-group.ts'
import {
  type AddressFinder,
  findTemplateAddress,
  findUsualAddress,
  readWritten,
  type Unfit,
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
import type { LabelDropReason, Rejection } from './rejection.ts'
import type { Template } from './template.ts'

export type { LabelTemplate } from './labels.ts'

/** The port of a record that names none, when nothing else is configured (node_exporter's). */
export const DEFAULT_METRICS_PORT = 9100

/** How a record makes one target, with labels that only this target has; they win over those of all. */
export interface TargetTemplate {
  readonly address: Template
  readonly labels: readonly LabelTemplate[]
}

/** How the records of a source become targets; templates already compiled. */
export interface MappingOptions extends CommonOptions {
  /** One per target of a record; empty: target groups are recognised, and the usual field names are tried. */
  readonly targets: readonly TargetTemplate[]
  readonly defaultPort: number
  /** Every record has to be a target group; otherwise they are recognised among others. */
  readonly groupsOnly?: boolean
}

/** A target as the rules find it. */
export interface MappedTarget extends Target {
  /** Which target of its record it is, from 0: the place of its template. */
  readonly slot: number
  /** Somebody wrote the address: it may be any text. Otherwise it was made of a host and a port, and is these. */
  readonly asWritten?: true
  /** Why the address cannot be served, unless the rules make another one of it. */
  readonly fault?: Rejection
}

/** What one record gave: targets, why others could not be made, and the labels that were left out. */
export interface Mapped {
  readonly targets: readonly MappedTarget[]
  readonly rejections: readonly Rejection[]
  readonly droppedLabels: readonly LabelDropReason[]
  /** The slots of which it cannot be told what their target is: quarantined, or with a label missing that says where. */
  readonly unreadable: readonly number[]
}

/** Maps one record; a pure function, compiled once per configuration. */
export type Mapping = (record: InventoryRecord) => Mapped

/**
 * Compiles a mapping. A record's bad target is quarantined and its good ones are kept; a label that cannot be sent
 * is left out.
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
  const lost = noteDropped()
  const group = readGroup(record, lost.drop)
  if ('reason' in group) return { targets: [], rejections: [group], droppedLabels: NONE, unreadable: [0] }
  addLabels(options.labels, record, group.labels, lost.drop)
  const labels = sortedLabels(group.labels.set(SOURCE_LABEL, options.source))
  const targets = group.addresses.map((text) => targetOf(readWritten(text), labels, WRITTEN))
  const { dropped, isMisplaced } = lost.result()
  const unreadable = [...group.rejections.map(() => 0), ...(isMisplaced ? [0] : [])]
  return { targets, rejections: group.rejections, droppedLabels: dropped, unreadable }
}

/** Which target of its record it is, and whether somebody wrote its address. */
type Origin = Pick<MappedTarget, 'slot' | 'asWritten'>

/** Of a target group, which may have thousands of targets. */
const WRITTEN: Origin = { slot: 0, asWritten: true }

function targetOf(found: string | Unfit, labels: Labels, origin: Origin): MappedTarget {
  return typeof found === 'string'
    ? { address: found, labels, ...origin }
    : { address: found.text, labels, ...origin, fault: found.fault }
}

function compilePlain(options: MappingOptions): Mapping {
  const makers = compileMakers(options)
  const commonOf = compileCommon(options)
  return (record) => {
    const mapped: Draft = { targets: [], rejections: NONE, droppedLabels: NONE, unreadable: NONE }
    let common: Common | undefined
    for (let slot = 0; slot < makers.length; slot++) {
      const { find, labels: own, origin } = makers[slot] as Maker
      const found = find(record)
      if (typeof found !== 'string' && 'reason' in found) {
        mapped.rejections = [...mapped.rejections, found]
        mapped.unreadable = [...mapped.unreadable, slot]
        continue
      }
      if (common === undefined) {
        common = commonOf(record)
        mapped.droppedLabels = common.dropped
      }
      const labels = own.length === 0 ? common.labels : addOwn(mapped, common, { own, slot }, record)
      if (common.isMisplaced) mapped.unreadable = [...mapped.unreadable, slot]
      mapped.targets.push(targetOf(found, labels, origin))
    }
    return mapped
  }
}

/** What a record gave, while it is mapped. */
interface Draft {
  readonly targets: MappedTarget[]
  rejections: readonly Rejection[]
  droppedLabels: readonly LabelDropReason[]
  unreadable: readonly number[]
}

/** Shared by all records without faults: most have none, and there may be a million. */
const NONE: readonly never[] = []

/** Finds the address of one target; the labels are those that only this target has. */
interface Maker {
  readonly find: AddressFinder
  readonly labels: readonly LabelTemplate[]
  readonly origin: Origin
}

function compileMakers({ targets, defaultPort }: MappingOptions): readonly Maker[] {
  if (targets.length === 0) return [{ find: findUsualAddress(defaultPort), labels: [], origin: { slot: 0 } }]
  return targets.map(({ address, labels }, slot) => ({
    find: findTemplateAddress(address),
    labels,
    origin: { slot, asWritten: true },
  }))
}

/** The labels of the next target: the common ones and those that only it has. */
function addOwn(
  mapped: Draft,
  { labels }: Common,
  { own, slot }: { readonly own: readonly LabelTemplate[]; readonly slot: number },
  record: InventoryRecord,
): Labels {
  const lost = noteDropped()
  const map = new Map(labels)
  addLabels(own, record, map, lost.drop)
  const { dropped, isMisplaced } = lost.result()
  if (dropped.length > 0) mapped.droppedLabels = [...mapped.droppedLabels, ...dropped]
  if (isMisplaced) mapped.unreadable = [...mapped.unreadable, slot]
  return sortedLabels(map)
}
