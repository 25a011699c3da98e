import { resolve } from 'node:path'
import { type Archive, readArchive } from '../backup/archive.ts'
import { install, isEmptyFolder } from '../backup/install.ts'
import { messageOf, StartError, UsageError } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import { lockFolder } from '../base/folder-lock.ts'
import { readSealed } from '../base/sealed-file.ts'
import type { Arguments } from '../config/arguments.ts'
import { readSigningKey } from '../config/load.ts'
import { type Given, readRequired } from '../config/option.ts'
import { flagOptions } from '../config/options.ts'
import { formatDuration } from '../model/duration.ts'
import { type Kept, readKept } from '../roll/kept.ts'
import { decodeJournal } from '../sources/push/journal.ts'
import { columns, count, type Printed, shownLine } from './printed.ts'

/** The name of standard input. */
const STDIN = '-'

/** The dependencies of a restore. */
export interface RestoreDeps {
  readonly files: Files
  /** Wall-clock time in milliseconds. */
  readonly now: () => number
  readonly stdin: AsyncIterable<Uint8Array>
}

/** The content of a backup for one source. */
interface Restored {
  readonly targets: string
  readonly registrations: string
}

/**
 * `rollcall restore FILE`: restores the folder of `--storage.path` from a backup. All of the backup is checked first.
 * @throws UsageError for wrong flags, StartError when the backup or the folder cannot be used
 */
export async function restore(args: Arguments, env: NodeJS.ProcessEnv, deps: RestoreDeps): Promise<Printed> {
  const { files } = deps
  const given: Given = { flags: args.flags, env }
  const file = readFileName(args)
  const folder = readFolder(given)
  const key = await readSigningKey(given, files)
    ?.reveal()
    .catch((error) => fail(`--storage.signing-key-file: ${messageOf(error)}`))
  const name = file === STDIN ? 'standard input' : file
  const packed = await readPacked(file, deps).catch((error) => fail(`${name}: ${messageOf(error)}`))
  const { archive, sources } = await check(packed, key).catch((error) =>
    fail(`${name}: ${messageOf(error)}; nothing was restored`),
  )
  const force = args.switches.has('force')
  // A folder that cannot be locked is reported only if it cannot be written either.
  const lock = await lockFolder(files, folder, () => {})
  try {
    if (!force && !(await isEmptyFolder(files, folder))) throw new Error(NOT_EMPTY)
    await install(files, folder, packed, archive)
  } catch (error) {
    fail(`--storage.path: ${folder}: ${messageOf(error)}`)
  } finally {
    await lock?.release()
  }
  const isUnchecked = archive.isSigned && key === undefined
  return {
    out: describe(archive, sources, deps.now(), folder),
    err: isUnchecked
      ? 'warning: the signature was not checked; --storage.signing-key-file names the key\n'
      : '',
    code: 0,
  }
}

const NOT_EMPTY =
  'it is not empty; choose another folder, or stop the server that uses it and add --force, which replaces the state that Rollcall stored there'

function fail(message: string): never {
  throw new StartError(message)
}

function readFileName({ positionals }: Arguments): string {
  const file = positionals[1] ?? ''
  if (file !== '') return file
  throw new UsageError('rollcall restore FILE: FILE is missing; name a backup, or - for standard input')
}

function readFolder(given: Given): string {
  const path = readRequired(flagOptions.storagePath, given)
  if (path !== '') return resolve(path)
  throw new UsageError('--storage.path: is empty, so nothing is stored; name the folder to restore to')
}

async function readPacked(file: string, { files, stdin }: RestoreDeps): Promise<Uint8Array> {
  if (file === STDIN) {
    const pieces: Uint8Array[] = []
    for await (const piece of stdin) pieces.push(piece)
    return Buffer.concat(pieces)
  }
  const packed = await files.read(file)
  if (packed === undefined) throw new Error('there is no such file')
  return packed
}

/** The source and the kind of a file. All paths of a backup match, except those of the history. */
const NAME = /^(?:push\/)?(.*)\.(snapshot|journal|json)$/

/** Reads the whole backup as a start would. */
async function check(packed: Uint8Array, key: string | undefined) {
  const archive = await readArchive(packed, key)
  const files = { read: async (path: string) => archive.parts.get(path) }
  const sources = new Map<string, Restored>()
  for (const [path, bytes] of archive.parts) {
    // Not checked: a start ignores lines of the history that cannot be read.
    if (path.startsWith('history/')) continue
    const [, name, kind] = NAME.exec(path) as unknown as [string, string, string]
    const before = sources.get(name) ?? { targets: 'no list', registrations: '' }
    if (kind === 'snapshot')
      sources.set(name, { ...before, targets: count(await targetsIn(files, name), 'target') })
    else if (kind === 'journal')
      sources.set(name, { ...before, registrations: count(registrationsIn(bytes, path), 'registration') })
    else if (path.startsWith('.')) JSON.parse(String(await readSealed(files, path)))
  }
  return { archive, sources }
}

type Reading = Parameters<typeof readKept>[0]

async function targetsIn(files: Reading, name: string): Promise<number> {
  const { roll } = (await readKept(files, '', name, { wallMs: 0, monotonicMs: 0 })) as Pick<Kept, 'roll'>
  return roll.keys.length
}

function registrationsIn(bytes: Buffer, path: string): number {
  const { instances, unusable, isTorn } = decodeJournal(bytes.toString(), path)
  const [why] = isTorn ? ['its last line has no end'] : unusable
  if (why === undefined) return instances.length
  throw new Error(`${path}: ${why}`)
}

function describe(
  { rollcall, atMs }: Archive,
  sources: ReadonlyMap<string, Restored>,
  nowMs: number,
  folder: string,
): string {
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1000))
  const at = new Date(atMs).toISOString()
  const age = formatDuration(seconds * 1000)
  const by = shownLine(rollcall)
  const rows = [...sources].map(([name, { targets, registrations }]) => [name, targets, registrations])
  return `restored ${count(rows.length, 'source')} to ${folder}, as they were ${age} ago (${at}, Rollcall ${by})\n${
    rows.length === 0 ? '' : columns(rows)
  }`
}
