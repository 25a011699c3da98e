import { HttpError } from '../base/errors.ts'
import { moduleUrl } from '../base/module-url.ts'
import type { Job, Threads } from '../base/threads.ts'
import type { ExplainAnswer } from '../model/explanation.ts'
import { type Served, withinBudget } from './explain-served.ts'
import type { ExplainInput, ExplainTask } from './worker.ts'

/** Explains everything that matches a query. */
export type Explainer = (query: string, served: Served<ExplainInput>) => Promise<ExplainAnswer>

const JOB: Job = { module: moduleUrl('explain/worker.js'), name: 'explainInThread' }

const NO_BYTES = Buffer.alloc(0)

/** How many explanations may run or wait for a thread at a time: each has a copy of the data it searches. */
const MAX_PENDING = 4

/** How long an explanation may take, including its wait for a thread, in milliseconds. */
const TIMEOUT_MS = 10_000

/** The Retry-After of a request that is refused for overload, in seconds. */
const RETRY_AFTER_SECONDS = 5

/**
 * Creates an explainer that never delays other requests: records of any size are masked and searched in a
 * thread, which ends after a deadline.
 * @param threads not those of refreshes, so that a refresh never waits for an explanation
 * @throws HttpError `overloaded` when too many explanations are pending, or one takes too long
 */
export function createExplainer(threads: Threads, timeoutMs = TIMEOUT_MS): Explainer {
  let pending = 0
  return async (query, served) => {
    if (pending >= MAX_PENDING) throw overloaded('too many explanations at a time; try again')
    const { quick, gaps } = withinBudget(served)
    const input: ExplainTask = { query, served: { ...quick, sources: quick.sources.map(light) }, gaps }
    const late = `it took longer than ${timeoutMs / 1000} s; make the query more exact, or ask about one source`
    const deadline = AbortSignal.timeout(timeoutMs)
    pending++
    return threads
      .run<ExplainAnswer>(JOB, input, { signal: deadline })
      .catch((error) => {
        throw deadline.aborted ? overloaded(late) : error
      })
      .finally(() => pending--)
  }
}

function overloaded(message: string): HttpError {
  return new HttpError('overloaded', message, RETRY_AFTER_SECONDS)
}

/** Removes the parts that are not searched, so that they are not copied to the thread. */
function light(source: ExplainInput): ExplainInput {
  const { snapshot } = source.state
  if (snapshot === undefined) return source
  const part = { ...snapshot.part, bytes: NO_BYTES, deflated: NO_BYTES }
  return { ...source, state: { ...source.state, snapshot: { ...snapshot, plain: [], gzip: [], part } } }
}
