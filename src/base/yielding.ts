import { setImmediate } from 'node:timers/promises'

/** The number of bytes between two yields to the event loop: some milliseconds of hashing. */
const BYTES_AT_ONCE = 2 ** 20

/**
 * Creates a function that long work calls with the number of bytes it has processed: now and then it yields
 * to the event loop, so that no request is delayed. Short work never yields.
 */
export function createYielder(): (bytes: number) => Promise<void> {
  let done = 0
  return async (bytes) => {
    done += bytes
    if (done < BYTES_AT_ONCE) return
    done = 0
    await setImmediate()
  }
}

/** Cuts bytes, without copying them, into pieces between which to yield. */
export function* slicesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += BYTES_AT_ONCE) {
    yield bytes.subarray(start, start + BYTES_AT_ONCE)
  }
}
