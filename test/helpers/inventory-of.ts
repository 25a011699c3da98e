import { findOutside } from '../../src/explain/find-outside.ts'
import { explainableOf, fieldsOf, findRecords, type Inventory } from '../../src/explain/find-records.ts'
import { composeAnswer } from '../../src/explain/findings.ts'
import { parseQuery } from '../../src/explain/query.ts'
import { compileTemplate } from '../../src/mapping/template.ts'
import type { Document } from '../../src/model/document.ts'
import type { ExplainAnswer } from '../../src/model/explanation.ts'
import type { Plan } from '../../src/pipeline/pipeline.ts'
import { compilePlan, type PlanOptions } from '../../src/pipeline/plan.ts'
import { createRoom, keepRead, type LastRead } from '../../src/refresh/compute.ts'
import type { RelabelConfig } from '../../src/relabel/config.ts'
import { freeze, type Snapshot } from '../../src/snapshot/freeze.ts'
import { jsonDocument } from './documents.ts'
import { encodeGroups } from './encode-groups.ts'
import { runPipeline } from './pipeline.ts'

/** What a test says of a source. */
export interface InventorySetup {
  readonly records?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly metaLabels?: boolean
  readonly rules?: readonly RelabelConfig[]
  readonly targets?: readonly string[]
}

/** The options of a source called `sensors`. */
export function planOptions(setup: InventorySetup): PlanOptions {
  const labels = Object.entries(setup.labels ?? {}).map(
    ([name, text]) => [name, compileTemplate(text)] as const,
  )
  const targets = (setup.targets ?? []).map((text) => ({ address: compileTemplate(text), labels: [] }))
  return {
    records: setup.records,
    mapping: { source: 'sensors', targets, labels, metaLabels: setup.metaLabels ?? false, defaultPort: 9100 },
    relabelConfigs: setup.rules ?? [],
  }
}

/** An inventory that answered these values as JSON, as `rollcall explain` would explain it. */
export function inventoryOf(answers: readonly unknown[], setup: InventorySetup = {}): Inventory {
  const options = planOptions(setup)
  return {
    ...explainableOf(options, compilePlan(options)),
    documents: answers.map((answer, index) => ({ ...jsonDocument(answer), name: `page ${index + 1}` })),
    verdictOf: (_target: unknown, address: string) => ({
      text: `would be served as ${address}`,
      isServed: true,
    }),
    note: '',
  }
}

/** The list that is served once an inventory answered this value as JSON. */
export function servedOf(answer: unknown, plan: Plan, changedAtMs: number): Promise<Snapshot> {
  const { groups, keys } = runPipeline([jsonDocument(answer)], plan)
  return freeze(encodeGroups(groups), { groups: groups.length, targets: keys.length }, changedAtMs)
}

/** The answer to a question about one inventory. */
export function explainIn(inventory: Inventory, text: string): ExplainAnswer {
  const query = parseQuery(text)
  const found = [findRecords(inventory, query)]
  return composeAnswer(text, found, () => [findOutside(inventory, query)], {
    gaps: [],
    ages: [],
    sources: [inventory.source],
    near: () => [],
    fields: () => fieldsOf([inventory]),
  })
}

/** Documents as they are kept of a source that is alone. */
export function keptOf(documents: readonly Document[], atMs: number): LastRead {
  return keepRead('sensors', documents, { atMs, room: createRoom(), same: undefined })
}
