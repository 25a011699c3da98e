import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { asBuffer } from './bytes.ts'
import type { Clock } from './clock.ts'
import {
  type FileLook,
  type FileMark,
  type Job,
  type ReadOptions,
  runInPool,
  type WriteOptions,
} from './file-operations.ts'
import type { Answer } from './files-worker.ts'

export type { FileLook, FileMark, ReadOptions, WriteOptions }

/**
 * Work on files that never holds up anything else, even when a file system hangs. Each operation fails with a
 * HangingFileError when nothing of it has moved for ten seconds, or as long as it says; it goes on by itself, and until it has ended all that
 * is asked of the same folder fails too. Operations on one folder are done one at a time, in the order in which they were asked for.
 * All else that can go wrong is the platform's own error.
 */
export interface Files {
  /** Reads a whole file, as long as it is when it is opened; undefined when it is missing. */
  read(path: string, options?: ReadOptions): Promise<Buffer | undefined>
  /**
   * Replaces a file atomically: a temporary file `<path>.<uuid>.tmp` beside it, fsync, rename, fsync of the folder. A
   * reader, and a machine that loses power, sees the old bytes or the new ones. No `*.json` pattern matches the
   * temporary name. Where a symbolic link stands, the file that it leads to is replaced.
   */
  write(path: string, body: Uint8Array, options?: WriteOptions): Promise<FileMark>
  /** Appends to a file that is there, with fsync. When it fails a part may have been appended. */
  append(path: string, body: Uint8Array): Promise<void>
  /** Removes a file; a missing one is fine. Where a symbolic link stands, the file that it leads to is removed. */
  remove(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Makes a folder, and those above it, when they are missing. */
  makeFolder(path: string): Promise<void>
  /** The names in a folder. */
  list(folder: string): Promise<string[]>
  /** How something stands, through symbolic links; undefined when it is missing. */
  look(path: string): Promise<FileLook | undefined>
  /** Fails when a file could not be read, or a folder not be written to. */
  access(path: string, how: 'read' | 'write'): Promise<void>
}

/** The files of this process, for who ends them. */
export interface OwnFiles extends Files {
  /** The paths of operations that have begun and not ended. The platform waits for them when the process exits. */
  underWay(): string[]
  /** What has not begun is refused from now on; what has begun is waited for, a second at most. */
  close(): Promise<void>
}

/** What Files need from outside. */
export interface FilesDeps {
  readonly clock: Pick<Clock, 'after'>
}

/** What messages call an operation. */
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

/** An operation as messages tell of it. */
interface Hanging {
  readonly operation: Job[0]
  readonly path: string
  readonly deadlineMs: number
}

/** A file system does not answer. */
export class HangingFileError extends Error {
  override readonly name = 'HangingFileError'

  /** @param by what the operation waits for, when it is not what hangs itself */
  constructor({ operation, path, deadlineMs }: Hanging, by?: Hanging) {
    const isItself = by === undefined || (by.operation === operation && by.path === path)
    const waits = isItself ? '' : ` waits for ${DOING[by.operation]} ${by.path}, which`
    super(
      `${DOING[operation]} ${path}${waits} hangs: there has been no answer for ${(by?.deadlineMs ?? deadlineMs) / 1000} s; check the mount of the file system, or who writes into it if it is a pipe`,
    )
  }
}

/** The time without any progress after which an operation has failed, in milliseconds. */
export const DEADLINE_MS = 10_000

/** The time without any progress after which an operation is not counted on to end soon, in milliseconds. */
const SLOW_MS = 1_000

/** Of the four threads of the platform's pool; name look-ups and compression need some too. */
const MAX_IN_POOL = 2

/** So many threads of our own may hang before nothing is tried any more. */
const MAX_THREADS = 4

/** An operation that somebody waits for. */
interface Work {
  readonly job: Job
  /** Work in the same folder is done one at a time. */
  readonly folder: string
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
  readonly deadlineMs: number
  /** How long nothing of it has moved; before it begins, how long nothing of what it waits for has. */
  stillMs: number
  cancelCheck: () => void
}

/** A thread that work is done on, one operation at a time. */
interface Place {
  /** @returns how it ends, and how many of its calls have ended */
  start(job: Job): { ended: Promise<unknown>; calls(): number }
  /** It could not start, for want of memory or file descriptors. */
  isBroken(): boolean
  end(): void
  work: Work | undefined
}

/** Creates the files of this process: with no thread of their own as long as no file system hangs. */
export function createFiles(deps: FilesDeps): OwnFiles {
  const { ask, underWay, close } = createQueue(deps)
  return {
    read: (path, options = {}) => ask(dirname(path), ['read', path, options], options.deadlineMs),
    write: (path, body, options = {}) => ask(dirname(path), ['write', path, body, options]),
    append: (path, body) => ask(dirname(path), ['append', path, body]),
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
  // By folder, in the order in which they were asked for; the folder whose turn it is first.
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

  /** Looks once a second at work that does not end, and gives it up when the deadline has passed. */
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

  /** Whether what work waits for goes on: the work in its folder, or any work, one of which has to end first. */
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
    // A copy: a folder goes behind the others when its turn is over.
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

  /** As a rule in the pool; while all of that hangs, on a thread that does not. */
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
    // After the deadline nobody listens any more.
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

  /** They are needed only while the pool has no place. */
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

/** There is nothing to cancel, or to end. */
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
  // Whatever the process was told to load first, and the secrets in its environment, are not for threads.
  const options = { workerData: counter, execArgv: [], env: {} }
  const worker = new Worker(new URL('./files-worker.js', import.meta.url), options)
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
          // Bytes come without the methods of a Buffer.
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

/** An error of the platform that came as a message. */
function errorOf({ message, ...rest }: Error): Error {
  return Object.assign(new Error(message), rest)
}
