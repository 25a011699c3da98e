import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { Clock } from '../../base/clock.ts'
import { createProcessGroup } from './process-group.ts'

/** A program to run. */
export interface Program {
  readonly argv: readonly string[]
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>
  /** Where it runs. */
  readonly folder: string
  /** The most that it may write to standard output. */
  readonly maxBytes: number
}

/** How a program ended, and what it wrote. */
export interface Ended {
  readonly output: Buffer
  /** The beginning of what it wrote to standard error. */
  readonly errors: string
  /** Null: a signal ended it. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  /** Whether it wrote more than it may, and was ended. */
  readonly isTooMuch: boolean
  /** Whether processes that it had started were left, and were ended. */
  readonly hasLeftOthers: boolean
}

/** So much of standard error is kept, in bytes. */
const MAX_ERROR_BYTES = 65_536

/** After its end a program's output must end, and what it started must too, within so long, in milliseconds. */
const GRACE_MS = 2_000

type Child = ChildProcessByStdio<null, Readable, Readable>

/**
 * Runs a program to its end, in a process group of its own. When it returns or throws, nothing of the group is left.
 * @param stop aborted: it is ended
 * @throws whatever the platform says when it cannot be started; the reason of the signal
 */
export async function run(program: Program, clock: Clock, stop: AbortSignal): Promise<Ended> {
  // Loaded only here: most servers run no program.
  const { spawn } = await import('node:child_process')
  stop.throwIfAborted()
  const [file = '', ...args] = program.argv
  const { folder: cwd, env } = program
  const child = spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const [exited, closed] = [once(child, 'exit'), once(child, 'close')]
  closed.catch(() => {}) // it fails as `exited` does
  const { pid } = child
  if (pid === undefined) throw await exited.catch((error) => error)
  return await watch(child, program, { exited, closed, group: createProcessGroup(pid, clock), clock, stop })
}

interface Watched {
  readonly exited: Promise<unknown[]>
  readonly closed: Promise<unknown[]>
  readonly group: ReturnType<typeof createProcessGroup>
  readonly clock: Clock
  readonly stop: AbortSignal
}

async function watch(
  child: Child,
  { maxBytes }: Program,
  { exited, closed, group, clock, stop }: Watched,
): Promise<Ended> {
  let ending: Promise<void> | undefined
  const end = () => {
    ending ??= group.end()
  }
  stop.addEventListener('abort', end, { once: true })
  const output = collect(child.stdout, maxBytes, end)
  const errors = collect(child.stderr, MAX_ERROR_BYTES, () => {})
  const [status, signal] = (await exited) as [number | null, NodeJS.Signals | null]
  const isClosed = await isWithin(GRACE_MS, closed, clock)
  const isGone = await group.isGoneWithin(GRACE_MS)
  const hasLeftOthers = !isClosed || !isGone
  if (hasLeftOthers) end()
  await ending
  stop.removeEventListener('abort', end)
  // Whoever left the group may hold them open.
  child.stdout.destroy()
  child.stderr.destroy()
  stop.throwIfAborted()
  return {
    output: Buffer.concat(output.chunks),
    errors: Buffer.concat(errors.chunks).toString(),
    ...{ status, signal, isTooMuch: output.isTooMuch, hasLeftOthers },
  }
}

/** Collects what a stream gives, up to a limit; what is beyond it is dropped. */
function collect(stream: Readable, maxBytes: number, onTooMuch: () => void) {
  const collected = { chunks: [] as Buffer[], bytes: 0, isTooMuch: false }
  stream.on('data', (chunk: Buffer) => {
    const room = maxBytes - collected.bytes
    collected.bytes += Math.min(room, chunk.byteLength)
    if (room > 0) collected.chunks.push(chunk.subarray(0, room))
    if (chunk.byteLength <= room || collected.isTooMuch) return
    collected.isTooMuch = true
    onTooMuch()
  })
  return collected
}

/** Whether something happens within so long, in milliseconds. */
async function isWithin(ms: number, event: Promise<unknown>, clock: Clock): Promise<boolean> {
  let cancel!: () => void
  const late = new Promise<boolean>((resolve) => {
    cancel = clock.after(ms, () => resolve(false))
  })
  const isSo = await Promise.race([event.then(() => true), late])
  cancel()
  return isSo
}
