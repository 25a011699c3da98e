import type { StatsFs } from 'node:fs'
import type { Family, Series } from '../exposition.ts'
import type { Mount } from './mounts.ts'

/** The state of a mounted file system; `stats` is undefined if it does not respond. */
export interface MountState {
  readonly mount: Mount
  readonly stats: StatsFs | undefined
}

/** Which mounts are left out. */
export interface MountFilter {
  readonly mountPointsExclude: RegExp
  readonly fsTypesExclude: RegExp
}

/** Whether the metrics of a mount are wanted. */
export function isWanted({ mountPoint, fsType }: Mount, filter: MountFilter): boolean {
  return !filter.mountPointsExclude.test(mountPoint) && !filter.fsTypesExclude.test(fsType)
}

type Reading = (stats: StatsFs, mount: Mount) => number

const READINGS: readonly (readonly [name: string, help: string, read: Reading])[] = [
  ['avail_bytes', 'Filesystem space available to non-root users in bytes.', (fs) => fs.bavail * fs.bsize],
  ['files', 'Filesystem total file nodes.', (fs) => fs.files],
  ['files_free', 'Filesystem total free file nodes.', (fs) => fs.ffree],
  ['free_bytes', 'Filesystem free space in bytes.', (fs) => fs.bfree * fs.bsize],
  ['readonly', 'Filesystem read-only status.', (_fs, mount) => Number(mount.isReadOnly)],
  ['size_bytes', 'Filesystem size in bytes.', (fs) => fs.blocks * fs.bsize],
]

/** The families of mounted file systems. */
export function filesystemFamilies(states: readonly MountState[]): Family[] {
  const family = (name: string, help: string, read: (state: MountState) => number | undefined): Family => ({
    name: `node_filesystem_${name}`,
    type: 'gauge',
    help,
    series: states.flatMap((state): Series[] => {
      const value = read(state)
      const { device, fsType, mountPoint } = state.mount
      return value === undefined
        ? []
        : [{ labels: { device, fstype: fsType, mountpoint: mountPoint }, value }]
    }),
  })
  return [
    family(
      'device_error',
      'Whether an error occurred while getting statistics for the given device.',
      ({ stats }) => Number(stats === undefined),
    ),
    ...READINGS.map(([name, help, read]) =>
      family(name, help, ({ stats, mount }) => (stats === undefined ? undefined : read(stats, mount))),
    ),
  ]
}
