import { setTimeout as delay } from 'node:timers/promises'

/**
 * Waits until something outside this process is so, asking again every `everyMs`.
 * Bounded: fails with what was last seen when it is not so in time.
 */
export async function until<Value>(
  what: string,
  ask: () => Promise<Value | undefined | false> | Value | undefined | false,
  { timeoutMs = 60_000, everyMs = 50 } = {},
): Promise<Value> {
  const end = performance.now() + timeoutMs
  let last: unknown
  while (performance.now() < end) {
    try {
      const value = await ask()
      if (value !== undefined && value !== false) return value
      last = value
    } catch (error) {
      last = error
    }
    await delay(everyMs)
  }
  throw new Error(
    `not so after ${timeoutMs} ms: ${what} (last: ${last instanceof Error ? last.message : String(last)})`,
  )
}
