import { performance } from 'node:perf_hooks'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** The interval of load checks, in milliseconds. */
const LOOK_MS = 500

/** The load from which on processor time matters more than memory. */
const BUSY = 0.5

/** The heap size, in bytes, from which on keeping it small only costs processor time. */
const LARGE = 50 * 2 ** 20

/**
 * Keeps the heap small while the program is loaded: a fifth less resident memory. undici's WebAssembly, which
 * only parses HTTP responses, is never optimised, which would take 30 MB for a moment (npm run bench).
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--optimize-for-size')
  // The compilers for hot code are pages of the program that a small server never needs: 6 MB with Node.js 24.
  setFlagsFromString('--no-opt')
  setFlagsFromString('--no-maglev')
  setFlagsFromString('--liftoff-only')
}

/**
 * Lets the heap grow as usual: a small heap costs a fifth of the processor time under load, and computations
 * take twice as long. Flags apply to the process, and a thread inherits them when it starts.
 */
export function letHeapGrow(): void {
  setFlagsFromString('--no-optimize-for-size')
  setFlagsFromString('--opt')
  // For threads that start from now on: the process has its own setting (packaging/systemd/, Dockerfile).
  setFlagsFromString('--max-semi-space-size=0')
}

/**
 * Lets the heap grow as usual once the process is busy or has much data: a server of some thousand targets
 * for a few Prometheus servers never is.
 * @param grow called once then
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

/** The input size, in bytes, from which on the heap becomes large. */
const MUCH = 4 * 2 ** 20

/**
 * Lets the heap grow as usual before a large input is read: otherwise the garbage collector would run again
 * and again.
 */
export function letHeapGrowFor(bytes: number, grow = letHeapGrow): void {
  if (bytes >= MUCH) grow()
}

/** The input size of a job, in bytes, from which on its garbage is collected at once. */
const COLLECTED = 64 * 2 ** 20

type Collect = (options?: { readonly type: 'minor' }) => void

/**
 * Frees at once what a job on a large input does not need any more: left to itself, a thread keeps hundreds of megabytes of
 * an earlier job until its heap has grown by as much.
 * @param bytes the input size
 * @param isMinor whether only young objects are collected, which takes a tenth of the time
 */
export function collectGarbageOf(bytes: number, isMinor = false): void {
  if (bytes < COLLECTED) return
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as Collect
  collect(isMinor ? { type: 'minor' } : undefined)
}
