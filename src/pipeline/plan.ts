import { messageOf } from '../base/errors.ts'
import { compileMapping, filterMapping, type MappingOptions, refusing } from '../mapping/mapping.ts'
import { render, type Template } from '../mapping/template.ts'
import type { Json } from '../model/record.ts'
import type { RelabelConfig } from '../relabel/config.ts'
import { compileRelabel } from '../relabel/relabel.ts'
import { isNothing } from './fields.ts'
import { compileQuery } from './jmespath.ts'
import type { JoinPlan, Joins } from './join.ts'
import { assertWhole, type Paging } from './page-signs.ts'
import type { Plan } from './pipeline.ts'
import type { ListPlan } from './read-list.ts'
import {
  createSelect,
  type ListKey,
  RECORDS,
  type Select,
  selectGroups,
  unlessFailed,
  unlessFailedBySigns,
} from './select.ts'

/** What a configuration says about one list of records. */
export interface ListOptions {
  /** A JMESPath expression that selects the records in a document; undefined: the usual shapes are recognised. */
  readonly records: string | undefined
  /** What is configured of pages: then each document holds only a part of the records. */
  readonly paging?: Paging | undefined
  /** Whether a document is believed to be whole, whatever it says of others. */
  readonly isComplete?: boolean
  /** A JMESPath expression that tells of a document that says itself that it is none; undefined: the usual signs. */
  readonly failIf?: string | undefined
}

/** A list that records are joined with, see {@link JoinPlan}. */
export interface JoinOptions extends ListOptions, Pick<JoinPlan, 'name' | 'by' | 'from' | 'isOptional'> {}

/** What a source's configuration says about its records: plain data, which any thread can compile. */
export interface PlanOptions extends ListOptions {
  /** A JMESPath expression that selects a record, looked at by itself; undefined: each is selected. */
  readonly filter?: string | undefined
  readonly mapping: MappingOptions
  /** A template of what tells records apart; undefined: the usual fields do. */
  readonly key?: Template | undefined
  /** The lists that its records are joined with, in their order; undefined: there are none. */
  readonly joins?: readonly JoinOptions[] | undefined
  /** Checked already: `validateRelabel` found nothing. */
  readonly relabelConfigs: readonly RelabelConfig[]
}

/** What makes fail_if look at the headers of an answer too. */
const HEADERS = /\bheaders\b/

/** A JMESPath expression that only names keys. */
const PATH = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/

/**
 * Compiles everything that is done to each record, once per configuration.
 * @throws Error when an expression is none; a configuration that was loaded has been checked
 */
export function compilePlan(options: PlanOptions): Plan {
  const { joins, mapping, key: template, relabelConfigs } = options
  return {
    ...compileList(options, mapping.groupsOnly),
    ...(joins !== undefined && { joins: compileJoins(joins, mapping) }),
    ...compileMap(options),
    ...(template !== undefined && { keyOf: compileKey(template) }),
    rules: compileRelabel(relabelConfigs, mapping.labelNames),
  }
}

function compileJoins(joins: readonly JoinOptions[], mapping: MappingOptions): Joins {
  const lists = joins.map((join) => ({ ...join, ...compileList(join) }))
  return { lists, refuse: refusing(mapping) }
}

/** Whether any expression looks at the headers of an answer. */
export function readsHeaders({ failIf, joins = [] }: Pick<PlanOptions, 'failIf' | 'joins'>): boolean {
  return [failIf, ...joins.map((join) => join.failIf)].some((text) => HEADERS.test(text ?? ''))
}

function compileList(options: ListOptions, isOfGroups = false): ListPlan {
  const { records, paging, failIf } = options
  const key = { ...RECORDS, hasFailIf: failIf !== undefined }
  const select = isOfGroups ? selectGroups : createRecordSelect(records, key)
  const failed = failIf === undefined ? undefined : compileQuery(failIf, 'fail_if', 'shape')
  return {
    selectsAll: failIf === undefined && (records === undefined || PATH.test(records)),
    select:
      failed === undefined
        ? unlessFailedBySigns(select)
        : unlessFailed(select, failed, HEADERS.test(String(failIf))),
    ...(options.isComplete !== true && { assertWhole: (parts) => assertWhole(parts, paging) }),
  }
}

function compileMap({ mapping, filter }: PlanOptions): Pick<Plan, 'map' | 'unfiltered'> {
  const map = compileMapping(mapping)
  if (filter === undefined) return { map }
  const query = compileQuery(filter, 'filter', 'shape')
  const isWanted: Parameters<typeof filterMapping>[1] = (record) => {
    try {
      return isTrue(query(record, 'the record'))
    } catch (error) {
      return { reason: 'filter_failed', detail: messageOf(error) }
    }
  }
  return { map: filterMapping(map, isWanted, mapping), unfiltered: map }
}

/** What JMESPath takes for true, as in `records[?…]`: of numbers also 0. */
function isTrue(value: Json): boolean {
  return value === 0 || !isNothing(value)
}

/** A record in which a field of the template is missing has no key. */
function compileKey(template: Template): NonNullable<Plan['keyOf']> {
  return (record) => {
    const key = render(template, record)
    return typeof key === 'string' ? key : undefined
  }
}

function createRecordSelect(records: string | undefined, key: ListKey): Select {
  const query = records === undefined ? undefined : compileQuery(records, 'records', 'shape')
  return createSelect(query, key)
}
