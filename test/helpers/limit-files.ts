import { execFileSync } from 'node:child_process'

/** Takes file descriptors from a process that runs. */
export function limitFiles(pid: number | undefined, count: number): void {
  execFileSync('prlimit', [`--pid=${pid}`, `--nofile=${count}`])
}
