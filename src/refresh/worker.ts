import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { MessagePort } from 'node:worker_threads'
import { bytesIn } from '../base/bytes.ts'
import { asRefreshError, RefreshError } from '../base/errors.ts'
import { collectGarbageOf } from '../base/heap.ts'
import type { Document } from '../model/document.ts'
import { NotInPartsError } from '../pipeline/json-parts.ts'
import { openStream, type Plan, type Result, runPipeline, type Stream } from '../pipeline/pipeline.ts'
import { compilePlan, type PlanOptions } from '../pipeline/plan.ts'
import { idleIn, type Report } from '../pipeline/report.ts'
import { type Called, callAgain, callRoll, letGo, type Occasion, openRoll, type Roll } from '../roll/roll.ts'

/** The roll that records are compared with, and the circumstances. */
export interface Comparison {
  readonly roll: Roll | undefined
  readonly occasion: Occasion
  /** Nobody is writing the documents; otherwise they are believed only when they have all that is known. */
  readonly isAtRest: boolean
}

/** What is to be computed: what a reading makes of a roll. */
export type Work =
  | ({
      readonly kind: 'read'
      readonly documents: readonly Document[]
    } & Comparison)
  | { readonly kind: 'again'; readonly roll: Roll; readonly occasion: Occasion }
  | { readonly kind: 'accept'; readonly roll: Roll; readonly digest: string; readonly nowMs: number }

type OnRead = (documents: readonly Document[]) => void

/** What a reading made of a roll. */
export interface Computed {
  /** Undefined: nothing, since what was read may be half of something, or what was to be accepted is not held. */
  readonly called: Called | undefined
  /** What became of the records; undefined when none were read. */
  readonly report: Report | undefined
}

/**
 * The whole computation of a refresh as one pure function: documents → targets → roll → encoded list.
 * @param onRead is called with the documents when they have been read and are not needed any more
 * @throws RefreshError when the documents are no inventory
 */
export function compute(work: Work, plan: Plan, onRead: OnRead = () => {}): Computed {
  switch (work.kind) {
    case 'again':
      return { called: callAgain(work.roll, work.occasion), report: undefined }
    case 'accept':
      return { called: letGo(work.roll, work.digest, work.nowMs), report: undefined }
    case 'read':
      return compareWith(
        runPipeline(work.documents, plan, () => onRead(work.documents)),
        work,
      )
  }
}

/** Compares the records of documents with a roll. */
function compareWith({ report, ...answered }: Result, { roll, occasion, isAtRest }: Comparison): Computed {
  const { minExpected } = occasion.options
  if (answered.keys.length < minExpected) {
    throw new RefreshError(
      'too_few',
      `${answered.keys.length} targets are fewer than guard.min_expected, ${minExpected}; what is served stays`,
    )
  }
  const reading = { ...answered, idle: idleIn(report), isAtRest }
  // A first list has nothing to be compared with: half of something would be taken for all.
  const open = () => (isAtRest ? openRoll(reading, occasion) : undefined)
  return { called: roll === undefined ? open() : callRoll(roll, reading, occasion), report }
}

/** What a thread needs: a plan that is not compiled, since functions cannot travel. */
export interface Task {
  readonly work: Work
  readonly options: PlanOptions
}

/** What was computed, or why nothing was: the class of an error does not travel. */
export type Answer = Computed | Failed

/** An error as it travels. */
export interface Failed {
  readonly failed: Pick<RefreshError, 'reason' | 'message' | 'join'>
}

/** The work of {@link compute} in a thread of its own, which the documents now belong to. */
export function computeInThread({ work, options }: Task): Answer {
  const bytes = bytesOf(work)
  try {
    // The thread may have garbage of an earlier job.
    collectGarbageOf(bytes)
    const computed = compute(work, compilePlan(options), (documents) => {
      letGoOf(documents)
      collectGarbageOf(bytes, true)
    })
    collectGarbageOf(bytes)
    return computed
  } catch (error) {
    return failed(error)
  }
}

function failed(error: unknown): Failed {
  const { reason, message, join } = asRefreshError(error)
  return { failed: { reason, message, join } }
}

/** A document that a thread maps while it arrives. */
export type StreamedDocument = Omit<Document, 'bytes'>

/** What the thread of a document needs. */
export interface StreamTask {
  readonly port: MessagePort
  readonly options: PlanOptions
  readonly document: StreamedDocument
  /** Its first bytes. */
  readonly first: Uint8Array
}

/** A request to that thread. Each gets one reply, in this order. */
export type Request =
  /** The next bytes. The reply says that their memory can be used again: undefined, or {@link Failed}. */
  | { readonly kind: 'piece'; readonly bytes: Uint8Array }
  /** The document has ended. The reply is {@link Ended}. */
  | { readonly kind: 'end' }
  /** The records are to be compared with a roll. The reply is an {@link Answer}. */
  | { readonly kind: 'compare'; readonly comparison: Comparison }

/** The SHA-256 of a document, in hex; `elsewhere`: its records are not in the list that was mapped. */
export type Ended = { readonly digest: string } | 'elsewhere'

/** Maps a document while it arrives, and compares its records, in a thread of its own; ends when the port closes. */
export async function streamInThread({ port, options, document, first }: StreamTask): Promise<void> {
  const answer = createAnswers(openStream(document, first, compilePlan(options)))
  port.on('message', (request: Request) => port.postMessage(answer(request)))
  await once(port, 'close')
}

/** Answers the requests about one document. */
function createAnswers(stream: Stream): (request: Request) => Ended | Answer | undefined {
  const hash = createHash('sha256')
  let size = 0
  let result: Result | undefined
  let error: unknown

  function attempt(step: () => void): void {
    try {
      if (error === undefined) step()
    } catch (thrown) {
      error = thrown
    }
  }

  function take(bytes: Uint8Array): Failed | undefined {
    size += bytes.byteLength
    hash.update(bytes)
    attempt(() => stream.add(bytes))
    return error === undefined || error instanceof NotInPartsError ? undefined : failed(error)
  }

  function end(): Ended {
    attempt(() => {
      result = stream.end()
    })
    collectGarbageOf(size, true)
    return error instanceof NotInPartsError ? 'elsewhere' : { digest: hash.digest('hex') }
  }

  function compare(comparison: Comparison): Answer {
    if (result === undefined) return failed(error)
    try {
      return compareWith(result, comparison)
    } catch (thrown) {
      return failed(thrown)
    } finally {
      collectGarbageOf(size)
    }
  }

  return (request) => {
    switch (request.kind) {
      case 'piece':
        return take(request.bytes)
      case 'end':
        return end()
      case 'compare':
        return compare(request.comparison)
    }
  }
}

function bytesOf(work: Work): number {
  const documents = work.kind === 'read' ? work.documents.map(({ bytes }) => bytes) : []
  return bytesIn(documents) + (work.roll?.body.byteLength ?? 0)
}

/** Lets go of the memory of documents before the end of the job, until which the thread would keep it. */
function letGoOf(documents: readonly Document[]): void {
  const own = documents.map(({ bytes }) => bytes.buffer).filter((buffer) => buffer instanceof ArrayBuffer)
  // A transfer takes the memory away from the documents; it is freed with the result, which is not used.
  structuredClone(undefined, { transfer: [...new Set(own)] })
}
