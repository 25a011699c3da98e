import { bytesIn, sha256 } from './bytes.ts'
import { messageOf } from './errors.ts'
import type { FileMark, Files } from './files.ts'
import type { Logger } from './logger.ts'
import { createMutex } from './mutex.ts'

/** The format version of Rollcall's files; files of another version are not read. */
const FORMAT = 4

/** Prepends a first line with the number of bytes in all pieces, and their digest. */
export async function sealed(pieces: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const seal = { format: FORMAT, sha256: await sha256(pieces), bytes: bytesIn(pieces) }
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
  const { part, rest } = await readPart(whole, path)
  if (rest.length > 0) throw modified(path)
  return part
}

/** A sealed file to which more was appended. */
export interface SealedParts {
  readonly parts: readonly [Buffer, ...Buffer[]]
  /** Whether the last part was left out, since it was not written to its end. */
  readonly isCut: boolean
}

/**
 * Reads a file of {@link writeSealed} to which more was appended, each with a seal of its own. A last part that is not what
 * was written is left out: a kill or a power failure may have left some of it, and zeros.
 * @returns undefined when the file is missing
 * @throws Error when the content of any other part differs from what was written
 */
export async function readSealedParts(
  files: Pick<Files, 'read'>,
  path: string,
): Promise<SealedParts | undefined> {
  const whole = await files.read(path)
  if (whole === undefined) return undefined
  const first = await readPart(whole, path)
  const parts: [Buffer, ...Buffer[]] = [first.part]
  for (let { rest } = first; rest.length > 0; ) {
    const here = rest
    const next = await readPart(here, path).catch((error) => {
      const isLast = here.indexOf(SEAL, 1) === -1
      if (!isLast) throw error
    })
    if (next === undefined) return { parts, isCut: true }
    parts.push(next.part)
    rest = next.rest
  }
  return { parts, isCut: false }
}

/** How a seal starts. It has quotation marks, which text in JSON has only behind a backslash. */
const SEAL = `{"format":${FORMAT},"sha256":"`

/** @throws Error when it is not what was written */
async function readPart(bytes: Buffer, path: string): Promise<{ part: Buffer; rest: Buffer }> {
  const start = bytes.indexOf('\n') + 1
  const seal = readSeal(bytes.toString('utf8', 0, Math.min(start, MAX_SEAL_BYTES)))
  if (seal.format === undefined) throw new Error(`${path} is damaged: its first line has no format`)
  if (seal.format !== FORMAT)
    throw new Error(`${path} has the format ${seal.format}, not ${FORMAT}: another version wrote it`)
  const end = start + (seal.bytes ?? Number.POSITIVE_INFINITY)
  const part = bytes.subarray(start, end)
  if ((await sha256([part])) !== seal.sha256) throw modified(path)
  return { part, rest: bytes.subarray(end) }
}

/** The longest first line. */
const MAX_SEAL_BYTES = 200

function readSeal(line: string) {
  const [, format, digest, bytes] =
    /^\{"format":(\d+)(?:,"sha256":"([0-9a-f]{64})")?(?:,"bytes":(\d+))?/.exec(line) ?? []
  return {
    format: format === undefined ? undefined : Number(format),
    sha256: digest,
    /** Undefined in a file of an earlier version, which has one part. */
    bytes: bytes === undefined ? undefined : Number(bytes),
  }
}

function modified(path: string): Error {
  return new Error(`${path} is not the file that was written: its digest differs`)
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
