import { MessageChannel } from 'node:worker_threads'
import { RefreshError } from '../base/errors.ts'
import { moduleUrl } from '../base/module-url.ts'
import type { Job, Threads } from '../base/threads.ts'
import { canStream, type Plan } from '../pipeline/pipeline.ts'
import type { PlanOptions } from '../pipeline/plan.ts'
import type { DocumentStream, Intake } from '../sources/source.ts'
import type { Answer, Comparison, Ended, Failed, Request, StreamTask } from './worker.ts'

/** Larger documents are mapped while they arrive, if they can be, in bytes. */
export const MAX_IN_MEMORY_BYTES = 128 * 2 ** 20

/** The size and number of the blocks of memory in which a document travels to its thread. */
const BLOCK_BYTES = 2 ** 20
const BLOCKS = 4

const JOB: Job = { module: moduleUrl('refresh/worker.js'), name: 'streamInThread' }

/** The intake of a source: at most one document at a time. */
export interface SourceIntake extends Intake {
  /**
   * Compares the records of the document with a roll; can be called again.
   * @throws RefreshError; the reason of the signal
   */
  compare(comparison: Comparison, signal: AbortSignal): Promise<Answer>
  /** Ends the thread of the document. */
  close(): void
}

/** The dependencies of an intake. */
export interface IntakeDeps {
  /** Threads of their own: a document may take long to arrive, and nothing else must wait for it. */
  readonly streams: Pick<Threads, 'run'>
  /** By default {@link MAX_IN_MEMORY_BYTES}. */
  readonly maxInMemoryBytes?: number
}

/**
 * Creates the intake of one source.
 * @param explain makes an error of a thread one of the refresh
 */
export function createIntake(
  plan: Plan,
  options: PlanOptions,
  { streams, maxInMemoryBytes = MAX_IN_MEMORY_BYTES }: IntakeDeps,
  explain: (error: unknown) => never,
): SourceIntake {
  let current: Dialogue | undefined

  function close(): void {
    current?.close(closed())
    current = undefined
  }

  return {
    maxInMemoryBytes,
    begin(document, first, signal) {
      if (!canStream(document, first, plan)) return undefined
      close()
      current = openDialogue({ options, document, first }, { streams, explain, signal })
      return streamOf(current, close)
    },
    async compare(comparison, signal) {
      if (current === undefined) throw closed()
      signal.throwIfAborted()
      return listening(signal, current.close, current.ask<Answer>({ kind: 'compare', comparison }))
    },
    close,
  }
}

function closed(): RefreshError {
  return new RefreshError(
    'internal',
    'the answer is not read any more: its refresh has ended, or has begun to read another answer',
  )
}

/** Waits for an answer; aborting the signal meanwhile calls `onAbort` with its reason. */
async function listening<Value>(
  signal: AbortSignal,
  onAbort: (reason: unknown) => void,
  answer: Promise<Value>,
): Promise<Value> {
  const listener = () => onAbort(signal.reason)
  signal.addEventListener('abort', listener)
  try {
    return await answer
  } finally {
    // A signal with a listener is kept by those that it depends on, and the listener keeps the answer.
    signal.removeEventListener('abort', listener)
  }
}

/**
 * Sends a document to its thread in blocks of memory that both share, so that no more than these are in flight.
 * @param close ends the thread, when its records are of no use
 */
function streamOf({ ask }: Dialogue, close: () => void): DocumentStream {
  let size = 0
  let block = newBlock()
  let filled = 0
  const free = Array.from({ length: BLOCKS - 1 }, newBlock)
  const sent: Promise<Uint8Array>[] = []

  async function send(): Promise<void> {
    const reply = used(block, ask({ kind: 'piece', bytes: block.subarray(0, filled) }))
    // The next call that waits for a block rejects with the error.
    reply.catch(() => {})
    sent.push(reply)
    filled = 0
    block = free.pop() ?? (await (sent.shift() as Promise<Uint8Array>))
  }

  return {
    async add(piece) {
      size += piece.byteLength
      for (let at = 0; at < piece.byteLength; ) {
        const part = piece.subarray(at, at + BLOCK_BYTES - filled)
        block.set(part, filled)
        filled += part.byteLength
        at += part.byteLength
        if (filled === BLOCK_BYTES) await send()
      }
    },
    async end() {
      if (filled > 0) await send()
      const ended = await ask<Ended>({ kind: 'end' })
      if (ended !== 'elsewhere') return { size, digest: ended.digest }
      close()
      return ended
    },
  }
}

function newBlock(): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(BLOCK_BYTES))
}

/** Resolves to a block once the thread is done with it. @throws RefreshError when it shows a fault of the document */
async function used(block: Uint8Array, reply: Promise<Failed | undefined>): Promise<Uint8Array> {
  const fault = await reply
  if (fault === undefined) return block
  const { reason, message } = fault.failed
  throw new RefreshError(reason, message)
}

/** Requests to a thread, and its replies. */
interface Dialogue {
  /** @throws RefreshError when the thread has ended; the reason of the close */
  ask<Reply>(request: Request): Promise<Reply>
  /** Ends the thread, whatever it is doing. */
  close(reason: unknown): void
}

interface DialogueDeps extends Pick<IntakeDeps, 'streams'> {
  readonly explain: (error: unknown) => never
  /** Aborting it ends the thread. */
  readonly signal: AbortSignal
}

function openDialogue(task: Omit<StreamTask, 'port'>, { streams, explain, signal }: DialogueDeps): Dialogue {
  const { port1: port, port2 } = new MessageChannel()
  const controller = new AbortController()
  const close = (reason: unknown) => controller.abort(reason)
  const waiting: { resolve(reply: unknown): void; reject(error: unknown): void }[] = []
  let ended: Promise<never> | undefined
  port.on('message', (reply) => waiting.shift()?.resolve(reply))
  const job = streams
    .run(JOB, { ...task, port: port2 }, { transfer: [port2], signal: controller.signal })
    .catch(explain)
  listening(signal, close, job).catch((error) => {
    ended = Promise.reject(error)
    ended.catch(() => {})
    for (const { reject } of waiting.splice(0)) reject(error)
    port.close()
  })
  return {
    ask<Reply>(request: Request): Promise<Reply> {
      if (ended !== undefined) return ended
      port.postMessage(request)
      return new Promise((resolve, reject) => {
        waiting.push({ resolve: resolve as (reply: unknown) => void, reject })
      })
    },
    close,
  }
}
