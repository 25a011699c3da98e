import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { asBuffer } from './bytes.ts'
import type { Clock } from './clock.ts'
import {
  type FileLook,
  type FileMark,
  isSameFile,
  type Job,
  type ReadOptions,
  runInPool,
  type WriteOptions,
} from './file-operations.ts'
import type { Answer } from './files-worker.ts'
import { moduleUrl } from './module-url.ts'

export { type FileLook, type FileMark, isSameFile, type ReadOptions, type WriteOptions }

/**
 * File operations that never block other work, even if a file system hangs. An operation fails with a
 * HangingFileError after ten seconds without progress, or after its own deadline; it continues in the
 * background, and until it ends, further operations on the same folder fail too. Operations on one folder run
 * one at a time, in the order of the calls. All other errors are those of the platform.
 */
export interface Files {
  /** Reads a whole file, up to its size when it is opened; undefined when it is missing. */
  read(path: string, options?: ReadOptions): Promise<Buffer | undefined>
  /**
   * Replaces a file atomically: a temporary file `<path>.<uuid>.tmp` beside it, fsync, rename, fsync of the
   * folder. A reader, and a machine that loses power, sees the old bytes or the new ones. No `*.json` pattern
   * matches the temporary name. If the path is a symbolic link, its target is replaced.
   */
  write(path: string, body: Uint8Array, options?: WriteOptions): Promise<FileMark>
  /**
   * Appends to an existing file, with fsync. After a failure a part may have been appended.
   * @param mark fails when it is not the file with this mark
   */
  append(path: string, body: Uint8Array, mark?: FileMark): Promise<FileMark>
  /** Removes a file; a missing one is no error. If the path is a symbolic link, its target is removed. */
  remove(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Makes a folder and its missing parents. */
  makeFolder(path: string): Promise<void>
  /** The names in a folder. */
  list(folder: string): Promise<string[]>
  /** The state of a path, through symbolic links; undefined when it is missing. */
  look(path: string): Promise<FileLook | undefined>
  /** Fails when a file cannot be read, or a folder cannot be written to. */
  access(path: string, how: 'read' | 'write'): Promise<void>
}

/** The file operations of this process, with control over their end. */
export interface OwnFiles extends Files {
  /** The paths of running operations. The platform waits for them when the process exits. */
  underWay(): string[]
  /** Refuses operations that have not started, and waits a second at most for those that have. */
  close(): Promise<void>
}

/** The dependencies of Files. */
export interface FilesDeps {
  readonly clock: Pick<Clock, 'after'>
}

/** The names of operations in messages. */
const DOING = {
  read: 'reading',
  write: 'writing',
  append: 'appending to',
  remove: 'removing',
  rename: 'renaming',
  makeFolder: 'making',
  list: 'listing',
  look: 'looking at',
  access: 'looking at',
} as const satisfies Record<Job[0], string>

/** An operation in a message. */
interface Hanging {
  readonly operation: Job[0]
  readonly path: string
  readonly deadlineMs: number
}

/** A file system does not respond. */
export class HangingFileError extends Error {
  override readonly name = 'HangingFileError'

