import type { Clock } from './clock.ts'

/**
 * Waits for work, but not for ever: a file system that hangs cannot be interrupted, but need not be waited for.
 * The work itself goes on.
 * @param what is late, to begin the message with
 * @throws Error when it takes longer; and whatever the work throws
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
