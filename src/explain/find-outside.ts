import type { Document } from '../model/document.ts'
import type { Explanation } from '../model/explanation.ts'
import { createMasker, isSecretField, type Masker } from '../model/mask.ts'
import { abridge, itemsOf, MAX_DEPTH } from '../model/nested.ts'
import { isObject, type Json } from '../model/record.ts'
import { decode } from '../pipeline/decode.ts'
import { quoted } from './explain-record.ts'
import { createFieldLister } from './fields.ts'
import type { Inventory } from './find-records.ts'
import { createFindings, type Findings } from './findings.ts'
import { createMatcher, type Query } from './query.ts'

/** An object outside of the selected records, and the unit whose secrets are masked in it. */
interface Holder {
  readonly value: Json
  readonly unit: Unit
}

/**
 * What most likely describes one thing: the outermost list item around an object, or the document without its
 * items.
 */
interface Unit {
  readonly value: Json
  readonly isItem: boolean
  /** Made when it is first needed. */
  masker?: Masker
}

/**
 * Finds objects in the documents that match a query but are in no selected record; for queries that no record
 * matches. It shows the smallest object that holds the match.
 */
export function findOutside(inventory: Inventory, query: Query): Findings {
  const findings = createFindings()
  const lister = createFieldLister()
  for (const document of inventory.documents) {
    const root = decode(document)
    const selected = new Set(
      document.join === undefined ? inventory.plan.select(root, document.name, document.answer?.headers) : [],
    )
    const unit = {
      value: without(root, (item, parent) => isObject(item) && Array.isArray(parent)),
      isItem: false,
    }
    for (const holder of holdersIn({ value: root, unit }, selected, 0)) {
      const mask = (text: string) => maskerOf(holder.unit).text(text)
      const matcher = createMatcher(query, findings.bound(), mask)
      lister.visitValue(without(holder.value, isObject), matcher)
      findings.add(matcher.level(), () => explainOutside(holder, document, inventory))
    }
  }
  return findings
}

/**
 * Yields the value itself, and every object in it that is neither a secret nor a record (records were
 * searched before).
 */
function* holdersIn(
  { value, unit }: Holder,
  selected: ReadonlySet<Json>,
  depth: number,
): Generator<Holder, void> {
  if (depth >= MAX_DEPTH || (isObject(value) && selected.has(value))) return
  if (depth === 0 || isObject(value)) yield { value, unit }
  for (const [item, key] of itemsOf(value)) {
    if (key !== undefined && isSecretField(value, key)) continue
    const isOwnUnit = !unit.isItem && key === undefined && isObject(item)
    yield* holdersIn(
      { value: item, unit: isOwnUnit ? { value: item, isItem: true } : unit },
      selected,
      depth + 1,
    )
  }
}

function maskerOf(unit: Unit): Masker {
  unit.masker ??= createMasker(unit.value)
  return unit.masker
}

/** A copy of a value in which null replaces some of its objects. */
function without(value: Json, isUnwanted: (item: Json, parent: Json) => boolean, depth = 0): Json {
  const leave = (item: Json) =>
    isUnwanted(item, value) || depth >= MAX_DEPTH ? null : without(item, isUnwanted, depth + 1)
  if (Array.isArray(value)) return value.map(leave)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, leave(item)]))
}

function explainOutside(
  { value, unit }: Holder,
  { name, join }: Document,
  { source, note, records }: Inventory,
): Explanation {
  const shown = abridge(value)
  const masker = createMasker([unit.value, shown])
  const why =
    join !== undefined
      ? `it is in the list of with.${join}, and no record is joined with it`
      : records === undefined
        ? 'it is not in the list of records'
        : `the records expression leaves it out: ${quoted(records)}`
  return {
    source,
    position: { document: masker.text(name), index: null },
    record: masker.value(shown),
    targets: [],
    dropped_labels: [],
    verdict: `not selected: ${why}${note}`,
  }
}
