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

/** The configuration of one list of records. */
export interface ListOptions {
  /**
   * A JMESPath expression that selects the records in a document; undefined: the usual shapes are recognised.
   */
  readonly records: string | undefined
  /** The configuration of pages; then each document holds only a part of the records. */
  readonly paging?: Paging | undefined
  /** Whether each document counts as complete, even if it shows further pages. */
  readonly isComplete?: boolean
  /** A JMESPath expression that recognises a failed response; undefined: the usual signs do. */
  readonly failIf?: string | undefined
}

/** A list that records are joined with, see {@link JoinPlan}. */
export interface JoinOptions extends ListOptions, Pick<JoinPlan, 'name' | 'by' | 'from' | 'isOptional'> {}

/** The configuration of a source's records: plain data, which any thread can compile. */
export interface PlanOptions extends ListOptions {
  /** A JMESPath expression that selects a single record; undefined: every record is selected. */
  readonly filter?: string | undefined
  readonly mapping: MappingOptions
  /** The template of a record's key; undefined: the usual fields are used. */
  readonly key?: Template | undefined
  /** The lists that records are joined with, in this order; undefined: there are none. */
  readonly joins?: readonly JoinOptions[] | undefined
  /** Already checked: `validateRelabel` found no fault. */
  readonly relabelConfigs: readonly RelabelConfig[]
}

/** A fail_if expression with this word also reads the headers of a response. */
const HEADERS = /\bheaders\b/

/** A JMESPath expression of keys only. */
const PATH = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/

/**
 * Compiles all steps that are applied to each record, once per configuration.
 * @throws Error when an expression is invalid, which a loaded configuration excludes
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

/** Whether any expression reads the headers of a response. */
export function readsHeaders({ failIf, joins = [] }: Pick<PlanOptions, 'failIf' | 'joins'>): boolean {
  return [failIf, ...joins.map((join) => join.failIf)].some((text) => HEADERS.test(text ?? ''))
}

function compileList(options: ListOptions, isOfGroups = false): ListPlan {
  const { records, paging, failIf } = options
  const key = { ...RECORDS, expression: records, hasFailIf: failIf !== undefined }
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

/** Truth in JMESPath, as in `records[?…]`: the number 0 is true too. */
function isTrue(value: Json): boolean {
  return value === 0 || !isNothing(value)
}

/** A record that lacks a field of the template has no key. */
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
