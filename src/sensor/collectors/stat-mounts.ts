import type { StatsFs } from 'node:fs'
import type { Clock } from '../../base/clock.ts'
import { within } from '../../base/deadline.ts'
import type { MountState } from './filesystem.ts'
import type { Mount } from './mounts.ts'

/** File systems that depend on something outside of the kernel, and so may never respond. */
const REMOTE =
  /^(nfs\d?|cifs|smb\w*|9p|ceph|afs|lustre|glusterfs|gfs2|ocfs2|ncpfs|beegfs|fuse(\..*)?|virtiofs)$/

/**
 * The number of concurrent requests. Each one that hangs blocks one of the platform's four threads for good;
 * local file systems have a thread of their own, and one thread is always left for DNS lookups.
 */
const LANES = { local: 1, remote: 2 } as const

/** The dependencies. */
export interface StatDeps {
  /** Takes a mount point of the host; may never resolve. */
  readonly statfs: (mountPoint: string) => Promise<StatsFs>
  readonly clock: Pick<Clock, 'after'>
}

/**
 * Creates a function that reads the statistics of mounted file systems, waiting at most `timeoutMs` for each.
 * A file system that did not respond is not asked again until it does: a network file system that is gone
 * blocks the thread, and cannot be interrupted.
 */
export function createStatMounts(
  timeoutMs: number,
  { statfs, clock }: StatDeps,
): (mounts: readonly Mount[]) => Promise<MountState[]> {
  // Mounts with a pending request.
  const open = new Set<string>()
  const lanes = { local: createLane(LANES.local), remote: createLane(LANES.remote) }

  async function ask(mount: Mount): Promise<MountState> {
    const { device, mountPoint } = mount
    const key = JSON.stringify([device, mountPoint])
    if (open.has(key)) return { mount, stats: undefined }
    open.add(key)
    const lane = lanes[REMOTE.test(mount.fsType) ? 'remote' : 'local']
    const answer = lane(() => statfs(mountPoint)).finally(() => open.delete(key))
    const stats = await within(timeoutMs, mountPoint, clock, answer).catch(() => undefined)
    return { mount, stats }
  }

  return (mounts) => Promise.all(mounts.map(ask))
}

/** Creates a queue that runs at most `width` tasks at a time, in order. */
function createLane(width: number) {
  const waiting: (() => void)[] = []
  let busy = 0
  return async <Value>(work: () => Promise<Value>): Promise<Value> => {
    if (busy < width) busy++
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) busy--
      else next()
    }
  }
}
