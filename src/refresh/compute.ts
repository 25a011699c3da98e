import type { Clock } from '../base/clock.ts'
import { RefreshError } from '../base/errors.ts'
import { type Job, OutOfMemoryError, type Threads } from '../base/threads.ts'
import type { Document, Format } from '../model/document.ts'
import type { Plan } from '../pipeline/pipeline.ts'
import type { PlanOptions } from '../pipeline/plan.ts'
import type { GuardOptions, Weighed } from '../snapshot/guard.ts'
import { weigh } from '../snapshot/weigh.ts'
import { type Built, build } from './build.ts'
import type { BuildAnswer, BuildTask, WeighTask } from './worker.ts'

/** What is computed in a refresh: on the main thread while it is little, in a thread of its own otherwise. */
export interface Compute {
  /**
   * Documents → encoded list.
   * @param isLast whether nobody needs the documents afterwards; then they may be handed over instead of copied
   * @throws RefreshError
   */
  build(documents: readonly Document[], isLast: boolean, stop: AbortSignal): Promise<Built>
  /** What an offered list changes, and whether that must be confirmed. */
  weigh(lists: Omit<WeighTask, 'options'>, stop: AbortSignal): Promise<Weighed>
}

/** What computing needs to know of a source. */
export interface ComputePlan {
  readonly options: PlanOptions
  /** Made of the options. */
  readonly plan: Plan
  readonly guard: GuardOptions
}

/** What computing needs from outside. */
export interface ComputeDeps {
  readonly threads: Threads
  readonly clock: Pick<Clock, 'after'>
}

/**
 * The most bytes of each format that are worked on here: about 10 ms of work, less than it takes to start a thread
 * (`npm run bench` shows both). YAML takes a hundred times as long as JSON.
 */
const INLINE_BYTES: Record<Format['kind'], number> = { json: 512 * 1024, csv: 128 * 1024, yaml: 8 * 1024 }

/** How long a thread may take for one job, in milliseconds. What takes longer than this does not end. */
const COMPUTE_TIMEOUT_MS = 120_000

const MODULE = new URL('./worker.js', import.meta.url).href
const BUILD: Job = { module: MODULE, name: 'buildInThread' }
const WEIGH: Job = { module: MODULE, name: 'weighInThread' }

/** Creates the computing of one source: the same pure functions, wherever they run. */
export function createCompute(
  { options, plan, guard }: ComputePlan,
  { threads, clock }: ComputeDeps,
): Compute {
  /** Runs a job in a thread, within a deadline; the wait for a thread, which others may keep busy, does not count. */
  function run<Result>(job: Job, input: unknown, transfer: readonly ArrayBuffer[], stop: AbortSignal) {
    const controller = new AbortController()
    const late = `the computing of the list took longer than ${COMPUTE_TIMEOUT_MS / 1000} s`
    let cancel = () => {}
    const onStart = () => {
      cancel = clock.after(COMPUTE_TIMEOUT_MS, () => controller.abort(new RefreshError('timeout', late)))
    }
    const signal = AbortSignal.any([controller.signal, stop])
    return threads
      .run<Result>(job, input, { transfer, signal, onStart })
      .catch(explain)
      .finally(() => cancel())
  }

  return {
    async build(documents, isLast, stop) {
      if (workOf(documents) <= 1) {
        return build(documents, plan)
      }
      const input: BuildTask = { documents, options }
      const answer = await run<BuildAnswer>(BUILD, input, isLast ? documents.flatMap(ownMemory) : [], stop)
      if ('failed' in answer) throw new RefreshError(answer.failed.reason, answer.failed.message)
      return { ...answer, body: Buffer.from(answer.body.buffer) }
    },
    async weigh({ served, offered, before }, stop) {
      if ((served?.byteLength ?? 0) + offered.byteLength <= INLINE_BYTES.json) {
        return weigh(served, offered, before, guard)
      }
      const input: WeighTask = { served, offered, before, options: guard }
      return run<Weighed>(WEIGH, input, [], stop)
    },
  }
}

/** How much work documents are together; up to 1 it is done on the main thread. */
export function workOf(documents: readonly Document[]): number {
  return documents.reduce((sum, { bytes, format }) => sum + bytes.byteLength / INLINE_BYTES[format.kind], 0)
}

/** Says in the words of a refresh that there was not enough memory. */
function explain(error: unknown): never {
  if (!(error instanceof OutOfMemoryError)) throw error
  throw new RefreshError('out_of_memory', `computing the list: ${error.message}, the limit of a thread`)
}

/** The memory of a document, when it has it for itself. */
function ownMemory({ bytes: { buffer, byteLength } }: Document): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : []
}
