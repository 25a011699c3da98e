import { spawnSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Scope } from '../helpers/scope.ts'
import { findFaketime } from '../helpers/tools.ts'

/** What the process under test gets from its machine: names, the time, a disk. */
export interface Machine {
  /** The environment of the process under test. */
  readonly env: NodeJS.ProcessEnv
  /** Names resolve from now on, or do not. */
  names(resolve: boolean): void
  readonly clock: Clock | undefined
  readonly disk: Disk
  /** What this machine cannot do, and what it would take. */
  readonly without: readonly string[]
}

/** The wall clock of the process under test. */
export interface Clock {
  /** Jumps to so many milliseconds from the true time. */
  jump(offsetMs: number): void
  offsetMs(): number
  /** The environment of a process in which it is another time. */
  env(offsetMs: number): NodeJS.ProcessEnv
}

/** Where the lists are kept. */
export interface Disk {
  readonly folder: string
  /** Leaves so many bytes; undefined where a disk cannot be filled without filling everybody's. */
  readonly fill: ((bytesLeft: number) => void) | undefined
  /** Takes away what filled it. */
  readonly empty: () => void
}

/** Holds several times the longest list. */
const DISK_MIB = 8

export function createMachine(scope: Scope): Machine {
  const folder = scope.testdir()
  const noNames = join(folder, 'no-names')
  const clock = createClock(folder)
  const disk = createDisk(scope, join(folder, 'disk'))
  const preload = pathToFileURL(resolve('build/test/chaos/no-names.js')).href
  return {
    env: {
      ...clock?.env(),
      NODE_OPTIONS: `--import=${preload}`,
      CHAOS_NO_NAMES: noNames,
    },
    names: (resolve) => (resolve ? rmSync(noNames) : writeFileSync(noNames, '')),
    clock,
    disk,
    without: [
      ...(clock === undefined ? ['28: clock jumps, which need libfaketime (apt-get install faketime)'] : []),
      ...(disk.fill === undefined ? ['33: a disk that fills, which needs the right to mount one'] : []),
    ],
  }
}

function createClock(folder: string) {
  const library = findFaketime()
  if (library === undefined) return undefined
  const file = join(folder, 'clock')
  const seconds = (ms: number) => `${ms < 0 ? '-' : '+'}${Math.abs(ms) / 1_000}`
  let offsetMs = 0
  const jump = (to: number) => {
    offsetMs = to
    writeFileSync(`${file}.new`, seconds(to))
    // In one step: half a number is another time.
    renameSync(`${file}.new`, file)
  }
  jump(0)
  // What is measured must be true, as it is on a machine whose clock is set; and so is what files say.
  const common = { LD_PRELOAD: library, FAKETIME_DONT_FAKE_MONOTONIC: '1', NO_FAKE_STAT: '1' }
  return {
    jump,
    offsetMs: () => offsetMs,
    env: (atMs?: number): NodeJS.ProcessEnv =>
      atMs === undefined
        ? { ...common, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1' }
        : { ...process.env, ...common, FAKETIME: seconds(atMs) },
  }
}

/** A disk of its own, in memory, when the user may mount one; a folder when not. */
function createDisk(scope: Scope, folder: string): Disk {
  mkdirSync(folder)
  const options = `size=${DISK_MIB}m,mode=700`
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'rollcall-chaos', folder]).status === 0
  const filler = join(folder, 'filler')
  const empty = () => rmSync(filler, { force: true })
  if (!mounted) return { folder, fill: undefined, empty }
  const unmount = () => void spawnSync('umount', ['--lazy', folder])
  process.once('exit', unmount)
  scope.teardown(() => {
    process.removeListener('exit', unmount)
    unmount()
  })
  return { folder, fill: (bytesLeft) => fill(filler, statfsSync(folder), bytesLeft), empty }
}

function fill(path: string, { bavail, bsize }: { bavail: number; bsize: number }, bytesLeft: number): void {
  const file = openSync(path, 'w')
  try {
    // One block more than there is, so that whatever others write at this moment fails too.
    const blocks = bavail - Math.floor(bytesLeft / bsize) + (bytesLeft === 0 ? 1 : 0)
    for (let block = 0; block < blocks; block++) writeSync(file, Buffer.alloc(bsize, 'x'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(file)
  }
}
