import { HttpError } from '../base/errors.ts'
import type { Job, Threads } from '../base/threads.ts'
import type { ExplainAnswer } from '../model/explanation.ts'
import { type ExplainInput, type ExplainTask, explainInThread } from './worker.ts'

/** Tells what became of whatever answers a question. */
export type Explainer = (query: string, sources: readonly ExplainInput[]) => Promise<ExplainAnswer>

/** Documents and lists that are larger than this together, in bytes, are searched in a thread. */
const INLINE_BYTES = 256 * 1024

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
    const size = sources.reduce((sum, source) => sum + sizeOf(source), 0)
    if (size <= INLINE_BYTES) return explainInThread({ query, sources })
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

function sizeOf({ lastRead, state }: ExplainInput): number {
  const documents = lastRead?.documents ?? []
  return documents.reduce((sum, { bytes }) => sum + bytes.byteLength, state.snapshot?.body.byteLength ?? 0)
}

/** Without what is not searched, and would be copied for nothing. */
function light(source: ExplainInput): ExplainInput {
  const { snapshot } = source.state
  if (snapshot === undefined) return source
  return { ...source, state: { ...source.state, snapshot: { ...snapshot, gzip: NO_BYTES } } }
}
