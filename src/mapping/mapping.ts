import { sortedLabels } from '../model/labels.ts'
import type { InventoryRecord } from '../model/record.ts'
import { SOURCE_LABEL, type Target } from '../model/target-group.ts'
import { type AddressFinder, findTemplateAddress, findUsualAddress } from './address.ts'
import { addLabels, type LabelTemplate } from './configured-labels.ts'
import { isGroup, readGroup } from './group.ts'
import { addMetaLabels } from './meta-labels.ts'
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
export interface MappingOptions {
  readonly source: string
  /** One per target of a record; empty: target groups are recognised, and the usual field names are tried. */
  readonly targets: readonly TargetTemplate[]
  /** Labels of every target. */
  readonly labels: readonly LabelTemplate[]
  readonly metaLabels: boolean
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
  return (record) => {
    const found: Found[] = []
    const rejections: Rejection[] = []
    for (const { find, labels } of makers) {
      const address = find(record)
      if (typeof address === 'string') found.push({ address, labels })
      else rejections.push(address)
    }
    if (found.length === 0) return { targets: [], rejections, droppedLabels: [] }
    const droppedLabels: LabelDropReason[] = []
    const common = new Map<string, string>()
    if (options.metaLabels) addMetaLabels(record, common, (reason) => droppedLabels.push(reason))
    const fault = addLabels(options.labels, record, common)
    if (fault !== undefined) return { targets: [], rejections: [...rejections, fault], droppedLabels }
    common.set(SOURCE_LABEL, options.source)
    return { ...withOwnLabels(found, common, record, rejections), droppedLabels }
  }
}

/** Finds the address of one target; the labels are those that only this target has. */
interface Maker {
  readonly find: AddressFinder
  readonly labels: readonly LabelTemplate[]
}

interface Found {
  readonly address: string
  readonly labels: readonly LabelTemplate[]
}

function compileMakers({ targets, defaultPort }: MappingOptions): readonly Maker[] {
  if (targets.length === 0) return [{ find: findUsualAddress(defaultPort), labels: [] }]
  return targets.map(({ address, labels }) => ({ find: findTemplateAddress(address, defaultPort), labels }))
}

/** Targets without labels of their own share one list of labels. */
function withOwnLabels(
  found: readonly Found[],
  common: ReadonlyMap<string, string>,
  record: InventoryRecord,
  rejections: Rejection[],
): Pick<Mapped, 'targets' | 'rejections'> {
  const shared = sortedLabels(common)
  const targets: Target[] = []
  for (const { address, labels } of found) {
    const own = labels.length === 0 ? undefined : new Map(common)
    const fault = own === undefined ? undefined : addLabels(labels, record, own)
    if (fault === undefined) targets.push({ address, labels: own === undefined ? shared : sortedLabels(own) })
    else rejections.push(fault)
  }
  return { targets, rejections }
}
