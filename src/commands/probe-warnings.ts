import type { LabelTemplate, MappingOptions } from '../mapping/mapping.ts'
import { shown } from '../mapping/rejection.ts'
import type { Document } from '../model/document.ts'
import { decode } from '../pipeline/decode.ts'
import { itemsIn } from '../pipeline/surroundings.ts'
import type { DryRun } from './dry-run.ts'

/** What is odd about what reading a source gave, although it gave a list. */
export function probeWarnings({ settings, labelNames, documents = [], result }: DryRun): string[] {
  const { counts, report } = result.built ?? {}
  if (counts === undefined || report === undefined) return []
  const found = report.dropped > 0 && counts.targets === 0 ? [ALL_DROPPED] : []
  if (report.records === 0) found.push(...notSelected(settings.plan.records, documents))
  // Where no record made a target nobody knows which labels it would have had.
  const absent = labelNames.size === 0 ? [] : absentLabels(settings.plan.mapping, labelNames)
  return [...found, ...absent].map((warning) => `source ${settings.name}: ${warning}`)
}

const ALL_DROPPED =
  'relabel_configs drop every target; rollcall explain with the name of a device says which rule does'

/** An expression that selects nothing from documents that have lists with something in them. */
function notSelected(records: string | undefined, documents: readonly Document[]): string[] {
  if (records === undefined) return []
  const items = documents.reduce((sum, document) => sum + itemsIn(decode(document)), 0)
  if (items === 0) return []
  return [
    `records: ${shown(records)} selects nothing, although there are ${items} items in the lists of what was read; see how its keys and values are spelt there`,
  ]
}

/** The labels that no target has, since their templates gave no text. */
function absentLabels({ labels, targets }: MappingOptions, names: ReadonlySet<string>): string[] {
  const own = targets.flatMap((target, index) =>
    describeAbsent(`targets[${index}].labels`, target.labels, names),
  )
  return [...describeAbsent('labels', labels, names), ...own]
}

function describeAbsent(key: string, labels: readonly LabelTemplate[], names: ReadonlySet<string>): string[] {
  return labels.flatMap(([name, template]) => {
    const fields = template.flatMap((part) =>
      typeof part === 'string' || part.fallback !== undefined ? [] : `{${part.shown}}`,
    )
    if (fields.length === 0 || names.has(name)) return []
    return `${key}.${name}: no record that makes a target has ${fields.join(' and ')}, so no target has this label`
  })
}
