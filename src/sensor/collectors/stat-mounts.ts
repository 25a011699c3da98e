import type { StatsFs } from 'node:fs'
import type { Clock } from '../../base/clock.ts'
import { within } from '../../base/deadline.ts'
import type { MountState } from './filesystem.ts'
import type { Mount } from './mounts.ts'

/** File systems whose answer comes from elsewhere, and so may never come. */
const REMOTE =
  /^(nfs\d?|cifs|smb\w*|9p|ceph|afs|lustre|glusterfs|gfs2|ocfs2|ncpfs|beegfs|fuse(\..*)?|virtiofs)$/

/**
 * How many may be asked at a time. Each one that hangs keeps one of the platform's four threads for good; local
 * file systems have a thread to themselves, and one is always left for looking up names.
 */
const LANES = { local: 1, remote: 2 } as const

/** What is needed from outside. */
export interface StatDeps {
  /** By a mount point of the host; may never answer. */
  readonly statfs: (mountPoint: string) => Promise<StatsFs>
  readonly clock: Pick<Clock, 'after'>
}

/**
 * Asks mounted file systems for their numbers, waiting for each one at most `timeoutMs`. One that did not answer is
 * not asked again before it does: a network file system that is gone hangs whoever asks, and cannot be interrupted.
 */
export function createStatMounts(
  timeoutMs: number,
  { statfs, clock }: StatDeps,
): (mounts: readonly Mount[]) => Promise<MountState[]> {
  // The mounts that were asked, or wait to be, and have not answered.
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

/** Does at most so many things at a time, in order. */
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
