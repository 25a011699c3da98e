import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf } from './errors.ts'

/**
 * Checks that files can be written to a folder, without writing any.
 * @throws Error that names the folder and the fault
 */
export async function assertWritable(folder: string): Promise<void> {
  try {
    // The slash makes a file in its place an error too.
    await access(`${folder}/`, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new Error(`the folder ${folder} cannot be written to: ${messageOf(error)}`)
  }
}

/**
 * Checks the same for a folder that is made, with its parents, if it is missing.
 * @throws Error that names the first existing folder and the fault
 */
export async function assertMakeable(folder: string): Promise<void> {
  let first = folder
  while (await isMissing(first)) first = dirname(first)
  await assertWritable(first)
}

function isMissing(folder: string): Promise<boolean> {
  return access(folder).then(
    () => false,
    ({ code }) => code === 'ENOENT',
  )
}
