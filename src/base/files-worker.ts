import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { type Job, runHere } from './file-operations.ts'

/** The outcome of an operation, as sent from a thread. */
export type Answer = { readonly value: unknown } | { readonly error: Error }

/**
 * Runs the operations that arrive at a port, one after the other, on this thread.
 * @param calls counts the finished platform calls
 */
export function serve(port: MessagePort, calls: Int32Array): void {
  port.on('message', (job: Job) => {
    try {
      const value = runHere(job, () => void Atomics.add(calls, 0, 1))
      port.postMessage({ value }, value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : [])
    } catch (error) {
      // A message would only carry the text of an error.
      const { message, code, syscall, path } = error as NodeJS.ErrnoException
      port.postMessage({ error: { message, code, syscall, path } })
    }
  })
}

/* c8 ignore next -- a thread of its own, in which nothing is measured; the tests call serve */
if (parentPort !== null) serve(parentPort, workerData as Int32Array)
