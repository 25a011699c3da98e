/** Limits the number of tasks that run at a time; waiting tasks start in the order of the calls. */
export interface Semaphore {
  /**
   * Runs a task as soon as there is capacity.
   * @param signal aborting it ends the wait at once; a running task has to handle it itself
   * @throws the reason of the signal, or of the close, if the task has not started by then; and whatever the
   * task throws
   */
  run<Value>(work: () => Promise<Value>, signal: AbortSignal): Promise<Value>
  /** Ends all waits; no further task starts. */
  close(reason: Error): void
}

/** Creates a semaphore for `count` concurrent tasks. */
export function createSemaphore(count: number): Semaphore {
  let free = count
  const closing = new AbortController()
  const waiting = new Set<() => void>()

  /** Resolves when a finished task hands over its place. */
  function wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const signals = [signal, closing.signal]
      const end = () => {
        waiting.delete(begin)
        for (const one of signals) one.removeEventListener('abort', giveUp)
      }
      const begin = () => {
        end()
        resolve()
      }
      const giveUp = ({ target }: Event) => {
        end()
        reject((target as AbortSignal).reason)
      }
      for (const one of signals) one.addEventListener('abort', giveUp)
      waiting.add(begin)
    })
  }

  function leave(): void {
    const [next] = waiting
    if (next === undefined) free++
    else next()
  }

  return {
    async run(work, signal) {
      closing.signal.throwIfAborted()
      signal.throwIfAborted()
      if (free > 0) free--
      else await wait(signal)
      try {
        return await work()
      } finally {
        leave()
      }
    },
    close: (reason) => closing.abort(reason),
  }
}
