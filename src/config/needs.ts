import { dirname } from 'node:path'
import { assertMakeable, assertWritable } from '../base/writable.ts'
import type { Need, SourceSettings } from './settings.ts'

/** The folder that flags or variables say the last good lists are kept in. */
export function storageNeeds(path: string | undefined): Need[] {
  if (path === undefined) return []
  return [{ where: '--storage.path', severity: 'warning', assert: () => assertMakeable(path) }]
}

/** The folder of the file that TARGETS_FILE names. */
export function targetsFileNeeds({ fileSd }: SourceSettings): Need[] {
  if (fileSd === undefined) return []
  return [{ where: 'TARGETS_FILE', severity: 'warning', assert: () => assertWritable(dirname(fileSd)) }]
}
