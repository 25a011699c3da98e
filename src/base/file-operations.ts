import { randomUUID } from 'node:crypto'
import fs, { type BigIntStats, constants } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** Distinguishes a file from another one that replaces it. */
export type FileMark = Pick<BigIntStats, 'ino' | 'mtimeNs' | 'size'>

/** The state of a file, folder or other object. */
export interface FileLook extends FileMark, Pick<BigIntStats, 'dev' | 'ctimeNs'> {
  readonly kind: 'file' | 'folder' | 'pipe or device'
}

/** Options for reading a file. */
export interface ReadOptions {
  /** Reading a larger file fails. */
  readonly maxBytes?: number
  /** The time without any progress after which reading fails, in milliseconds; ten seconds by default. */
  readonly deadlineMs?: number
  /** Refuses anything but a plain file; otherwise opening a pipe waits for its writer. */
  readonly isPlain?: boolean
}

/** Options for writing a file. */
export interface WriteOptions {
  /** Whether missing folders on the path are made. */
  readonly makeFolder?: boolean
}

/** The platform calls that operations consist of; each may hang forever. */
interface Calls {
  access(path: string, mode: number): void
  close(fd: number): void
  fstat(fd: number, options: { bigint: true }): BigIntStats
  fsync(fd: number): void
  mkdir(path: string, options: { recursive: true }): void
  open(path: string, flags: number | 'r' | 'wx', mode?: number): number
  read(fd: number, buffer: Buffer, offset: number, length: number, position: null): number
  readdir(path: string): string[]
  readlink(path: string): string
  realpath(path: string): string
  rename(from: string, to: string): void
  stat(path: string, options: { bigint: true }): BigIntStats
  unlink(path: string): void
  write(fd: number, buffer: Uint8Array, offset: number, length: number): number
}

/** An operation in steps: it yields each platform call, so that it can run in both ways below. */
export type Steps<Value> = Generator<Step, Value, unknown>

type Step = readonly [name: keyof Calls, args: readonly unknown[]]

function* call<Name extends keyof Calls>(
  name: Name,
  ...args: Parameters<Calls[Name]>
): Steps<ReturnType<Calls[Name]>> {
  return (yield [name, args]) as ReturnType<Calls[Name]>
}

/** An operation that can be sent to a thread. */
export type Job = {
  [Name in keyof typeof OPERATIONS]: readonly [Name, ...Parameters<(typeof OPERATIONS)[Name]>]
}[keyof typeof OPERATIONS]

/**
 * Runs an operation in the platform's thread pool, where it uses at most one thread at a time.
 * @param onStep called after each call, which shows that it did not hang
 */
export async function runInPool(job: Job, onStep: () => void): Promise<unknown> {
  const steps = stepsOf(job)
  let step = steps.next()
  while (step.done !== true) {
    step = await callInPool(step.value).then(
      (value) => steps.next(value),
      (error) => steps.throw(error),
    )
    onStep()
  }
  return step.value
}

/** Runs an operation synchronously on this thread. */
export function runHere(job: Job, onStep: () => void): unknown {
  const steps = stepsOf(job)
  let step = steps.next()
  while (step.done !== true) {
    const made = callHere(step.value)
    onStep()
    step = 'error' in made ? steps.throw(made.error) : steps.next(made.value)
  }
  return step.value
}

function stepsOf([name, ...args]: Job): Steps<unknown> {
  return (OPERATIONS[name] as (...args: unknown[]) => Steps<unknown>)(...args)
}

function callInPool([name, args]: Step): Promise<unknown> {
  const method = fs[name] as (...args: unknown[]) => void
  return new Promise((resolve, reject) => {
    method(...args, (error: Error | null, value: unknown) =>
      error === null ? resolve(value) : reject(error),
    )
  })
}

function callHere([name, args]: Step): { value: unknown } | { error: unknown } {
  const method = fs[`${name}Sync`] as (...args: unknown[]) => unknown
  try {
    return { value: method(...args) }
  } catch (error) {
    return { error }
  }
}

/** The bytes that are read, or written and flushed, at a time: small enough to show progress. */
const PIECE_BYTES = 8 * 2 ** 20

