import { basename, dirname, join } from 'node:path'
import type { Clock } from '../../src/base/clock.ts'
import { DEADLINE_MS, type FileMark, type Files, HangingFileError, isSameFile } from '../../src/base/files.ts'

type Operation = keyof Files

/** Files in memory, whose disk does what a test wants. */
export interface MemoryFiles extends Files {
  /** From now on nothing that is asked of this path, or of what is in it, is answered. */
  hang(path: string): void
  /** What hung goes on. */
  release(path: string): void
  /** From now on what is asked of this path, or of what is in it, fails with this code, such as `ENOSPC`; undefined: no more. */
  fail(path: string, code: string | undefined, operations?: readonly Operation[]): void
  /** The process dies: what was not yet renamed to its name is forgotten, and whoever waits hears nothing any more. */
  kill(): void
  /** Writes into a file that is there, as an editor or a shell does: it is the same file afterwards. */
  overwrite(path: string, text: string): void
  /** Everything that is there, as text, by path. */
  contents(): Record<string, string>
}

interface Entry {
  readonly body: Buffer
  readonly ino: bigint
  readonly mtimeNs: bigint
}

/** Creates files in memory, of which there are none. */
export function memoryFiles({ clock }: { clock: Pick<Clock, 'after' | 'now'> }): MemoryFiles {
  const files = new Map<string, Entry>()
  const folders = new Set(['/'])
  const failing = new Map<string, { code: string; operations: readonly Operation[] | undefined }>()
  const hanging = new Map<string, Promise<void>>()
  const releases = new Map<string, () => void>()
  // What is late, by folder: until it has ended, all that is asked of the folder fails at once.
  const late = new Map<string, { operation: Operation; path: string; deadlineMs: number }>()
  const queues = new Map<string, Promise<unknown>>()
  let lives = 0
  let inos = 0n

  const upwards = (path: string): string[] => (path === '/' ? ['/'] : [path, ...upwards(dirname(path))])

  function ruleFor<Value>(rules: ReadonlyMap<string, Value>, path: string): Value | undefined {
    const at = upwards(path).find((one) => rules.has(one))
    return at === undefined ? undefined : rules.get(at)
  }

  function faultOf(operation: Operation, path: string): Error | undefined {
    const rule = ruleFor(failing, path)
    if (rule === undefined || (rule.operations?.includes(operation) ?? true) === false) return undefined
    return systemError(rule.code, path)
  }

  /** The disk's share of an operation: it may hang or fail. */
  async function disk(operation: Operation, path: string): Promise<void> {
    await ruleFor(hanging, path)
    const fault = faultOf(operation, path)
    if (fault !== undefined) throw fault
  }

  /** One operation at a time in each folder; nobody waits longer than the deadline. */
  async function ask<Value>(
    operation: Operation,
    path: string,
    folder: string,
    work: () => Promise<Value>,
    deadlineMs = DEADLINE_MS,
  ): Promise<Value> {
    const told = { operation, path, deadlineMs }
    const before = late.get(folder)
    if (before !== undefined) throw new HangingFileError(told, before)
    const life = lives
    const done = (queues.get(folder) ?? Promise.resolve()).then(work)
    const over = done
      .catch(() => {})
      .then(() => {
        late.delete(folder)
      })
    queues.set(folder, over)
    let cancel = () => {}
    const tooLate = new Promise<never>((_, reject) => {
      cancel = clock.after(deadlineMs, () => {
        const first = late.get(folder)
        if (first === undefined) late.set(folder, told)
        reject(new HangingFileError(told, first))
      })
    })
    try {
      return await Promise.race([done, tooLate])
    } finally {
      cancel()
      // The dead hear nothing.
      if (life !== lives) await new Promise(() => {})
    }
  }

  function assertFolder(path: string): void {
    if (!folders.has(path)) throw systemError(files.has(path) ? 'ENOTDIR' : 'ENOENT', path)
  }

  function makeFolder(path: string): void {
    for (const one of upwards(path)) folders.add(one)
  }

  async function write(path: string, body: Uint8Array, makes: boolean): Promise<FileMark> {
    const life = lives
    if (makes) makeFolder(dirname(path))
    assertFolder(dirname(path))
    await disk('write', path)
    const entry = { body: Buffer.from(body), ino: ++inos, mtimeNs: nowNs() }
    if (life === lives) files.set(path, entry)
    return markOf(entry)
  }

  function nowNs(): bigint {
    return BigInt(Math.round(clock.now())) * 1_000_000n
  }

  return {
    read: (path, { maxBytes = Number.POSITIVE_INFINITY, isPlain = false, deadlineMs } = {}) =>
      ask(
        'read',
        path,
        dirname(path),
        async () => {
          await disk('read', path)
          if (folders.has(path))
            throw isPlain ? new Error('it is a folder, not a file') : systemError('EISDIR', path)
          const body = files.get(path)?.body
          if (body !== undefined && body.length > maxBytes)
            throw new Error(`it has more than ${maxBytes} bytes`)
          return body && Buffer.from(body)
        },
        deadlineMs,
      ),
    write: (path, body, { makeFolder: makes = false } = {}) =>
      ask('write', path, dirname(path), () => write(path, body, makes)),
    append: (path, more, mark) =>
      ask('append', path, dirname(path), async () => {
        const life = lives
        await disk('append', path)
        const entry = files.get(path)
        if (entry === undefined) throw systemError('ENOENT', path)
        if (mark !== undefined && !isSameFile(markOf(entry), mark)) throw new Error('it is another file')
        const longer = { ...entry, body: Buffer.concat([entry.body, more]), mtimeNs: nowNs() }
        if (life === lives) files.set(path, longer)
        return markOf(longer)
      }),
    remove: (path) =>
      ask('remove', path, dirname(path), async () => {
        await disk('remove', path)
        files.delete(path)
      }),
    rename: (from, to) =>
      ask('rename', from, dirname(to), async () => {
        const life = lives
        await disk('rename', to)
        const entry = files.get(from)
        if (entry === undefined) throw systemError('ENOENT', from)
        assertFolder(dirname(to))
        if (life !== lives) return
        files.delete(from)
        files.set(to, entry)
      }),
    list: (folder) =>
      ask('list', folder, folder, async () => {
        await disk('list', folder)
        assertFolder(folder)
        return [...files.keys(), ...folders]
          .filter((path) => path !== '/' && dirname(path) === folder)
          .map((path) => basename(path))
          .sort()
      }),
    look: (path) =>
      ask('look', path, dirname(path), async () => {
        await disk('look', path)
        const entry = files.get(path)
        if (entry === undefined && !folders.has(path)) return undefined
        const { ino = 0n, mtimeNs = 0n, body = Buffer.alloc(0) } = entry ?? {}
        const kind = entry === undefined ? 'folder' : 'file'
        return { ino, mtimeNs, size: BigInt(body.length), dev: 1n, ctimeNs: mtimeNs, kind }
      }),
    access: (path, how) =>
      ask('access', path, how === 'read' ? dirname(path) : path, async () => {
        await disk('access', path)
        if (how === 'write') assertFolder(path)
        else if (!files.has(path) && !folders.has(path)) throw systemError('ENOENT', path)
      }),
    hang(path) {
      hanging.set(path, new Promise((resolve) => releases.set(path, resolve)))
    },
    release(path) {
      releases.get(path)?.()
      hanging.delete(path)
    },
    fail(path, code, operations) {
      if (code === undefined) failing.delete(path)
      else failing.set(path, { code, operations })
    },
    kill() {
      lives++
      late.clear()
      queues.clear()
    },
    makeFolder: async (path) => makeFolder(path),
    overwrite(path, text) {
      files.set(path, { ...(files.get(path) as Entry), body: Buffer.from(text), mtimeNs: nowNs() })
    },
    contents: () => Object.fromEntries([...files].map(([path, { body }]) => [path, body.toString()])),
  }
}

function markOf({ ino, mtimeNs, body }: Entry): FileMark {
  return { ino, mtimeNs, size: BigInt(body.length) }
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: as the test wants it, '${join(path)}'`), { code, path })
}
