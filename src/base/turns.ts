import { setImmediate } from 'node:timers/promises'

/** How many bytes are worked on before others get their turn: some milliseconds of hashing. */
const TURN_BYTES = 2 ** 20

/**
 * Shares the main thread: work on many megabytes reports what it has done, and waits one turn of the event loop
 * now and then, so that no request is held up by it. Little work never waits.
 */
export function createTurns(): (bytes: number) => Promise<void> {
  let done = 0
  return async (bytes) => {
    done += bytes
    if (done < TURN_BYTES) return
    done = 0
    await setImmediate()
  }
}

/** Cuts bytes, without copying them, into pieces of one turn each. */
export function* slicesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += TURN_BYTES) {
    yield bytes.subarray(start, start + TURN_BYTES)
  }
}
