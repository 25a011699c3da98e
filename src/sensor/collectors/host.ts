import { existsSync, readdirSync, readFileSync, type StatsFs } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { machine } from 'node:os'
import { join } from 'node:path'
import { pageBytesOf } from './kernel.ts'

/** Where the host's file systems are; elsewhere than usual when a container watches its host. */
export interface HostPaths {
  readonly procfs: string
  readonly sysfs: string
  readonly rootfs: string
}

/**
 * The machine as the collectors see it. What is read here is memory of the kernel: it never waits for a disk or the
 * network, so it is read at once, without the platform's few threads, which a hanging file system may hold.
 */
export interface Host {
  /** A file of /proc; throws when it cannot be read. */
  proc(file: string): string
  /** A file of /proc; undefined when it cannot be read. */
  procIfAny(file: string): string | undefined
  /** A file of /sys; undefined when it cannot be read, which is so for attributes that have no value. */
  sysIfAny(file: string): string | undefined
  /** The names in a folder of /sys, in order; none when it is not there. */
  sysFolder(folder: string): string[]
  /** os-release of the host; throws when there is none. */
  osRelease(): string
  /** The mounts of the host's first process, which sees all; our own when that is not to be had. */
  mounts(): string
  /** The numbers of a file system, by a path of the host; may never answer. */
  statfs(mountPoint: string): Promise<StatsFs>
  readonly rootfs: string
  /** Bytes of a page of memory. */
  pageBytes(): number
  /** As `uname -m`. */
  readonly machine: string
}

/** The machine under these paths. */
export function createHost({ procfs, sysfs, rootfs }: HostPaths): Host {
  const read = (...path: string[]) => readFileSync(join(...path), 'utf8')
  const ifAny = (path: string) => {
    try {
      return read(path)
    } catch {
      return undefined
    }
  }
  const proc = (file: string) => read(procfs, file)
  const procIfAny = (file: string) => ifAny(join(procfs, file))
  return {
    proc,
    procIfAny,
    sysIfAny: (file) => ifAny(join(sysfs, file)),
    sysFolder(folder) {
      const path = join(sysfs, folder)
      return existsSync(path) ? readdirSync(path).sort() : []
    },
    osRelease: () => ifAny(join(rootfs, 'etc/os-release')) ?? read(rootfs, 'usr/lib/os-release'),
    mounts: () => procIfAny('1/mounts') ?? proc('self/mounts'),
    statfs: (mountPoint) => statfs(join(rootfs, mountPoint)),
    rootfs,
    // Our own process, wherever the host's are.
    pageBytes: () => pageBytesOf(read('/proc/self/statm'), read('/proc/self/status')),
    machine: machine(),
  }
}
