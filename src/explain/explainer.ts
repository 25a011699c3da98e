import { HttpError } from '../base/errors.ts'
import type { Job, Threads } from '../base/threads.ts'
import type { ExplainAnswer } from '../model/explanation.ts'
import { costOf } from '../refresh/compute.ts'
import { type ExplainInput, type ExplainTask, explainInThread } from './worker.ts'

/** Tells what became of whatever answers a question. */
export type Explainer = (query: string, sources: readonly ExplainInput[]) => Promise<ExplainAnswer>

/** Served lists that are larger than this together, in bytes, are searched in a thread. */
const INLINE_BYTES = 512 * 1024

const JOB: Job = { module: new URL('./worker.js', import.meta.url).href, name: 'explainInThread' }

const NEVER = new AbortController().signal

const NO_BYTES = Buffer.alloc(0)

/** How many explanations may be under way or waiting for a thread: each has a copy of what it searches. */
const MAX_PENDING = 4

/** After how many seconds somebody for whom there is no room should ask again. */
const RETRY_AFTER_SECONDS = 5

/** Creates an explainer that never holds other requests up; it throws HttpError `overloaded` when too many ask. */
export function createExplainer(threads: Threads): Explainer {
  let pending = 0
  return async (query, sources) => {
    const work = sources.reduce((sum, source) => sum + workOfSource(source), 0)
    // What is not found is looked for twice.
    if (work <= 0.5) return explainInThread({ query, sources })
    if (pending >= MAX_PENDING) {
      throw new HttpError('overloaded', 'too many explanations at a time; try again', RETRY_AFTER_SECONDS)
    }
    const input: ExplainTask = { query, sources: sources.map(light) }
    pending++
    try {
      return await threads.run<ExplainAnswer>(JOB, input, { signal: NEVER })
    } finally {
      pending--
    }
  }
}

function workOfSource({ lastRead, state }: ExplainInput): number {
  return costOf(lastRead?.documents ?? []) + (state.snapshot?.body.byteLength ?? 0) / INLINE_BYTES
}

/** Without what is not searched, and would be copied for nothing. */
function light(source: ExplainInput): ExplainInput {
  const { snapshot } = source.state
  if (snapshot === undefined) return source
  const part = { ...snapshot.part, bytes: NO_BYTES, deflated: NO_BYTES }
  return { ...source, state: { ...source.state, snapshot: { ...snapshot, plain: [], gzip: [], part } } }
}
