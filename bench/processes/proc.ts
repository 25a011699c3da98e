// What Linux tells of a process in /proc; see proc(5).
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

/** Clock ticks per second of /proc/PID/stat: 100 on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100

/** @throws Error when there is no /proc to measure with */
export function assertLinux(): void {
  if (existsSync('/proc/self/clear_refs')) return
  throw new Error('memory and CPU are read from /proc, so this needs Linux; run it there, or in a container')
}

/** Memory of a process in RAM, in bytes. */
export function residentBytes(pid: number): number {
  return statusBytes(pid, 'VmRSS')
}

/** The most memory that a process has had in RAM since its start, or since the last reset, in bytes. */
export function peakBytes(pid: number): number {
  return statusBytes(pid, 'VmHWM')
}

/** Lets the peak begin anew at what is in RAM now. */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** CPU time of a process and its threads since its start, user and system, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the name of the program, in parentheses, and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** What a process has sent to disks since its start, in bytes. */
export function writtenBytes(pid: number): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}

function statusBytes(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
}
