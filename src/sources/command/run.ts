import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { Clock } from '../../base/clock.ts'
import { createProcessGroup } from './process-group.ts'

/** A program to run. */
export interface Program {
  readonly argv: readonly string[]
  /** Its complete environment. */
  readonly env: Readonly<Record<string, string>>
  /** Its working directory. */
  readonly folder: string
  /** Limit for its standard output, in bytes. */
  readonly maxBytes: number
}

/** How a program ended, and what it wrote. */
export interface Ended {
  readonly output: Buffer
  /** The beginning of its standard error. */
  readonly errors: string
  /** Null: a signal ended it. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  /** Whether it exceeded `maxBytes`, and was ended. */
  readonly isTooMuch: boolean
  /** Whether it left processes behind, which were ended. */
  readonly hasLeftOthers: boolean
}

/** Limit for standard error, in bytes; the rest is dropped. */
const MAX_ERROR_BYTES = 65_536

/** The time after a program's exit in which its output, and the processes that it started, must end, in milliseconds. */
const GRACE_MS = 2_000

type Child = ChildProcessByStdio<null, Readable, Readable>

/**
 * Runs a program to its end, in its own process group. No process of the group is left when it returns or throws.
 * @param stop ends the program when it aborts
 * @throws the error of the platform when the program cannot be started; the reason of the signal
 */
export async function run(program: Program, clock: Clock, stop: AbortSignal): Promise<Ended> {
  // Loaded only here: most servers run no program.
  const { spawn } = await import('node:child_process')
  stop.throwIfAborted()
  const [file = '', ...args] = program.argv
  const { folder: cwd, env } = program
  const child = spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const [exited, closed] = [once(child, 'exit'), once(child, 'close')]
  closed.catch(() => {}) // `exited` fails with the same error
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
  // A process that left the group may hold them open.
  child.stdout.destroy()
  child.stderr.destroy()
  stop.throwIfAborted()
  return {
    output: Buffer.concat(output.chunks),
    errors: Buffer.concat(errors.chunks).toString(),
    ...{ status, signal, isTooMuch: output.isTooMuch, hasLeftOthers },
  }
}

/** Collects the data of a stream, and drops it beyond a limit. */
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

/** Whether an event happens within a time, in milliseconds. */
async function isWithin(ms: number, event: Promise<unknown>, clock: Clock): Promise<boolean> {
  let cancel!: () => void
  const late = new Promise<boolean>((resolve) => {
    cancel = clock.after(ms, () => resolve(false))
  })
  const isSo = await Promise.race([event.then(() => true), late])
  cancel()
  return isSo
}
