import { compileMapping, type MappingOptions } from '../mapping/mapping.ts'
import type { RelabelConfig } from '../relabel/config.ts'
import { compileRelabel } from '../relabel/relabel.ts'
import type { Plan } from './pipeline.ts'
import { createSelect, type Query, RECORDS, selectGroups, unlessFailed } from './select.ts'

/** What a source's configuration says about its records. */
export interface PlanOptions {
  /** Selects the records in a document; undefined: the usual shapes are recognised. */
  readonly records: Query | undefined
  readonly mapping: MappingOptions
  /** Whether the documents are pages: then each holds only a part of the records. */
  readonly isPaged?: boolean
  /** Tells of a document that says itself that it is none; undefined: it is not asked. */
  readonly failIf?: Query | undefined
  /** Checked already: `validateRelabel` found nothing. */
  readonly relabelConfigs: readonly RelabelConfig[]
}

/** Compiles everything that is done to each record, once per configuration. */
export function compilePlan({
  records,
  isPaged = false,
  failIf,
  mapping,
  relabelConfigs,
}: PlanOptions): Plan {
  const select = mapping.groupsOnly === true ? selectGroups : createSelect(records, { ...RECORDS, isPaged })
  return {
    select: failIf === undefined ? select : unlessFailed(select, failIf),
    map: compileMapping(mapping),
    rules: compileRelabel(relabelConfigs),
  }
}
