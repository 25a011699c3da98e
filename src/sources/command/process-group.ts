import type { Clock } from '../../base/clock.ts'

/** How long processes have to end after SIGTERM, and after SIGKILL, in milliseconds. */
const PATIENCE_MS = 2_000

/** How often it is looked whether they have ended, in milliseconds. */
const LOOK_MS = 10

/** A program with all that it started and that is still in its process group. */
export interface ProcessGroup {
  /** Waits until no process is left. @returns false when there still is one after so long */
  isGoneWithin(ms: number): Promise<boolean>
  /** Ends every process: SIGTERM, and two seconds later SIGKILL. Resolves when none is left; never fails. */
  end(): Promise<void>
}

/** @param leader the process that the group is named after, which was started as the leader of a group of its own */
export function createProcessGroup(leader: number, clock: Pick<Clock, 'after' | 'monotonic'>): ProcessGroup {
  /** @param signal 0: none, it is only looked */
  function signalAll(signal: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(-leader, signal)
    } catch {
      return false // there is none
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
