import { availableParallelism, totalmem } from 'node:os'
import type { MessagePort } from 'node:worker_threads'
import type { Piscina } from 'piscina'
import { messageOf } from './errors.ts'
import { letHeapGrow } from './heap.ts'
import { createSemaphore } from './semaphore.ts'

/** The code that a thread runs: an exported function of a module. */
export interface Job {
  /** The URL of the module. */
  readonly module: string
  readonly name: string
}

/** Options of a job. */
export interface JobOptions {
  /** Memory and ports that are transferred instead of copied; the caller cannot use them afterwards. */
  readonly transfer?: readonly (ArrayBuffer | MessagePort)[]
  /** Aborting ends the thread, whatever it is doing, or the wait for one. */
  readonly signal: AbortSignal
  /** Called when the job gets a thread after its wait: from then on the job itself takes the time. */
  readonly onStart?: () => void
}

/** Threads for work that would block the main thread; none exist while there is no work. */
export interface Threads {
  /**
   * Runs a job in a thread with its own memory, as soon as one is free.
   * @throws OutOfMemoryError; an Error when threads cannot be started, or are closed; the reason of the
   * signal when that is aborted; and whatever the job throws
   */
  run<Result>(job: Job, input: unknown, options: JobOptions): Promise<Result>
  /** Ends all threads, and all waits for one; never fails. */
  close(): Promise<void>
}

/** A thread needed more memory than its limit. */
export class OutOfMemoryError extends Error {
  override readonly name = 'OutOfMemoryError'

  /** @param limitMb the limit in MiB */
  constructor(limitMb: number) {
    super(`it needs more than ${limitMb} MiB of memory`)
  }
}

/**
 * The share of the memory of the machine, or of the container, that a thread may use: serving must not
 * suffer.
 */
const MEMORY_SHARE = 0.5

/**
 * The largest limit of a thread, in MiB: enough for the largest response that is read by default, and small
 * enough for early garbage collection. At twice the limit a fifth more garbage piles up (`npm run bench`).
 */
const MAX_LIMIT_MB = 2_000

/** How long an idle thread waits for the next job, in milliseconds. */
const IDLE_MS = 1_000

/** The niceness of threads: the main thread, which serves, takes precedence if processors are scarce. */
const NICENESS = 10

/**
 * Creates a pool of threads, none of them started yet.
 * @param limitMb the heap limit of one thread, in MiB
 * @param count the largest number of threads at a time
 */
export function createThreads(limitMb = defaultLimitMb(), count = defaultCount()): Threads {
  let pool: Promise<Piscina> | undefined
  // The pool has a queue too, but does not report when it takes a job from it.
  const semaphore = createSemaphore(count)

  async function start(): Promise<Piscina> {
    // Loaded on first use: small inventories never need it.
    const { Piscina } = await import('piscina')
    letHeapGrow()
    return new Piscina({
      minThreads: 0,
      maxThreads: count,
      idleTimeout: IDLE_MS,
      niceIncrement: NICENESS,
      // Threads must not load the preloaded modules of the process.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: limitMb },
      // Threads only compute, so they must not see the secrets in the environment.
      env: {},
    })
  }

  /**
   * Starts the pool on first use; a failed start, for example for lack of file descriptors, is tried again at
   * the next use.
   */
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

/** Leaves one processor to the main thread. */
function defaultCount(): number {
  return Math.max(1, availableParallelism() - 1)
}

function defaultLimitMb(): number {
  // Without a limit, constrainedMemory is 0 or a huge number.
  const limits = [totalmem(), process.constrainedMemory()].filter((limit) => limit > 0)
  return Math.min(MAX_LIMIT_MB, Math.floor((Math.min(...limits) * MEMORY_SHARE) / 2 ** 20))
}
