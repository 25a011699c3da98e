/** Runs tasks one after the other, in the order of the calls; a failed task does not stop the others. */
export type Mutex = <Value>(work: () => Promise<Value>) => Promise<Value>

/** Creates an unlocked mutex. */
export function createMutex(): Mutex {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const done = last.then(work)
    last = done.catch(() => {})
    return done
  }
}
