import { type Labels, sortedLabels } from '../model/labels.ts'
import type { InventoryRecord } from '../model/record.ts'
import { SOURCE_LABEL, type Target } from '../model/target-group.ts'
import { type AddressFinder, findTemplateAddress, findUsualAddress } from './address.ts'
import { type Common, type CommonOptions, compileCommon } from './common-labels.ts'
import { addLabels, type LabelTemplate } from './configured-labels.ts'
import { isGroup, readGroup } from './group.ts'
import type { LabelDropReason, Rejection } from './rejection.ts'
import type { Template } from './template.ts'

export type { LabelTemplate } from './configured-labels.ts'

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

/** Labels with those that only one target has; the same list when it has none. */
function withOwn(common: Labels, own: readonly LabelTemplate[], record: InventoryRecord): Labels | Rejection {
  if (own.length === 0) return common
  const map = new Map(common)
  return addLabels(own, record, map) ?? sortedLabels(map)
}
