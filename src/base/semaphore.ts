/** A number of places for work: what finds none free waits, first come, first served. */
export interface Semaphore {
  /**
   * Does work as soon as there is a place for it.
   * @param signal aborting it ends the wait, at once; what has begun is the work's own concern
   * @throws the reason of the signal, or of the end, when the work has not begun by then; and whatever the work throws
   */
  run<Value>(work: () => Promise<Value>, signal: AbortSignal): Promise<Value>
  /** Ends the wait of all that wait; nothing begins any more. */
  close(reason: Error): void
}

/** Creates a semaphore of so many places, all of them free. */
export function createSemaphore(count: number): Semaphore {
  let free = count
  const closing = new AbortController()
  const waiting = new Set<() => void>()

  /** Ends when a place was handed over. */
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
