import type { Clock } from '../../base/clock.ts'

/** The time that processes have to end after SIGTERM, and after SIGKILL, in milliseconds. */
const PATIENCE_MS = 2_000

/** The interval of checks whether they have ended, in milliseconds. */
const LOOK_MS = 10

/** A program and the processes that it started, as long as they are in its process group. */
export interface ProcessGroup {
  /** Waits until no process is left. @returns false when one is still left after this time */
  isGoneWithin(ms: number): Promise<boolean>
  /** Ends every process: SIGTERM, and two seconds later SIGKILL. Resolves when none is left; never fails. */
  end(): Promise<void>
}

/** @param leader the process id of the leader of the group, which is also the id of the group */
export function createProcessGroup(leader: number, clock: Pick<Clock, 'after' | 'monotonic'>): ProcessGroup {
  /** @param signal 0: only checks that a process is left */
  function signalAll(signal: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(-leader, signal)
    } catch {
      return false // no process is left
    }
  }

  async function isGoneWithin(ms: number): Promise<boolean> {
    const endMs = clock.monotonic() + ms
    while (signalAll(0)) {
      if (clock.monotonic() >= endMs) return false
      await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve))
    }
    return true
  }

  return {
    isGoneWithin,
    async end() {
      signalAll('SIGTERM')
      if (await isGoneWithin(PATIENCE_MS)) return
      signalAll('SIGKILL')
      await isGoneWithin(PATIENCE_MS)
    },
  }
}
