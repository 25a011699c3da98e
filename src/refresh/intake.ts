import { MessageChannel } from 'node:worker_threads'
import { RefreshError } from '../base/errors.ts'
import { collectGarbageOf } from '../base/heap.ts'
import { moduleUrl } from '../base/module-url.ts'
import type { Job, Threads } from '../base/threads.ts'
import { canStream, type Plan } from '../pipeline/pipeline.ts'
import type { PlanOptions } from '../pipeline/plan.ts'
import type { Intake, Taker } from '../sources/source.ts'
import type { Answer, Ended, Request, StreamTask, Turn } from './worker.ts'

/** Larger documents are mapped while they arrive, if they can be, in bytes. */
export const MAX_HELD_BYTES = 128 * 2 ** 20

/** The size and number of the blocks of memory in which a document travels to its thread. */
const BLOCK_BYTES = 2 ** 20
const BLOCKS = 4

const JOB: Job = { module: moduleUrl('refresh/worker.js'), name: 'takeInThread' }

/** The intake of a source: at most one document at a time. */
export interface SourceIntake extends Intake {
  /**
   * Computes what the records of the document that was taken make of a roll; may be called again.
   * @throws RefreshError; the reason of the signal
   */
  call(turn: Turn, signal: AbortSignal): Promise<Answer>
  /** Gives the document up. */
  letGo(): void
}

/** The dependencies of an intake. */
export interface IntakeDeps {
  /** Threads of their own: a document may take long to arrive, and nothing else must wait for it. */
  readonly streams: Pick<Threads, 'run'>
  /** By default {@link MAX_HELD_BYTES}. */
  readonly maxHeldBytes?: number
}

/**
 * Creates the intake of one source.
 * @param explain makes an error of a thread one of the refresh
 */
export function createIntake(
  plan: Plan,
  options: PlanOptions,
  { streams, maxHeldBytes: maxHeld = MAX_HELD_BYTES }: IntakeDeps,
  explain: (error: unknown) => never,
): SourceIntake {
  let current: Dialogue | undefined

  function letGo(): void {
    current?.close()
    current = undefined
  }

  return {
    maxHeld,
    begin(document, head) {
      if (!canStream(document, head, plan)) return undefined
      letGo()
      collectGarbageOf(maxHeld)
      const dialogue = openDialogue({ options, document, head }, streams, explain)
      current = dialogue
      return takerOf(dialogue)
    },
    async call(turn, signal) {
      if (current === undefined) throw givenUp()
      let onAbort = () => {}
      const aborted = new Promise<never>((_, reject) => {
        onAbort = () => reject(signal.reason)
        signal.addEventListener('abort', onAbort, { once: true })
      })
      try {
        return await Promise.race([current.ask<Answer>({ kind: 'turn', turn }), aborted])
      } finally {
        // A signal with a listener is kept by those that it depends on, and the listener keeps the answer.
        signal.removeEventListener('abort', onAbort)
      }
    },
    letGo,
  }
}

/** Sends a document to its thread in blocks of memory that both share, so that no more than these are in flight. */
function takerOf({ ask }: Dialogue): Taker {
  let size = 0
  let block = newBlock()
  let filled = 0
  const free = Array.from({ length: BLOCKS - 1 }, newBlock)
  const sent: Promise<Uint8Array>[] = []

  async function send(): Promise<void> {
    const full = block
    const reply = ask({ kind: 'piece', bytes: full.subarray(0, filled) }).then(() => full)
    // Whoever waits for it next sees the error.
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
      const { digest, isElsewhere } = await ask<Ended>({ kind: 'end' })
      return isElsewhere ? undefined : { size, digest }
    },
  }
}

function newBlock(): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(BLOCK_BYTES))
}

/** Requests to a thread, and its replies. */
interface Dialogue {
  /** @throws RefreshError when the thread has ended */
  ask<Reply>(request: Request): Promise<Reply>
  /** Ends the thread, whatever it is doing. */
  close(): void
}

function openDialogue(
  task: Omit<StreamTask, 'port'>,
  threads: IntakeDeps['streams'],
  explain: (error: unknown) => never,
): Dialogue {
  const { port1: port, port2 } = new MessageChannel()
  const controller = new AbortController()
  const waiting: { resolve(reply: unknown): void; reject(error: unknown): void }[] = []
  let failure: Promise<never> | undefined
  port.on('message', (reply) => waiting.shift()?.resolve(reply))
  threads
    .run(JOB, { ...task, port: port2 }, { transfer: [port2], signal: controller.signal })
    .catch(explain)
    .catch((error) => {
      failure = Promise.reject(error)
      failure.catch(() => {})
      for (const { reject } of waiting.splice(0)) reject(error)
      port.close()
    })
  return {
    ask<Reply>(request: Request): Promise<Reply> {
      if (failure !== undefined) return failure
      port.postMessage(request)
      return new Promise((resolve, reject) => {
        waiting.push({ resolve: resolve as (reply: unknown) => void, reject })
      })
    },
    close() {
      controller.abort(givenUp())
    },
  }
}

function givenUp(): RefreshError {
  return new RefreshError('internal', 'the document was given up')
}