  /** @param by the operation that this one waits for, if that one hangs */
  constructor({ operation, path, deadlineMs }: Hanging, by?: Hanging) {
    const isItself = by === undefined || (by.operation === operation && by.path === path)
    const waits = isItself ? '' : ` waits for ${DOING[by.operation]} ${by.path}, which`
    super(
      `${DOING[operation]} ${path}${waits} hangs: there has been no answer for ${(by?.deadlineMs ?? deadlineMs) / 1000} s; check the mount of the file system, or who writes into it if it is a pipe`,
    )
  }
}

/** The time without progress after which an operation fails, in milliseconds. */
export const DEADLINE_MS = 10_000

/** The time without progress after which an operation is expected to hang, in milliseconds. */
const SLOW_MS = 1_000

/** Of the four threads of the platform's pool; DNS lookups and compression need some too. */
const MAX_IN_POOL = 2

/** The number of own threads that may hang before no further operation is tried. */
const MAX_THREADS = 4

/** An operation with its caller. */
interface Work {
  readonly job: Job
  /** Operations in the same folder run one at a time. */
  readonly folder: string
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
  readonly deadlineMs: number
  /**
   * The time without progress; before it starts, the time without progress of the operations that it waits
   * for.
   */
  stillMs: number
  cancelCheck: () => void
}

/** A thread that runs one operation at a time. */
interface Place {
  /** @returns its end, and the number of its finished calls */
  start(job: Job): { ended: Promise<unknown>; calls(): number }
  /** Whether it could not start, for lack of memory or file descriptors. */
  isBroken(): boolean
  end(): void
  work: Work | undefined
}

/** Creates the file operations of this process; no thread of its own runs unless a file system hangs. */
export function createFiles(deps: FilesDeps): OwnFiles {
  const { ask, underWay, close } = createQueue(deps)
  return {
    read: (path, options = {}) => ask(dirname(path), ['read', path, options], options.deadlineMs),
    write: (path, body, options = {}) => ask(dirname(path), ['write', path, body, options]),
    append: (path, body, mark) => ask(dirname(path), ['append', path, body, mark]),
    remove: (path) => ask(dirname(path), ['remove', path]),
    rename: (from, to) => ask(dirname(to), ['rename', from, to]),
    makeFolder: (path) => ask(path, ['makeFolder', path]),
    list: (folder) => ask(folder, ['list', folder]),
    look: (path) => ask(dirname(path), ['look', path]),
    access: (path, how) => ask(how === 'read' ? dirname(path) : path, ['access', path, how]),
    underWay,
    close,
  }
}

function createQueue({ clock }: FilesDeps) {
  // By folder, in the order of the calls; the folder that is served next comes first.
  const waiting = new Map<string, Set<Work>>()
  const running = new Map<string, Work>()
  let places: Place[] = Array.from({ length: MAX_IN_POOL }, poolPlace)
  let isClosed = false
  let whenIdle: (() => void) | undefined

  function ask<Value>(folder: string, job: Job, deadlineMs = DEADLINE_MS): Promise<Value> {
    return new Promise<unknown>((resolve, reject) => {
      const work: Work = { job, folder, resolve, reject, deadlineMs, stillMs: 0, cancelCheck: nothing }
      const before = running.get(folder)
      if (isClosed) return reject(ending())
      if (before !== undefined && isStill(before, before.deadlineMs)) return reject(hanging(work))
      const queue = waiting.get(folder) ?? new Set()
      waiting.set(folder, queue.add(work))
      startAll()
      if (queue.has(work)) check(work, () => isMoving(work))
    }) as Promise<Value>
  }

  function unqueue(work: Work): void {
    const queue = waiting.get(work.folder)
    if (queue?.delete(work) && queue.size === 0) waiting.delete(work.folder)
  }

  /** Checks an unfinished operation once a second, and fails it after the deadline. */
  function check(work: Work, hasMoved: () => boolean): void {
    work.cancelCheck = clock.after(SLOW_MS, () => {
      work.stillMs = hasMoved() ? 0 : work.stillMs + SLOW_MS
      if (isStill(work, work.deadlineMs)) {
        unqueue(work)
        work.reject(hanging(work))
      } else check(work, hasMoved)
      startAll()
    })
  }

  /**
   * Whether the operations that this one waits for make progress: the one in its folder, or any one, of which
   * one must end first.
   */
  function isMoving({ folder }: Work): boolean {
    const before = running.get(folder)
    const awaited = before === undefined ? [...running.values()] : [before]
    return awaited.some((work) => !isStill(work, SLOW_MS))
  }

  function hanging(work: Work): HangingFileError {
    const [someone] = running.values()
    const before = running.get(work.folder) ?? someone
    return new HangingFileError(
      told(work),
      before === undefined || before === work ? undefined : told(before),
    )
  }

  function startAll(): void {
    // A copy: a served folder moves behind the others.
    for (const [folder, queue] of [...waiting]) {
      if (running.has(folder)) continue
      const place = freePlace()
      if (place === undefined) return
      const [work] = queue as Set<Work> & [Work]
      waiting.delete(folder)
      queue.delete(work)
      if (queue.size > 0) waiting.set(folder, queue)
      work.cancelCheck()
      start(work, place)
    }
  }

  /** Normally in the pool; while all of the pool hangs, a thread of its own. */
  function freePlace(): Place | undefined {
    const idle = places.find((place) => place.work === undefined)
    if (idle !== undefined) return idle
    const isOneEnding = places.some(({ work }) => !isStill(work, SLOW_MS))
    if (isOneEnding || places.length === MAX_IN_POOL + MAX_THREADS) return undefined
    const place = threadPlace()
    places.push(place)
    return place
  }

  function start(work: Work, place: Place): void {
    place.work = work
    work.stillMs = 0
    running.set(work.folder, work)
    const { ended, calls } = place.start(work.job)
    let last = calls()
    check(work, () => {
      const before = last
      last = calls()
      return last !== before
    })
    // After the deadline the promise is already settled.
    ended.then(work.resolve, work.reject).finally(() => {
      work.cancelCheck()
      running.delete(work.folder)
      place.work = undefined
      if (place.isBroken()) places = places.filter((one) => one !== place)
      startAll()
      endIdleThreads()
      if (running.size === 0) whenIdle?.()
    })
  }

  /** Own threads are needed only while the pool is full. */
  function endIdleThreads(): void {
    if (places.slice(0, MAX_IN_POOL).every(({ work }) => work !== undefined)) return
    const idle = places.slice(MAX_IN_POOL).filter(({ work }) => work === undefined)
    places = places.filter((place) => !idle.includes(place))
    for (const place of idle) place.end()
  }

  async function close(): Promise<void> {
    isClosed = true
    const queued = [...waiting.values()].flatMap((queue) => [...queue])
    for (const work of [...queued, ...running.values()]) work.cancelCheck()
    for (const work of queued) work.reject(ending())
    waiting.clear()
    if (running.size === 0) return
    await new Promise<void>((resolve) => {
      const cancel = clock.after(SLOW_MS, resolve)
      whenIdle = () => {
        cancel()
        resolve()
      }
    })
  }

  return { ask, close, underWay: () => [...running.values()].map(({ job }) => job[1]) }
}

function isStill(work: Work | undefined, ms: number): boolean {
  return work !== undefined && work.stillMs >= ms
}

function told({ job: [operation, path], deadlineMs }: Work): Hanging {
  return { operation, path, deadlineMs }
}

function ending(): Error {
  return new Error('the process is ending')
}

/** For a place without anything to cancel or to end. */
function nothing(): void {}

function poolPlace(): Place {
  return {
    start(job) {
      let calls = 0
      return { ended: runInPool(job, () => calls++), calls: () => calls }
    },
    isBroken: () => false,
    end: nothing,
    work: undefined,
  }
}

function threadPlace(): Place {
  const counter = new Int32Array(new SharedArrayBuffer(4))
  // Threads must not load the preloaded modules of the process, or see the secrets in its environment.
  const options = { workerData: counter, execArgv: [], env: {} }
  const worker = new Worker(new URL(moduleUrl('base/files-worker.js')), options)
  let isBroken = false
  let settle: ((answer: Answer) => void) | undefined
  worker.on('message', (answer: Answer) => settle?.(answer))
  worker.on('error', (error: Error) => {
    isBroken = true
    settle?.({ error })
  })
  return {
    start(job) {
      const ended = new Promise((resolve, reject) => {
        settle = (answer) => {
          if ('error' in answer) return reject(errorOf(answer.error))
          // Messages turn a Buffer into a plain Uint8Array.
          resolve(answer.value instanceof Uint8Array ? asBuffer(answer.value) : answer.value)
        }
      })
      worker.postMessage(job)
      return { ended, calls: () => Atomics.load(counter, 0) }
    },
    isBroken: () => isBroken,
    end: () => void worker.terminate(),
    work: undefined,
  }
}

/** Restores a platform error from a message. */
function errorOf({ message, ...rest }: Error): Error {
  return Object.assign(new Error(message), rest)
}
