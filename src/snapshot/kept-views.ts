import { join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/logger.ts'
import { createNewest } from '../base/newest.ts'

/** The views that had targets, on disk: a restart must not make one believed that turned empty. */
export interface KeptViews {
  /** The digests of those that a process before this one kept. */
  readonly known: readonly string[]
  /** Keeps these instead, as they are when they are written; what cannot be kept is told, and tried again with the next change. */
  keep(digests: () => readonly string[]): void
  /** Resolves when what was to be kept has been. */
  settled(): Promise<void>
}

/** No source has a name that begins with a dot. */
const NAME = '.views.json'

const DIGEST = /^[0-9a-f]{64}$/

/** Opens the file of the views in a folder; what is damaged is told, and as if it were not there. */
export async function openKeptViews(
  files: Pick<Files, 'read' | 'write'>,
  folder: string,
  log: Pick<Logger, 'warn'>,
): Promise<KeptViews> {
  const path = join(folder, NAME)
  const write = async (digests: () => readonly string[]) => {
    await files.write(path, Buffer.from(`${JSON.stringify(digests())}\n`), { makeFolder: true })
  }
  const newest = createNewest(write, (error) =>
    log.warn({ path, error: messageOf(error) }, 'which views had targets is not kept'),
  )
  return { known: await read(files, path, log), keep: newest.give, settled: newest.settled }
}

async function read(
  files: Pick<Files, 'read'>,
  path: string,
  log: Pick<Logger, 'warn'>,
): Promise<readonly string[]> {
  try {
    const value: unknown = JSON.parse((await files.read(path))?.toString() ?? '[]')
    if (!Array.isArray(value)) throw new Error('it is not a list')
    return value.filter((one): one is string => typeof one === 'string' && DIGEST.test(one))
  } catch (error) {
    log.warn({ path, error: messageOf(error) }, 'which views had targets before the start is not known')
    return []
  }
}
