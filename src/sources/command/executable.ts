import { access, constants } from 'node:fs/promises'
import { delimiter, resolve } from 'node:path'
import { messageOf } from '../../base/errors.ts'
import { shownValue } from '../../base/printable.ts'

/**
 * Looks whether a program could be started. Starts nothing.
 * @param folder what a relative path is relative to
 * @param path where a program without a slash is looked for, as in PATH
 * @throws Error that names the program and says what is wrong
 */
export async function assertExecutable(program: string, folder: string, path = ''): Promise<void> {
  const isFound = (file: string) => access(file, constants.X_OK)
  if (program.includes('/')) {
    await isFound(resolve(folder, program)).catch((error) => {
      throw new Error(`the program ${shownValue(program)} cannot be run: ${messageOf(error)}`)
    })
    return
  }
  for (const one of path.split(delimiter)) {
    const isThere = await isFound(resolve(folder, one, program)).then(
      () => true,
      () => false,
    )
    if (isThere) return
  }
  throw new Error(
    `the program ${shownValue(program)} is in no folder of PATH; install it, or write its whole path`,
  )
}
