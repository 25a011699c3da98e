import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf } from './errors.ts'

/**
 * Looks whether files could be written to a folder. Writes nothing.
 * @throws Error that names the folder and what is wrong with it
 */
export async function assertWritable(folder: string): Promise<void> {
  try {
    // With the slash a file in its place is an error too.
    await access(`${folder}/`, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new Error(`the folder ${folder} cannot be written to: ${messageOf(error)}`)
  }
}

/**
 * The same for a folder that is made when it is missing, with all above it.
 * @throws Error that names the folder, the first one that is there, and what is wrong with it
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
