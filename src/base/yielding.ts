import { setImmediate } from 'node:timers/promises'

/** How many bytes are worked on before the work yields to the event loop: some milliseconds of hashing. */
const BYTES_AT_ONCE = 2 ** 20

/**
 * Creates what long work calls with the bytes that it has done: now and then it yields to the event loop, so that no
 * request is held up. Little work never yields.
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

/** Cuts bytes, without copying them, into pieces after which to yield. */
export function* slicesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += BYTES_AT_ONCE) {
    yield bytes.subarray(start, start + BYTES_AT_ONCE)
  }
}
