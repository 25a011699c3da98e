/**
 * Runs work once for all callers that arrive while it runs. A caller stops waiting when its own signal aborts. When no
 * caller is waiting any more, the work is aborted too.
 */
export function share<Value>(
  work: (signal: AbortSignal) => Promise<Value>,
): (signal: AbortSignal) => Promise<Value> {
  let running: Shared<Value> | undefined

  function begin(): Shared<Value> {
    const controller = new AbortController()
    const shared = { controller, waiting: 0, result: work(controller.signal) }
    // Also handles a failure when no caller is waiting: an unhandled rejection would end the process.
    const over = () => leave(shared)
    shared.result.then(over, over)
    return shared
  }

  /** The next caller starts the work again. */
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
