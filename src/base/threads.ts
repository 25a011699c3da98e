import { availableParallelism, totalmem } from 'node:os'
import type { Piscina } from 'piscina'
import { messageOf } from './errors.ts'
import { letHeapGrow } from './heap.ts'
import { createSemaphore } from './semaphore.ts'

/** Where a thread finds its work: an exported function of a module. */
export interface Job {
  /** The URL of the module. */
  readonly module: string
  readonly name: string
}

/** What is handed to a thread, and what ends its work early. */
export interface JobOptions {
  /** Memory that is handed over instead of copied; the caller cannot use it any more. */
  readonly transfer?: readonly ArrayBuffer[]
  /** Aborting ends the thread, whatever it is doing, or the wait for one. */
  readonly signal: AbortSignal
  /** Called when the job has waited its turn and gets a thread: from then on it is the job that takes time. */
  readonly onStart?: () => void
}

/** Threads for work that would hold the main thread up; there are none while there is no work. */
export interface Threads {
  /**
   * Runs a job in a thread of its own memory, as soon as one is free.
   * @throws OutOfMemoryError; an Error when there cannot be threads, or not any more; the reason of the signal when that is aborted; and whatever the job throws
   */
  run<Result>(job: Job, input: unknown, options: JobOptions): Promise<Result>
  /** Ends all threads, and the wait for one; it never fails. */
  close(): Promise<void>
}

/** A thread needed more memory than it may have. */
export class OutOfMemoryError extends Error {
  override readonly name = 'OutOfMemoryError'

  /** @param limitMb what it could have, in MiB */
  constructor(limitMb: number) {
    super(`it needs more than ${limitMb} MiB of memory`)
  }
}

/** A thread may have so much of the memory of the machine, or of the container: serving must not be hurt. */
const MEMORY_SHARE = 0.5

/**
 * The most that a thread may have, in MiB: enough for the largest answer that is read by default, and little enough
 * for the platform to tidy up early. With twice as much it lets a fifth more garbage pile up (`npm run bench`).
 */
const MAX_LIMIT_MB = 2_000

/** A thread that just became idle waits so long for more, in milliseconds. */
const IDLE_MS = 1_000

/** By how much threads stand back behind the main thread, which serves, when processors are short (nice). */
const NICENESS = 10

/**
 * Creates threads, none of them started yet.
 * @param limitMb what the heap of one may take, in MiB
 * @param count how many there may be at once
 */
export function createThreads(limitMb = defaultLimitMb(), count = defaultCount()): Threads {
  let pool: Promise<Piscina> | undefined
  // The pool has a queue too, but does not tell when it takes a job from there.
  const semaphore = createSemaphore(count)

  async function start(): Promise<Piscina> {
    // Loaded when it is first needed: small inventories never need it.
    const { Piscina } = await import('piscina')
    letHeapGrow()
    return new Piscina({
      minThreads: 0,
      maxThreads: count,
      idleTimeout: IDLE_MS,
      niceIncrement: NICENESS,
      // Whatever the process was told to load first is not for threads.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: limitMb },
      // Threads compute; whatever secrets the environment has are not theirs to know.
      env: {},
    })
  }

  /** Starts the pool when it is first needed; what fails, such as for want of files, may work the next time. */
  function started(): Promise<Piscina> {
    pool ??= start().catch((error: unknown) => {
      pool = undefined
      throw new Error(`no thread can be started: ${messageOf(error)}`, { cause: error })
    })
    return pool
  }

  async function run<Result>({ module, name }: Job, input: unknown, options: JobOptions): Promise<Result> {
    const { transfer = [], signal, onStart } = options
    try {
      const running = await started()
      onStart?.()
      return await running.run(input, { filename: module, name, signal, transferList: [...transfer] })
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY'
        ? new OutOfMemoryError(limitMb)
        : error
    }
  }

  return {
    run: (job, input, options) => semaphore.run(() => run(job, input, options), options.signal),
    async close() {
      semaphore.close(new Error('the threads have ended'))
      const running = await pool?.catch(() => undefined)
      await running?.destroy()
    },
  }
}

/** One processor is left to the main thread. */
function defaultCount(): number {
  return Math.max(1, availableParallelism() - 1)
}

function defaultLimitMb(): number {
  // What constrains the process is 0, or an absurd number, when nothing does.
  const limits = [totalmem(), process.constrainedMemory()].filter((limit) => limit > 0)
  return Math.min(MAX_LIMIT_MB, Math.floor((Math.min(...limits) * MEMORY_SHARE) / 2 ** 20))
}
