import { randomUUID } from 'node:crypto'
import fs, { type BigIntStats, constants } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** What tells a file from any other that takes its place. */
export type FileMark = Pick<BigIntStats, 'ino' | 'mtimeNs' | 'size'>

/** A file, folder or whatever else as it stands. */
export interface FileLook extends FileMark, Pick<BigIntStats, 'dev' | 'ctimeNs'> {
  readonly kind: 'file' | 'folder' | 'pipe or device'
}

/** How a file is read. */
export interface ReadOptions {
  /** Reading a larger file fails. */
  readonly maxBytes?: number
  /** The time without any progress after which reading fails, in milliseconds; ten seconds by default. */
  readonly deadlineMs?: number
  /** Refuses anything but a plain file, where another would wait for who writes into a pipe. */
  readonly isPlain?: boolean
}

/** How a file is written. */
export interface WriteOptions {
  /** Makes the folder of the file, and those above it, when they are missing. */
  readonly makeFolder?: boolean
}

/** The calls of the platform that operations are made of; each may hang for ever. */
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

/** An operation, step by step: it yields each call that it wants made, so that it runs in both ways below. */
export type Steps<Value> = Generator<Step, Value, unknown>

type Step = readonly [name: keyof Calls, args: readonly unknown[]]

function* call<Name extends keyof Calls>(
  name: Name,
  ...args: Parameters<Calls[Name]>
): Steps<ReturnType<Calls[Name]>> {
  return (yield [name, args]) as ReturnType<Calls[Name]>
}

/** An operation that can be handed to a thread. */
export type Job = {
  [Name in keyof typeof OPERATIONS]: readonly [Name, ...Parameters<(typeof OPERATIONS)[Name]>]
}[keyof typeof OPERATIONS]

/**
 * Runs an operation on the threads of the platform's pool, at most one of them at a time.
 * @param onStep called after each call: it did not hang
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

/** Runs an operation on this thread, which waits. */
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

/** So much is read, or written and flushed, at a time: what takes long is seen to go on. */
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
      // What is appended meanwhile is left: a file that grows without end would never be read whole.
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

  *append(path: string, body: Uint8Array): Steps<void> {
    const fd = yield* call('open', path, constants.O_WRONLY | constants.O_APPEND)
    try {
      yield* writeThrough(fd, body)
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
    // Writing is to a folder; with the slash a file in its place is an error too.
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

/** What fails here matters less than what failed before. */
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

/** Reads so many bytes, or fewer when the file has become shorter. */
function* readBytes(fd: number, length: number): Steps<Buffer> {
  // Memory of its own, so that a thread can hand it over.
  const buffer = Buffer.allocUnsafeSlow(length)
  let done = 0
  for (let more = 1; more > 0 && done < length; done += more) {
    more = yield* call('read', fd, buffer, done, Math.min(length - done, PIECE_BYTES), null)
  }
  return buffer.subarray(0, done)
}

/** Reads what does not say how much it has: a pipe, or what the kernel makes up. */
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

/** The file that a path leads to, which need not be there yet. */
function* behindLinks(path: string): Steps<string> {
  let target = path
  for (;;) {
    // Links in a circle end here.
    const real = yield* orMissing(call('realpath', target))
    if (real !== undefined) return real
    // Nothing is there, or a link to nothing.
    const next = yield* orMissing(call('readlink', target))
    if (next === undefined) return target
    target = resolve(dirname(target), next)
  }
}

/** Not only whole in memory, but on the disk: a machine that loses power has this file or the one before. */
function* writeNew(path: string, body: Uint8Array): Steps<FileMark> {
  const fd = yield* call('open', path, 'wx', 0o644)
  try {
    yield* writeThrough(fd, body)
    const { ino, mtimeNs, size } = yield* call('fstat', fd, { bigint: true })
    return { ino, mtimeNs, size }
  } finally {
    yield* call('close', fd)
  }
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