const OPERATIONS = {
  *read(
    path: string,
    { maxBytes = Number.POSITIVE_INFINITY, isPlain = false }: ReadOptions,
  ): Steps<Buffer | undefined> {
    const flags = constants.O_RDONLY | (isPlain ? constants.O_NONBLOCK : 0)
    const fd = yield* orMissing(call('open', path, flags))
    if (fd === undefined) return undefined
    try {
      const stats = yield* call('fstat', fd, { bigint: true })
      const kind = kindOf(stats)
      if (isPlain && kind !== 'file') throw new Error(`it is a ${kind}, not a file`)
      // Bytes that are appended meanwhile are ignored: a file that grows forever would never be read
      // completely.
      const wholeBytes = kind === 'file' && stats.size > 0n ? Number(stats.size) : undefined
      if ((wholeBytes ?? 0) > maxBytes) throw tooLarge(maxBytes)
      return wholeBytes === undefined ? yield* readToEnd(fd, maxBytes) : yield* readBytes(fd, wholeBytes)
    } finally {
      yield* call('close', fd)
    }
  },

  *write(path: string, body: Uint8Array, { makeFolder = false }: WriteOptions): Steps<FileMark> {
    if (makeFolder) yield* call('mkdir', dirname(path), { recursive: true })
    const target = yield* behindLinks(path)
    const temporary = `${target}.${randomUUID()}.tmp`
    let mark: FileMark
    try {
      mark = yield* writeNew(temporary, body)
      yield* call('rename', temporary, target)
    } catch (error) {
      yield* orFailed(call('unlink', temporary))
      throw error
    }
    yield* syncFolder(dirname(target))
    return mark
  },

  *append(path: string, body: Uint8Array, mark?: FileMark): Steps<FileMark> {
    const fd = yield* call('open', path, constants.O_WRONLY | constants.O_APPEND)
    try {
      if (mark !== undefined && !isSameFile(yield* markOf(fd), mark))
        throw new Error(`${path} is not the file that was written before: it was replaced or changed`)
      yield* writeThrough(fd, body)
      return yield* markOf(fd)
    } finally {
      yield* call('close', fd)
    }
  },

  *remove(path: string): Steps<void> {
    yield* orMissing(call('unlink', yield* behindLinks(path)))
  },

  *rename(from: string, to: string): Steps<void> {
    yield* call('rename', from, to)
  },

  *makeFolder(path: string): Steps<void> {
    yield* call('mkdir', path, { recursive: true })
  },

  *list(folder: string): Steps<string[]> {
    return yield* call('readdir', folder)
  },

  *look(path: string): Steps<FileLook | undefined> {
    const stats = yield* orMissing(call('stat', path, { bigint: true }))
    if (stats === undefined) return undefined
    const { dev, ino, size, mtimeNs, ctimeNs } = stats
    return { dev, ino, size, mtimeNs, ctimeNs, kind: kindOf(stats) }
  },

  *access(path: string, how: 'read' | 'write'): Steps<void> {
    // Writing means to a folder; the slash makes a file in its place an error.
    if (how === 'read') yield* call('access', path, constants.R_OK)
    else yield* call('access', `${path}/`, constants.W_OK | constants.X_OK)
  },
}

function* orMissing<Value>(steps: Steps<Value>): Steps<Value | undefined> {
  try {
    return yield* steps
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Ignores an error, since an earlier one matters more. */
function* orFailed(steps: Steps<unknown>): Steps<void> {
  try {
    yield* steps
  } catch {}
}

function kindOf(stats: BigIntStats): FileLook['kind'] {
  if (stats.isFile()) return 'file'
  return stats.isDirectory() ? 'folder' : 'pipe or device'
}

function tooLarge(maxBytes: number): Error {
  return new Error(`it has more than ${maxBytes} bytes`)
}

/** Reads `length` bytes, or fewer if the file has become shorter. */
function* readBytes(fd: number, length: number): Steps<Buffer> {
  // Memory of its own, so that a thread can transfer it.
  const buffer = Buffer.allocUnsafeSlow(length)
  let done = 0
  for (let more = 1; more > 0 && done < length; done += more) {
    more = yield* call('read', fd, buffer, done, Math.min(length - done, PIECE_BYTES), null)
  }
  return buffer.subarray(0, done)
}

/** Reads a file of unknown size: a pipe, or a file that the kernel generates. */
function* readToEnd(fd: number, maxBytes: number): Steps<Buffer> {
  const pieces: Buffer[] = []
  let total = 0
  for (;;) {
    const piece = yield* readBytes(fd, 2 ** 16)
    total += piece.length
    if (total > maxBytes) throw tooLarge(maxBytes)
    if (piece.length === 0) return Buffer.concat(pieces)
    pieces.push(piece)
  }
}

/** Resolves the symbolic links of a path, whose target need not exist. */
function* behindLinks(path: string): Steps<string> {
  let target = path
  for (;;) {
    // A circle of links throws here.
    const real = yield* orMissing(call('realpath', target))
    if (real !== undefined) return real
    // The path does not exist, or is a link to nothing.
    const next = yield* orMissing(call('readlink', target))
    if (next === undefined) return target
    target = resolve(dirname(target), next)
  }
}

/** Flushes to disk: after a loss of power there is this file or the previous one. */
function* writeNew(path: string, body: Uint8Array): Steps<FileMark> {
  const fd = yield* call('open', path, 'wx', 0o644)
  try {
    yield* writeThrough(fd, body)
    return yield* markOf(fd)
  } finally {
    yield* call('close', fd)
  }
}

function* markOf(fd: number): Steps<FileMark> {
  const { ino, mtimeNs, size } = yield* call('fstat', fd, { bigint: true })
  return { ino, mtimeNs, size }
}

/** Whether both marks are of the same file, which was not written to between them. */
export function isSameFile(one: FileMark, other: FileMark): boolean {
  return one.ino === other.ino && one.mtimeNs === other.mtimeNs && one.size === other.size
}

function* writeThrough(fd: number, body: Uint8Array): Steps<void> {
  let done = 0
  do {
    done += yield* call('write', fd, body, done, Math.min(body.length - done, PIECE_BYTES))
    yield* call('fsync', fd)
  } while (done < body.length)
}

function* syncFolder(path: string): Steps<void> {
  const fd = yield* call('open', path, 'r')
  try {
    yield* call('fsync', fd)
  } finally {
    yield* call('close', fd)
  }
}
