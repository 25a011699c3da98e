import { execFileSync } from 'node:child_process'

/** Takes file descriptors from a process that runs. */
export function limitFiles(pid: number | undefined, count: number): void {
  execFileSync('prlimit', [`--pid=${pid}`, `--nofile=${count}`])
}

/** Lets a process that runs write no file that is larger, in bytes, as a disk does that is full. */
export function limitFileSize(pid: number | undefined, bytes: number): void {
  execFileSync('prlimit', [`--pid=${pid}`, `--fsize=${bytes}`])
}
