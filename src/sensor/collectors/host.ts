import { existsSync, readdirSync, readFileSync, type StatsFs } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { machine } from 'node:os'
import { join } from 'node:path'
import { pageBytesOf } from './kernel.ts'

/** The paths of the host's file systems; they differ if a container monitors its host. */
export interface HostPaths {
  readonly procfs: string
  readonly sysfs: string
  readonly rootfs: string
}

/**
 * The machine as the collectors see it. Its files are kernel memory: reading never waits for a disk or the
 * network, so it is synchronous and avoids the platform's few threads, which a hanging file system may block.
 */
export interface Host {
  /** A file of /proc; throws when it cannot be read. */
  proc(file: string): string
  /** A file of /proc; undefined when it cannot be read. */
  procIfAny(file: string): string | undefined
  /** A file of /sys; undefined when it cannot be read, as an attribute without a value. */
  sysIfAny(file: string): string | undefined
  /** The sorted names in a folder of /sys; empty if there is none. */
  sysFolder(folder: string): string[]
  /** os-release of the host; throws when there is none. */
  osRelease(): string
  /**
   * The mounts of the host's first process, which sees all mounts; those of this process if they cannot be
   * read.
   */
  mounts(): string
  /** The statistics of a file system, by a path of the host; may never resolve. */
  statfs(mountPoint: string): Promise<StatsFs>
  readonly rootfs: string
  /** The size of a memory page, in bytes. */
  pageBytes(): number
  /** As `uname -m`. */
  readonly machine: string
}

/** Creates a host that reads from these paths. */
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
    // Always this process, even if procfs is that of a host.
    pageBytes: () => pageBytesOf(read('/proc/self/statm'), read('/proc/self/status')),
    machine: machine(),
  }
}
