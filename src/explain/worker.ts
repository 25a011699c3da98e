import type { ExplainAnswer } from '../model/explanation.ts'
import { compilePlan, type PlanOptions } from '../pipeline/plan.ts'
import { explainServed, type Served, type ServedSource } from './explain-served.ts'
import { explainableOf } from './find-records.ts'

/** A configured source, in a form that can be sent to a thread. */
export interface ExplainInput extends Pick<ServedSource, 'lastRead' | 'state' | 'reader'> {
  readonly options: PlanOptions
}

/** The input of an explanation in a thread. */
export interface ExplainTask {
  readonly query: string
  readonly served: Served<ExplainInput>
  /** The sources that are too large to be searched with these. */
  readonly gaps: readonly string[]
}

/** Runs {@link explainServed} in a thread of its own. */
export function explainInThread({ query, served, gaps }: ExplainTask): ExplainAnswer {
  const sources = served.sources.map(({ options, lastRead, state, reader }) => ({
    ...explainableOf(options, compilePlan(options)),
    lastRead,
    state,
    reader,
  }))
  return explainServed(query, { ...served, sources }, gaps)
}
