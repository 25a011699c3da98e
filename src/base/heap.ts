import { performance } from 'node:perf_hooks'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'

/** The interval between two looks at the load, in milliseconds. */
const LOOK_MS = 500

/** The part of that time in which it works, from which on processor time is worth more than memory. */
const BUSY = 0.5

/** From this on, in bytes, a heap is large anyway, and keeping it small only costs processor time. */
const LARGE = 50 * 2 ** 20

/**
 * Keeps the heap small while the program is loaded: a fifth less resident memory. undici's WebAssembly, which only splits
 * HTTP answers, is never optimised: that takes 30 MB for a moment (npm run bench).
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--optimize-for-size')
  setFlagsFromString('--liftoff-only')
}

/**
 * Lets the heap grow as usual: a heap that is kept small costs a fifth of the processor time under load, and what there
 * is to compute takes twice as long. Flags are those of the process, and a thread takes them over when it starts.
 */
export function letHeapGrow(): void {
  setFlagsFromString('--no-optimize-for-size')
  // Of threads that start from now on: whatever the process was told (packaging/systemd/, Dockerfile) is for its own.
  setFlagsFromString('--max-semi-space-size=0')
}

/**
 * Lets the heap grow as usual as soon as the process is busy, or has much to remember: one that serves a few Prometheus
 * servers some thousand targets never is.
 * @param grow what is done then, once
 */
export function letHeapGrowOnceBusy(grow = letHeapGrow, lookMs = LOOK_MS, large = LARGE): void {
  let before = performance.eventLoopUtilization()
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization()
    const isBusy = performance.eventLoopUtilization(now, before).utilization > BUSY
    if (isBusy || getHeapStatistics().used_heap_size > large) {
      clearInterval(timer)
      grow()
    }
    before = now
  }, lookMs).unref()
}

/** From this on, in bytes, what is read makes a heap large. */
const MUCH = 4 * 2 ** 20

/** Lets the heap grow as usual before much is read: it would be searched again and again for room. */
export function letHeapGrowFor(bytes: number, grow = letHeapGrow): void {
  if (bytes >= MUCH) grow()
}
