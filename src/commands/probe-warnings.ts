import { shown } from '../mapping/rejection.ts'
import type { Document } from '../model/document.ts'
import { decode } from '../pipeline/decode.ts'
import { ownDocuments } from '../pipeline/join.ts'
import { itemsIn } from '../pipeline/surroundings.ts'
import type { DryRun } from './dry-run.ts'

/** Warnings about a source that was read and made a list. */
export function probeWarnings({ settings, missing, documents = [], result }: DryRun): string[] {
  const { counts, report } = result.built ?? {}
  const isDropped = counts?.targets === 0 && report !== undefined && report.dropped > 0
  const empty = missing
    .filter(({ isEmpty }) => isEmpty)
    .map(({ at, field }) => `${at}: every record that has ${field} has it null or empty`)
  const unselected = report?.records === 0 ? notSelected(settings.plan.records, documents) : []
  const found = [...(isDropped ? [ALL_DROPPED] : []), ...unselected, ...empty]
  return found.map((text) => `source ${settings.name}: ${text}`)
}

const ALL_DROPPED =
  'relabel_configs drop every target; rollcall explain with the name of a device shows which rule drops it'

/** Warns of a records expression that selects nothing although the documents have lists with items. */
function notSelected(records: string | undefined, documents: readonly Document[]): string[] {
  if (records === undefined) return []
  const items = ownDocuments(documents).reduce((sum, document) => sum + itemsIn(decode(document)), 0)
  if (items === 0) return []
  return [
    `records: ${shown(records)} selects nothing, although the response has lists with ${items} items; check the spelling of its keys and values`,
  ]
}

/** Errors of the configuration that the reading of a source showed: fields that no record has. */
export function probeErrors({ settings, missing }: DryRun): string[] {
  return missing
    .filter(({ isEmpty }) => !isEmpty)
    .map(({ at, field }) => {
      const orElse = at.includes('labels.') ? `, or write ${field.slice(0, -1)}|} if it may be absent` : ''
      return `source ${settings.name}: ${at}: no record has ${field}; correct the path${orElse}`
    })
}
