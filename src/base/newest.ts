import { createInTurn } from './in-turn.ts'

/** Hands over what it is given, the newest only: what is older when its turn comes is left out. */
export interface Newest<Value> {
  give(value: Value): void
  /** Resolves when the newest was handed over. */
  settled(): Promise<void>
}

/**
 * Creates a hand-over to work that takes time, one piece after the other.
 * @param failed called with the error when a piece fails
 */
export function createNewest<Value>(
  work: (value: Value) => Promise<void>,
  failed: (error: unknown) => void,
): Newest<Value> {
  const inTurn = createInTurn()
  let newest: { readonly value: Value } | undefined

  async function handOver(): Promise<void> {
    const { value } = newest as { readonly value: Value }
    newest = undefined
    await work(value)
  }

  return {
    give(value) {
      const isWaiting = newest !== undefined
      newest = { value }
      if (!isWaiting) inTurn(handOver).catch(failed)
    },
    settled: () => inTurn(async () => {}),
  }
}
