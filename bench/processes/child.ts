import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Scope } from '../../test/helpers/scope.ts'

/**
 * Sees to it that a process does not outlive the one that started it: the end of the scope kills it, and so does the
 * end of this process.
 * @returns kills it at once, and waits until it is gone
 */
export function ownChild(scope: Scope, child: ChildProcess): () => Promise<void> {
  const closed = once(child, 'close')
  const forget = killOnExit(child.pid as number)
  child.once('close', forget)
  const stop = async () => {
    child.kill('SIGKILL')
    await closed
  }
  scope.teardown(stop)
  return stop
}

/** Kills a process when this one exits. @returns takes that back */
export function killOnExit(pid: number): () => void {
  const kill = () => {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It is gone already.
    }
  }
  process.once('exit', kill)
  return () => void process.off('exit', kill)
}

/** Lets a signal end this process as an exit, which the processes that it started follow. */
export function exitOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
}
