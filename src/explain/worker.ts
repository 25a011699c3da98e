import type { ExplainAnswer } from '../model/explanation.ts'
import { compilePlan, type PlanOptions } from '../pipeline/plan.ts'
import { explainServed, type Served, type ServedSource } from './explain-served.ts'
import { explainableOf } from './find-records.ts'

/** One source that serves, in a form that travels between threads. */
export interface ExplainInput extends Pick<ServedSource, 'lastRead' | 'state' | 'reader'> {
  readonly options: PlanOptions
}

/** What a thread needs to explain something. */
export interface ExplainTask {
  readonly query: string
  readonly served: Served<ExplainInput>
  /** What is too large to be searched with these. */
  readonly gaps: readonly string[]
}

/** The work of {@link explainServed}, in a thread of its own. */
export function explainInThread({ query, served, gaps }: ExplainTask): ExplainAnswer {
  const sources = served.sources.map(({ options, lastRead, state, reader }) => ({
    ...explainableOf(options, compilePlan(options)),
    lastRead,
    state,
    reader,
  }))
  return explainServed(query, { ...served, sources }, gaps)
}
