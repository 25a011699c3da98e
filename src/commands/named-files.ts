import { messageOf } from '../base/errors.ts'
import type { Settings } from '../config/settings.ts'
import type { Need } from '../sources/resolving.ts'
import { shownLine } from './printed.ts'

/** The problems of the files and folders that a configuration names, a line for each. */
export interface NamedFiles {
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
}

/** Checks the current state of all files and folders that a configuration names; nothing is written. */
export async function lookAtFiles({ needs }: Settings): Promise<NamedFiles> {
  const found = await Promise.all(needs.map(faultOf))
  const linesOf = (severity: Need['severity']) =>
    found.flatMap((fault, index) => (fault !== undefined && needs[index]?.severity === severity ? fault : []))
  return { errors: linesOf('error'), warnings: linesOf('warning') }
}

async function faultOf({ where, assert }: Need): Promise<string | undefined> {
  try {
    await assert()
    return undefined
  } catch (error) {
    return `${where}: ${shownLine(messageOf(error))}`
  }
}
