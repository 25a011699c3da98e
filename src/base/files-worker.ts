import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { type Job, runHere } from './file-operations.ts'

/** How an operation ended, as it crosses from a thread. */
export type Answer = { readonly value: unknown } | { readonly error: Error }

/**
 * Does the operations that come through a port, one after the other, on this thread.
 * @param calls counts the calls of the platform that have ended
 */
export function serve(port: MessagePort, calls: Int32Array): void {
  port.on('message', (job: Job) => {
    try {
      const value = runHere(job, () => void Atomics.add(calls, 0, 1))
      port.postMessage({ value }, value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : [])
    } catch (error) {
      // A message would take no more of an error than its words.
      const { message, code, syscall, path } = error as NodeJS.ErrnoException
      port.postMessage({ error: { message, code, syscall, path } })
    }
  })
}

/* c8 ignore next -- a thread of its own, in which nothing is measured; the tests call serve */
if (parentPort !== null) serve(parentPort, workerData as Int32Array)
