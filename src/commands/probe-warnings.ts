import { suggest } from '../base/suggest.ts'
import { shown, shownText } from '../mapping/rejection.ts'
import type { Document } from '../model/document.ts'
import { decode } from '../pipeline/decode.ts'
import { ownDocuments } from '../pipeline/join.ts'
import type { PlanOptions } from '../pipeline/plan.ts'
import type { Report } from '../pipeline/report.ts'
import { itemsIn } from '../pipeline/surroundings.ts'
import type { Path } from '../sources/resolving.ts'
import type { DryRun } from './dry-run.ts'

/** The place of a value in the configuration, by the steps from its source. */
export type PlaceOf = (path: Path) => string

/** Warnings about a source that was read and made a list; each begins with its place. */
export function probeWarnings(
  { settings, missing, documents = [], result }: DryRun,
  placeOf: PlaceOf,
): string[] {
  const { counts, report } = result.built ?? {}
  const isDropped = counts?.targets === 0 && report !== undefined && report.dropped > 0
  const empty = missing
    .filter(({ isEmpty }) => isEmpty)
    .map(({ at, field }) => `${placeOf(at)}: every record that has ${field} has it null or empty`)
  const unselected = report?.records === 0 ? whyNone(settings.plan, report, documents) : []
  return [
    ...(isDropped ? [`${placeOf(['relabel_configs'])}: ${ALL_DROPPED}`] : []),
    ...unselected.map(({ at, text }) => `${placeOf(at)}: ${text}`),
    ...empty,
  ]
}

const ALL_DROPPED =
  'the rules drop every target; rollcall explain with the name of a device shows which rule drops it'

const EMPTY = 'the inventory is empty, so there are no targets; check that it is the right one'

/** Why there is no record: an expression that selects nothing although there are items, or an empty inventory. */
function whyNone({ records, filter }: PlanOptions, { notSelected }: Report, documents: readonly Document[]) {
  const items = ownDocuments(documents).reduce((sum, document) => sum + itemsIn(decode(document)), 0)
  const check = 'check the spelling of its keys and values'
  if (records !== undefined && items > 0) {
    const text = `${shown(records)} selects nothing, although the response has lists with ${items} items; ${check}`
    return [{ at: ['records'], text }]
  }
  if (filter === undefined || notSelected === 0) return [{ at: [], text: EMPTY }]
  return [{ at: ['filter'], text: `${shown(filter)} selects none of the records; ${check}` }]
}

/**
 * Errors of the configuration that the reading of a source showed: fields that no record has. Each begins with its
 * place, and says what the fields of the records are.
 */
export function probeErrors(
  { missing, fields }: Pick<DryRun, 'missing' | 'fields'>,
  placeOf: PlaceOf,
): string[] {
  return missing
    .filter(({ isEmpty }) => !isEmpty)
    .map(({ at, field }) => {
      const orElse = at.includes('labels') ? `, or write ${field.slice(0, -1)}|} if it may be absent` : ''
      return `${placeOf(at)}: no record has ${field}; ${meant(field, fields)}correct the path${orElse}${listed(fields)}`
    })
}

/** The field that is most likely meant, in braces if the other one has them. */
function meant(field: string, fields: readonly string[]): string {
  const isBraced = field.startsWith('{')
  const near = suggest(isBraced ? field.slice(1, -1) : field, fields)
  if (near === undefined) return ''
  return `did you mean ${isBraced ? `{${shownText(near)}}` : shownText(near)}? If not, `
}

/** The number of fields that a message lists. */
const MAX_FIELDS = 12

function listed(fields: readonly string[]): string {
  if (fields.length === 0) return ''
  const names = fields.slice(0, MAX_FIELDS).map(shownText)
  return `; the records have ${[...names, ...(fields.length > MAX_FIELDS ? ['…'] : [])].join(', ')}`
}
