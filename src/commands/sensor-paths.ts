import { statSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, UsageError } from '../base/errors.ts'
import type { Given } from '../config/option.ts'
import { sensorOptions } from '../config/sensor-options.ts'

/** A file that each file system has on every machine. Of the root file system only parts may be mounted. */
const PROOFS = [
  [sensorOptions.procfs, 'stat'],
  [sensorOptions.sysfs, 'class'],
  [sensorOptions.rootfs, '.'],
] as const

/**
 * Checks that the file systems of the machine are at the paths of the flags: otherwise metrics would be missing without
 * an error. Default paths are not checked, because not every machine has them.
 * @throws UsageError, one line for each wrong flag
 */
export function assertPaths({ flags }: Pick<Given, 'flags'>): void {
  const faults = PROOFS.flatMap(([option, proof]) => {
    const path = flags[option.flag]
    const fault = path === undefined ? undefined : faultOf(join(path, proof))
    if (fault === undefined) return []
    const wrong = `--${option.flag}: ${JSON.stringify(path)} is not where that file system of the machine is mounted`
    return [`${wrong} (${fault}); mount it there, or leave the flag out to use ${option.default}`]
  })
  if (faults.length > 0) throw new UsageError(faults.join('\n'))
}

function faultOf(path: string): string | undefined {
  try {
    statSync(path)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}
