import { isLabelValue, sortedLabels } from '../model/labels.ts'
import type { InventoryRecord } from '../model/record.ts'
import { SOURCE_LABEL, type Target } from '../model/target-group.ts'
import { findTemplateAddress, findUsualAddress } from './address.ts'
import { addMetaLabels } from './meta-labels.ts'
import { type LabelDropReason, type Rejection, shown } from './rejection.ts'
import { render, type Template } from './template.ts'

/** The port of a record that names none, when nothing else is configured (node_exporter's). */
export const DEFAULT_METRICS_PORT = 9100

/** How the records of a source become targets; templates already compiled. */
export interface MappingOptions {
  readonly source: string
  /** One template per target of a record; empty: the usual field names are tried. */
  readonly targets: readonly Template[]
  readonly labels: readonly (readonly [name: string, value: Template])[]
  readonly metaLabels: boolean
  readonly defaultPort: number
}

/** What one record gave: targets, what was wrong with it, and the meta labels that were left out. */
export interface Mapped {
  readonly targets: readonly Target[]
  readonly rejections: readonly Rejection[]
  readonly droppedLabels: readonly LabelDropReason[]
}

/** Maps one record; a pure function, compiled once per configuration. */
export type Mapping = (record: InventoryRecord) => Mapped

/**
 * Compiles a mapping. A record's bad target is quarantined and its good ones are kept; a configured label
 * whose value cannot be sent quarantines the whole record; a bad meta label is only left out.
 */
export function compileMapping(options: MappingOptions): Mapping {
  const finders =
    options.targets.length === 0
      ? [findUsualAddress(options.defaultPort)]
      : options.targets.map((template) => findTemplateAddress(template, options.defaultPort))
  return (record) => {
    const addresses: string[] = []
    const rejections: Rejection[] = []
    for (const find of finders) {
      const found = find(record)
      if (typeof found === 'string') addresses.push(found)
      else rejections.push(found)
    }
    if (addresses.length === 0) return { targets: [], rejections, droppedLabels: [] }
    const droppedLabels: LabelDropReason[] = []
    const map = new Map<string, string>()
    if (options.metaLabels) addMetaLabels(record, map, (reason) => droppedLabels.push(reason))
    const fault = addConfiguredLabels(options, record, map)
    if (fault !== undefined) return { targets: [], rejections: [...rejections, fault], droppedLabels }
    map.set(SOURCE_LABEL, options.source)
    const labels = sortedLabels(map)
    return { targets: addresses.map((address) => ({ address, labels })), rejections, droppedLabels }
  }
}

function addConfiguredLabels(
  options: MappingOptions,
  record: InventoryRecord,
  map: Map<string, string>,
): Rejection | undefined {
  for (const [name, template] of options.labels) {
    const value = render(template, record)
    if (typeof value === 'string') {
      if (!isLabelValue(value)) {
        const detail = `label ${name}: ${shown(value)} is too long, has control characters or is not Unicode`
        return { reason: 'invalid_label', detail }
      }
      map.set(name, value)
    } else if (value.kind === 'not_text') {
      return {
        reason: 'invalid_label',
        detail: `label ${name}: ${value.field} is an object or a number beyond 2^53, not a text`,
      }
    } else {
      map.delete(name)
    }
  }
  return undefined
}
