import { linesOf, wordsOf } from './collector.ts'

/** A line of /proc/mounts. */
export interface Mount {
  readonly device: string
  /** The path on the host, without the path of the root file system. */
  readonly mountPoint: string
  readonly fsType: string
  readonly isReadOnly: boolean
}

/**
 * Parses /proc/mounts; duplicate mounts are left out.
 * @param rootfs the path under which the host's root file system is mounted, `/` if the sensor runs on the
 * host itself
 */
export function parseMounts(mounts: string, rootfs: string): Mount[] {
  const found = new Map<string, Mount>()
  for (const line of linesOf(mounts)) {
    const [device = '', path = '', fsType = '', options = ''] = wordsOf(line)
    const mountPoint = withoutRootfs(unescaped(path), rootfs)
    const key = JSON.stringify([device, mountPoint, fsType])
    if (found.has(key)) continue
    found.set(key, { device, mountPoint, fsType, isReadOnly: options.split(',').includes('ro') })
  }
  return [...found.values()]
}

/**
 * The kernel escapes white space and backslashes in octal; as node_exporter does, only space and tab are
 * unescaped.
 */
function unescaped(path: string): string {
  return path.replaceAll('\\040', ' ').replaceAll('\\011', '\t')
}

function withoutRootfs(path: string, rootfs: string): string {
  if (rootfs === '/') return path
  if (path === rootfs) return '/'
  return path.startsWith(`${rootfs}/`) ? path.slice(rootfs.length) : path
}
