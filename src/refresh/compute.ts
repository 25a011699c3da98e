import type { Clock } from '../base/clock.ts'
import { RefreshError } from '../base/errors.ts'
import { moduleUrl } from '../base/module-url.ts'
import { type Job, OutOfMemoryError, type Threads } from '../base/threads.ts'
import type { Document } from '../model/document.ts'
import { FORMATS, rulesOf } from '../pipeline/decode.ts'
import { compilePlan, type PlanOptions } from '../pipeline/plan.ts'
import type { Roll } from '../roll/roll.ts'
import type { Intake } from '../sources/source.ts'
import { createIntake, type IntakeDeps } from './intake.ts'
import { type Answer, type Computed, compute, type Task, type Work } from './worker.ts'

/** The dependencies of computing. */
export interface ComputeDeps extends IntakeDeps {
  readonly threads: Threads
  readonly clock: Pick<Clock, 'after'>
}

/**
 * Computes the roll after a reading: on the main thread if it is little work, otherwise in a worker thread.
 * @param isLast whether the documents are not needed afterwards, so that they can be transferred instead of copied
 * @throws RefreshError
 */
export type Compute = (work: Work, stop: AbortSignal, isLast?: boolean) => Promise<Computed>

/** The computing of one source. */
export interface Computing {
  readonly compute: Compute
  /** Maps a large document while it arrives; `compute` uses its records. */
  readonly intake: Intake
  /** Ends the thread of that document. */
  close(): void
}

/** The longest time for one job in a thread, in milliseconds. A job that takes longer is taken to never end. */
const COMPUTE_TIMEOUT_MS = 120_000

const JOB: Job = { module: moduleUrl('refresh/worker.js'), name: 'computeInThread' }

/** Creates the computing of one source. The same pure function runs on the main thread and in a worker thread. */
export function createCompute(options: PlanOptions, deps: ComputeDeps): Computing {
  const { threads, clock } = deps
  const plan = compilePlan(options)
  const intake = createIntake(plan, options, deps, explain)

  /** Gets an answer from a thread, within a deadline that begins with `onStart`. */
  async function inThread(
    stop: AbortSignal,
    run: (signal: AbortSignal, onStart: () => void) => Promise<Answer>,
  ): Promise<Computed> {
    const controller = new AbortController()
    const late = `the computing of the list took longer than ${COMPUTE_TIMEOUT_MS / 1000} s`
    let cancel = () => {}
    const onStart = () => {
      cancel = clock.after(COMPUTE_TIMEOUT_MS, () => controller.abort(new RefreshError('timeout', late)))
    }
    const answer = await run(AbortSignal.any([controller.signal, stop]), onStart)
      .catch(explain)
      .finally(() => cancel())
    if (!('failed' in answer)) return answer
    const { reason, message, join } = answer.failed
    throw new RefreshError(reason, message, { join })
  }

  /** Computes in the thread that has mapped the document, or in one that is free. */
  function runInThread(work: Work, stop: AbortSignal, isLast: boolean): Promise<Computed> {
    if (work.kind === 'read' && work.documents.some(({ streamed }) => streamed !== undefined)) {
      const { roll, occasion, isAtRest } = work
      return inThread(stop, (signal, onStart) => {
        onStart()
        return intake.compare({ roll, occasion, isAtRest }, signal)
      })
    }
    const transfer = isLast && work.kind === 'read' ? work.documents.flatMap(ownMemory) : []
    // The time waiting for a free thread does not count.
    return inThread(stop, (signal, onStart) =>
      threads.run<Answer>(JOB, { work, options } satisfies Task, { transfer, signal, onStart }),
    )
  }

  return {
    intake,
    close: intake.close,
    async compute(work, stop, isLast = false) {
      if (sizeOf(work) <= 1) return compute(work, plan)
      const { called, report } = await runInThread(work, stop, isLast)
      if (called === undefined) return { called, report }
      // An unchanged list keeps its bytes, not a copy of them.
      const { body } = called.isChanged ? called.roll : (work.roll as Roll)
      return { called: { ...called, roll: { ...called.roll, body } }, report }
    },
  }
}

/** How much work it is; up to 1 it is done on the main thread. */
function sizeOf(work: Work): number {
  const list = (work.roll?.body.byteLength ?? 0) / FORMATS.json.inlineBytes
  if (work.kind === 'read') return Math.max(list, costOf(work.documents))
  // While nobody is absent the list is not even looked at.
  return work.roll.absenceOf.length === 0 ? 0 : list
}

/** How much work documents are together; up to 1 it is done on the main thread. */
function costOf(documents: readonly Document[]): number {
  return documents.reduce((sum, document) => sum + sizeIn(document) / rulesOf(document.format).inlineBytes, 0)
}

/** The size of a document, in bytes; one that is not in memory is always too large. */
function sizeIn({ bytes, streamed }: Document): number {
  return streamed === undefined ? bytes.byteLength : Number.POSITIVE_INFINITY
}

/** Makes a refresh error of a lack of memory. */
function explain(error: unknown): never {
  if (!(error instanceof OutOfMemoryError)) throw error
  throw new RefreshError('out_of_memory', `computing the list: ${error.message}, the limit of a thread`)
}

/** The memory of a document, if no other document shares it. */
function ownMemory({ bytes: { buffer, byteLength } }: Document): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : []
}

/** The largest documents of one source that are kept to be explained, in bytes. */
export const MAX_KEPT_BYTES = 16 * 2 ** 20

/** The last documents of an inventory, kept to be explained. */
export interface LastRead {
  /** Undefined when they are larger than {@link MAX_KEPT_BYTES}, or than what is left of {@link MAX_ALL_KEPT_BYTES}. */
  readonly documents: readonly Document[] | undefined
  /** When they were last read, on the wall clock, in milliseconds. */
  readonly atMs: number
}

/** The largest documents of all sources together that are kept to be explained, in bytes. */
export const MAX_ALL_KEPT_BYTES = 64 * 2 ** 20

/** The memory for the documents of all sources. */
export interface Room {
  /**
   * Reserves memory for the documents of a source, in place of what it had reserved.
   * @returns false when there is not enough left; then nothing is reserved
   */
  take(source: string, bytes: number): boolean
}

/** Starts with nothing reserved. */
export function createRoom(): Room {
  const taken = new Map<string, number>()
  let all = 0
  return {
    take(source, bytes) {
      all -= taken.get(source) ?? 0
      const fits = bytes <= MAX_KEPT_BYTES && all + bytes <= MAX_ALL_KEPT_BYTES
      if (fits) taken.set(source, bytes)
      else taken.delete(source)
      all += taken.get(source) ?? 0
      return fits
    },
  }
}

/**
 * Keeps the documents of a source if there is memory for them.
 * @param same what is kept of the same documents; it stays, because replacing it is work for the garbage collector
 */
export function keepRead(
  source: string,
  documents: readonly Document[],
  { atMs, room, same }: { readonly atMs: number; readonly room: Room; readonly same: LastRead | undefined },
): LastRead {
  if (same?.documents !== undefined) return { documents: same.documents, atMs }
  const bytes = documents.reduce((sum, document) => sum + sizeIn(document), 0)
  return { documents: room.take(source, bytes) ? documents : undefined, atMs }
}
