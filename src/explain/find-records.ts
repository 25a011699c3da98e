import { isGroup } from '../mapping/group.ts'
import type { Document } from '../model/document.ts'
import { createMasker, type Masker } from '../model/mask.ts'
import { fieldOf, type Json } from '../model/record.ts'
import type { Target } from '../model/target-group.ts'
import { relabelChecked } from '../pipeline/apply-rules.ts'
import { decode } from '../pipeline/decode.ts'
import { createJoin, type Joined, ownDocuments } from '../pipeline/join.ts'
import type { Plan } from '../pipeline/pipeline.ts'
import type { PlanOptions } from '../pipeline/plan.ts'
import { explainRecord, type RecordContext, type RecordPosition } from './explain-record.ts'
import { createFieldLister } from './fields.ts'
import { createFindings, type Findings } from './findings.ts'
import { createMatcher, type FieldVisitor, type Query } from './query.ts'

/** The configuration of a source that an explanation needs. */
export interface Explainable extends Pick<RecordContext, 'source' | 'plan' | 'relabelConfigs' | 'filter'> {
  /** The expression that selects the records, as it is configured; undefined: there is none. */
  readonly records: string | undefined
}

/** The inventory of one source, and the context that explaining its records needs. */
export interface Inventory extends Explainable, RecordContext {
  readonly documents: readonly Document[]
}

/** Collects the configuration that an explanation needs; `plan` is compiled from `options`. */
export function explainableOf(options: PlanOptions, plan: Plan): Explainable {
  const { mapping, relabelConfigs, records, filter } = options
  return { source: mapping.source, plan, relabelConfigs, records, filter }
}

/**
 * Finds the records that match a query: by any field, by an address before or after the rules, or, for
 * `name=value`, by a label too. Secrets are not found. It costs about as much as one refresh of the same
 * documents.
 * @param onTarget called with every target of the list, and the record that makes it
 * @throws RefreshError when the documents hold no list of records
 */
export function findRecords(
  inventory: Inventory,
  query: Query,
  onTarget: (target: Target, position: RecordPosition) => void = () => {},
): Findings {
  const findings = createFindings()
  const lister = createFieldLister()
  for (const { parts, plan, position } of recordsOf(inventory)) {
    findings.see()
    for (const record of parts) {
      const targets = targetsOf(record, plan, (target) => onTarget(target, position))
      const matcher = createMatcher(query, findings.bound(), maskLater(record, targets))
      lister.visitValue(record, matcher)
      for (const target of targets) lister.visitTarget(target, matcher)
      findings.add(matcher.level(), () => explainRecord(record, position, { ...inventory, plan }))
    }
  }
  return findings
}

/** The fields and labels that can be searched, by their keys joined by dots. It costs as much as {@link findRecords}. */
export function fieldsOf(inventories: readonly Inventory[]): Set<string> {
  const fields = new Set<string>()
  const lister = createFieldLister()
  const visitor: FieldVisitor = {
    field: (path) => fields.add(path.join('.')),
    label: (name) => fields.add(name),
  }
  for (const inventory of inventories) {
    for (const { parts, plan } of recordsOf(inventory))
      for (const record of parts) {
        lister.visitValue(record, visitor)
        for (const target of targetsOf(record, plan, () => {})) lister.visitTarget(target, visitor)
      }
  }
  return fields
}

/** A record in the parts that are explained, with its position. */
interface Read extends Parts {
  readonly position: RecordPosition
}

/** @throws RefreshError when the documents hold no list of records */
function* recordsOf(inventory: Inventory): Iterable<Read> {
  const { joins } = inventory.plan
  const join = joins === undefined ? alone : createJoin(inventory.documents, joins)
  for (const document of ownDocuments(inventory.documents)) {
    const records = inventory.plan.select(decode(document), document.name, document.answer?.headers)
    for (const [index, read] of records.entries()) {
      const joined = join(read)
      yield {
        ...partsOf(joined.record, planOf(inventory.plan, joined)),
        position: { document: document.name, index },
      }
    }
  }
}

/** The plan for a joined record; if the join refused it, each mapping gives that refusal. */
function planOf(plan: Plan, { refused }: Joined): Plan {
  return refused === undefined ? plan : { ...plan, map: () => refused }
}

/** A record that is joined with nothing. */
function alone(record: Json): Joined {
  return { record }
}

/** The parts of a record that are explained one by one, and the plan that makes their targets. */
interface Parts {
  readonly parts: Iterable<Json>
  readonly plan: Plan
}

/**
 * Splits a target group, which may have thousands of targets, into groups of one target; other records stay
 * whole.
 */
function partsOf(record: Json, plan: Plan): Parts {
  const targets = isGroup(record) ? fieldOf(record, 'targets') : undefined
  if (!Array.isArray(targets)) return { parts: [record], plan }
  if (plan.unfiltered === undefined) return { parts: groupsOf(record, targets), plan }
  // A filter applies to the whole group.
  if (plan.map(record).targets.length === 0) return { parts: [record], plan }
  return { parts: groupsOf(record, targets), plan: { ...plan, map: plan.unfiltered } }
}

function* groupsOf(record: Json, targets: readonly Json[]): Iterable<Json> {
  for (const target of targets) yield { ...(record as object), targets: [target] }
}

/** The targets of a record, before and after the rules. */
function targetsOf(record: Json, plan: Plan, onTarget: (target: Target) => void): Target[] {
  return plan.map(record).targets.flatMap((target) => {
    const result = relabelChecked(target, plan.rules, () => {})
    if (!('target' in result)) return [target]
    onTarget(result.target)
    return [target, result.target]
  })
}

/** Creates the masker only when it is needed: most records do not match. */
function maskLater(record: Json, targets: readonly Target[]): Masker['text'] {
  let masker: Masker | undefined
  return (text) => {
    masker ??= createMasker(
      record,
      targets.map(({ labels }) => labels),
    )
    return masker.text(text)
  }
}
