import { HttpError } from '../base/errors.ts'
import type { Job, Threads } from '../base/threads.ts'
import type { ExplainAnswer } from '../model/explanation.ts'
import { type Served, withinBudget } from './explain-served.ts'
import { type ExplainInput, type ExplainTask, explainInThread } from './worker.ts'

/** Tells what became of whatever answers a question. */
export type Explainer = (query: string, served: Served<ExplainInput>) => Promise<ExplainAnswer>

const JOB: Job = { module: new URL('./worker.js', import.meta.url).href, name: explainInThread.name }

const NO_BYTES = Buffer.alloc(0)

/** How many explanations may be under way or waiting for a thread: each has a copy of what it searches. */
const MAX_PENDING = 4

/** How long one may take, with its wait for a thread, in milliseconds. */
const TIMEOUT_MS = 10_000

/** After how many seconds somebody for whom there is no room should ask again. */
const RETRY_AFTER_SECONDS = 5

/**
 * Creates an explainer that never holds other requests up: whatever a record holds, it is masked and searched in a
 * thread, which ends after a deadline.
 * @param threads not those of refreshes, which never wait for it
 * @throws HttpError `overloaded` when too many ask, or it takes too long
 */
export function createExplainer(threads: Threads, timeoutMs = TIMEOUT_MS): Explainer {
  let pending = 0
  return async (query, served) => {
    if (pending >= MAX_PENDING) throw overloaded('too many explanations at a time; try again')
    const { quick, gaps } = withinBudget(served)
    const input: ExplainTask = { query, served: { ...quick, sources: quick.sources.map(light) }, gaps }
    const late = `it took longer than ${timeoutMs / 1000} s; ask more exactly, or of one source`
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

/** Without what is not searched, and would be copied for nothing. */
function light(source: ExplainInput): ExplainInput {
  const { snapshot } = source.state
  if (snapshot === undefined) return source
  const part = { ...snapshot.part, bytes: NO_BYTES, deflated: NO_BYTES }
  return { ...source, state: { ...source.state, snapshot: { ...snapshot, plain: [], gzip: [], part } } }
}
