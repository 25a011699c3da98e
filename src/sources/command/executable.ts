import { access, constants } from 'node:fs/promises'
import { delimiter, resolve } from 'node:path'
import { messageOf } from '../../base/errors.ts'
import { shownValue } from '../../base/printable.ts'

/**
 * Checks that a program can be started, without starting it.
 * @param folder the base of a relative path
 * @param path the folders to search for a program without a slash, as in PATH
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
    `the program ${shownValue(program)} is in no folder of PATH; install it, or write its full path`,
  )
}
