import { createDiskCopy } from '../snapshot/disk.ts'
import { originOf, type SourceOptions } from '../sources/registry.ts'
import { fileSdOutput, type Output } from './outputs.ts'
import type { RefreshPlan } from './refresh-plan.ts'

/** What a configuration says of where the list of a source is written. */
export interface Destination {
  readonly name: string
  readonly source: SourceOptions
  /** Absolute path of a file_sd file; undefined: none is written. */
  readonly fileSd: string | undefined
  /** Absolute path of the folder that keeps the last good lists; undefined: nothing is kept. */
  readonly storagePath: string | undefined
}

/** Where else the list of a source is written, and what reads the one that was kept. */
export function outputsOf({
  name,
  source,
  fileSd,
  storagePath,
}: Destination): Pick<RefreshPlan, 'outputs' | 'load'> {
  const disk = storagePath === undefined ? undefined : createDiskCopy(storagePath, name, originOf(source))
  const outputs: Output[] = fileSd === undefined ? [] : [fileSdOutput(fileSd)]
  if (disk !== undefined) {
    outputs.push({ kind: 'storage', path: disk.folder, write: disk.save, confirm: disk.confirm })
  }
  return { outputs, load: disk?.load ?? (async () => undefined) }
}
