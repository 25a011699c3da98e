/** Does pieces of work one after the other, in the order in which they are handed in; one that fails stops none. */
export type Mutex = <Value>(work: () => Promise<Value>) => Promise<Value>

/** Creates a mutex, which is free. */
export function createMutex(): Mutex {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const done = last.then(work)
    last = done.catch(() => {})
    return done
  }
}
