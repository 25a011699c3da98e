import { readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** What follows the name of a file, and a dot, in that of the temporary one which is to take its place. */
const TEMPORARY = /^[0-9a-f-]{36}\.tmp$/

/**
 * Removes what was left beside a file by a process that ended while it wrote it. Best effort: what cannot be listed
 * or removed stays, as it does no harm but the room that it takes.
 */
export async function removeLeftovers(path: string): Promise<void> {
  const [folder, start] = [dirname(path), `${basename(path)}.`]
  const names = await readdir(folder).catch(() => [])
  const left = names.filter((name) => name.startsWith(start) && TEMPORARY.test(name.slice(start.length)))
  await Promise.allSettled(left.map((name) => rm(join(folder, name))))
}
