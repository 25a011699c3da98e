import type { Clock } from './clock.ts'

/**
 * Waits for work with a deadline: a hanging file system cannot be interrupted, but callers need not wait for
 * it. The work itself goes on.
 * @param what is late, to begin the message with
 * @throws Error after the deadline; and whatever the work throws
 */
export async function within<Value>(
  ms: number,
  what: string,
  clock: Pick<Clock, 'after'>,
  work: Promise<Value>,
): Promise<Value> {
  let cancel!: () => void
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(ms, () => reject(new Error(`${what} took longer than ${ms / 1000} s`)))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    cancel()
  }
}
