import { sha256 } from './bytes.ts'
import { messageOf } from './errors.ts'
import type { FileMark, Files } from './files.ts'
import type { Logger } from './logger.ts'
import { createMutex } from './mutex.ts'

/** The format version of Rollcall's files; files of another version are not read. */
const FORMAT = 4

/** Prepends a first line with the digest of all pieces. */
export async function sealed(pieces: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const seal = { format: FORMAT, sha256: await sha256(pieces) }
  return [Buffer.from(`${JSON.stringify(seal)}\n`), ...pieces]
}

/** A value in the format of a {@link Memory}. */
export function sealedValue(value: unknown): Promise<Uint8Array[]> {
  return sealed([Buffer.from(`${JSON.stringify(value)}\n`)])
}

/**
 * Writes a file whose first line has the digest of the rest: a truncated or modified file is recognised when
 * it is read.
 */
export async function writeSealed(
  files: Pick<Files, 'write'>,
  path: string,
  pieces: readonly Uint8Array[],
): Promise<FileMark> {
  return files.write(path, Buffer.concat(await sealed(pieces)), { makeFolder: true })
}

/**
 * Reads a file of {@link writeSealed}.
 * @returns undefined when the file is missing
 * @throws Error when its content differs from what was written
 */
export async function readSealed(files: Pick<Files, 'read'>, path: string): Promise<Buffer | undefined> {
  const whole = await files.read(path)
  if (whole === undefined) return undefined
  const end = whole.indexOf('\n') + 1
  const [, format, digest] =
    /^\{"format":(\d+)(?:,"sha256":"([0-9a-f]{64})")?/.exec(whole.toString('utf8', 0, Math.min(end, 200))) ??
    []
  if (format === undefined) throw new Error(`${path} is damaged: its first line has no format`)
  if (Number(format) !== FORMAT)
    throw new Error(`${path} has the format ${format}, not ${FORMAT}: another version wrote it`)
  const rest = whole.subarray(end)
  if ((await sha256([rest])) !== digest)
    throw new Error(`${path} is not the file that was written: its digest differs`)
  return rest
}

/** A small value that outlives the process. */
export interface Memory<Value> {
  /**
   * Loads the value of an earlier process; undefined when there is none, or it cannot be read, which is
   * logged.
   */
  load(): Promise<Value | undefined>
  /**
   * Stores a value in place of the previous one. A failed write is logged, and the next value is written
   * again.
   * @param make called when it is written; of several waiting values only the newest is written
   */
  keep(make: () => Value): void
  /** Resolves when the newest value has been written. */
  settled(): Promise<void>
}

/** Creates a memory that stores a value as JSON in a file. @param path undefined: nothing is stored */
export function createMemory<Value>(
  files: Pick<Files, 'read' | 'write'>,
  path: string | undefined,
  log: Pick<Logger, 'warn'>,
): Memory<Value> {
  const mutex = createMutex()
  let newest: (() => Value) | undefined

  return {
    async load() {
      try {
        const bytes = path === undefined ? undefined : await readSealed(files, path)
        return bytes === undefined ? undefined : (JSON.parse(bytes.toString()) as Value)
      } catch (error) {
        log.warn({ path, error: messageOf(error) }, 'the stored state is not used')
        return undefined
      }
    },
    keep(make) {
      if (path === undefined) return
      const isWaiting = newest !== undefined
      newest = make
      if (isWaiting) return
      const write = async () => {
        const value = (newest as () => Value)()
        newest = undefined
        await writeSealed(files, path, [Buffer.from(`${JSON.stringify(value)}\n`)])
      }
      mutex(write).catch((error) => log.warn({ path, error: messageOf(error) }, 'file not written'))
    },
    settled: () => mutex(async () => {}),
  }
}
