import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, type as system, totalmem } from 'node:os'

/** What figures depend on, without anything that names the machine. */
export interface Machine {
  readonly node: string
  readonly system: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  /** The version of Rollcall, and its commit where git knows it. */
  readonly rollcall: string
  readonly commit: string | null
  /** Processes that wanted to run, on average over the minute before: over a few tenths, figures do not count. */
  readonly loadBefore: number
}

/** Looks at this machine. */
export function describeMachine(): Machine {
  return {
    node: process.version,
    system: system(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    rollcall: JSON.parse(readFileSync('package.json', 'utf8')).version,
    commit: commitOf(),
    loadBefore: loadavg()[0] as number,
  }
}

/** The machine in one line. */
export function machineLine({ node, system, cpu, cores, memoryGiB, loadBefore }: Machine): string {
  return `Node.js ${node}, ${system}, ${cores} × ${cpu}, ${memoryGiB} GiB; load before: ${loadBefore.toFixed(2)}`
}

/** A warning when others use the machine. */
export function busyWarning({ loadBefore, cores }: Machine): string | undefined {
  if (loadBefore < 0.3 * cores) return undefined
  return `The machine is busy (load ${loadBefore.toFixed(2)} on ${cores} cores): these figures say little. Wait, and run it again.`
}

function commitOf(): string | null {
  const { status, stdout } = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : null
}
