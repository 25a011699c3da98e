import { compileMapping, type MappingOptions } from '../mapping/mapping.ts'
import type { RelabelConfig } from '../relabel/config.ts'
import { compileRelabel } from '../relabel/relabel.ts'
import type { Plan } from './pipeline.ts'
import { createSelect, type Query, selectGroups } from './select.ts'

/** What a source's configuration says about its records. */
export interface PlanOptions {
  /** Selects the records in a document; undefined: the usual shapes are recognised. */
  readonly records: Query | undefined
  readonly mapping: MappingOptions
  /** Checked already: `validateRelabel` found nothing. */
  readonly relabelConfigs: readonly RelabelConfig[]
}

/** Compiles everything that is done to each record, once per configuration. */
export function compilePlan({ records, mapping, relabelConfigs }: PlanOptions): Plan {
  return {
    select: mapping.groupsOnly === true ? selectGroups : createSelect(records),
    map: compileMapping(mapping),
    rules: compileRelabel(relabelConfigs),
  }
}
