/**
 * Runs one piece of work for all who ask while it runs. Each stops waiting when its own signal aborts; when nobody
 * waits any more, the work is aborted too.
 */
export function share<Value>(
  work: (signal: AbortSignal) => Promise<Value>,
): (signal: AbortSignal) => Promise<Value> {
  let running: Shared<Value> | undefined

  function begin(): Shared<Value> {
    const controller = new AbortController()
    const shared = { controller, waiting: 0, result: work(controller.signal) }
    // Also keeps a failure that nobody waits for any more from ending the process.
    const over = () => leave(shared)
    shared.result.then(over, over)
    return shared
  }

  /** Whoever asks next begins anew. */
  function leave(shared: Shared<Value>): void {
    if (running === shared) running = undefined
  }

  return async (signal) => {
    signal.throwIfAborted()
    running ??= begin()
    const mine = running
    mine.waiting++
    let stop!: () => void
    const aborted = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason)
    })
    signal.addEventListener('abort', stop, { once: true })
    try {
      return await Promise.race([mine.result, aborted])
    } finally {
      signal.removeEventListener('abort', stop)
      if (--mine.waiting === 0) {
        leave(mine)
        mine.controller.abort(signal.reason)
      }
    }
  }
}

interface Shared<Value> {
  readonly controller: AbortController
  readonly result: Promise<Value>
  waiting: number
}
