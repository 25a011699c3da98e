import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { asBuffer, bytesIn, sha256 } from '../base/bytes.ts'
import { type Moment, momentAtWall } from '../base/clock.ts'
import { type FileMark, type Files, isSameFile } from '../base/files.ts'
import { readSealedParts, sealed, writeSealed } from '../base/sealed-file.ts'
import { type Splice, type Splices, splice, splicesBetween } from '../base/splices.ts'
import type { Roll } from './roll.ts'
import { type Absence, countedAnew, type History, shifted } from './rules.ts'

// The list of a source on disk, in two files. The target groups are a valid `file_sd` file; its name has their digest, and it
// never changes. The roll names that file and is replaced atomically. Small changes of a large list are appended to the roll,
// each with a seal of its own, until the whole is written again. A process that dies leaves the old list or the new one.

/** The position of a list among those that replicas share. */
export interface Position {
  /** The newest generation that it includes; 0: none. */
  readonly generation: number
  /** Whether targets joined or left since then without the other replicas knowing. */
  readonly isDetached: boolean
}

/** The list of a source from an earlier process, another replica or a peer. */
export interface Before {
  readonly roll: Roll
  /** Times on the wall clock, in milliseconds. */
  readonly changedAtMs: number
  readonly lastSuccessMs: number
  /** Whether it comes from a peer, so that nothing on this machine proves that it is complete. */
  readonly isSeed?: boolean
  /** Whether it is the list before the last change on disk, which was not written to its end. */
  readonly isCut?: boolean
  /** Undefined: it is not shared. */
  readonly position?: Position | undefined
  /** Set when it is the list of another inventory: identifies that inventory. */
  readonly otherOrigin: string | undefined
}

/** A list that was read from disk. */
export interface Kept extends Before {
  /** The inventory that it is from. */
  readonly origin: Origin
}

/** Identifies an inventory: salted digests, in hex, of its URLs or paths. */
export interface Origin {
  readonly origin: string
  /** The digests of its other URLs. */
  readonly others?: readonly string[]
  readonly salt: string
}

/** A list to store. */
export interface Keepable {
  readonly roll: Roll
  /** SHA-256 of the body in hex. */
  readonly digest: string
  readonly changedAtMs: number
  readonly lastSuccessMs: number
  readonly position?: Position | undefined
}

/** The list of one source on disk. */
export interface Shelf {
  /**
   * Stores a list in place of the one before. Only changes are written. The time of the last success alone is written once a
   * minute, and for at most four sources a second. With many sources, the files are checked once a minute or less often.
   * @returns whether somebody had removed or replaced the stored files
   */
  keep(list: Keepable, now: Moment): Promise<boolean>
  /**
   * Reads the stored list.
   * @returns undefined when there is none
   * @throws Error when it is incomplete or was modified
   */
  load(now: Moment): Promise<Kept | undefined>
  /** Removes the stored list. */
  remove(): Promise<void>
}

/** The first line of a stored roll. The keys and absences of its targets follow, four bytes each, little-endian. */
interface Head extends Pick<Roll, 'groups' | 'seen' | 'accepted'>, Pick<Keepable, 'position'>, Origin {
  /** The name of the file with the groups, and its SHA-256 in hex. */
  readonly file: string
  readonly sha256: string
  readonly changedAtMs: number
  readonly lastSuccessMs: number
  /** The number of targets. */
  readonly targets: number
  readonly absences: readonly KeptAbsence[]
  /** When the targets of each absence went missing, on the wall clock. */
  readonly sinceMs?: readonly number[]
  /** Its times are ages (negative), because the monotonic clock starts again with each process. */
  readonly history: History
}

type KeptAbsence = Pick<Absence, 'lastSeen' | 'rollBefore' | 'isUnreadable'>

/** The first line of a change that was appended to a roll. The bytes that it adds follow, in the order of {@link ARRAYS}. */
interface Change extends Head {
  /** Its place among the changes of the roll, from 1. */
  readonly number: number
  readonly changes: readonly (readonly Splice[])[]
}

/** The parts of a roll that are large; a change has their differences to those before it. */
const ARRAYS = ['body', 'keys', 'absenceOf'] as const

type Arrays = Pick<Roll, (typeof ARRAYS)[number]>

/** Smaller lists are always written as a whole, and larger ones: comparing them would block the event loop. In bytes. */
const MIN_BYTES_TO_APPEND = 65_536
const MAX_BYTES_TO_APPEND = 32 * 2 ** 20

/** The files that were written last. */
interface Saved {
  /** Identifies the file of the roll. */
  readonly mark: FileMark
  /** The name and the size of the file with the groups. */
  readonly file: string
  readonly size: number
  /** The list in them, and the SHA-256 of its body in hex. */
  readonly roll: Arrays
  readonly digest: string
  /** The rest of the roll, without times. */
  readonly rest: string
  /** How many changes were appended to the roll, and their bytes. */
  readonly changes: number
  readonly appended: number
  readonly lastSuccessMs: number
  /** When the files were written or last checked, on the monotonic clock. */
  readonly seenMs: number
}

/** With more sources than this, the files of each are checked once a minute or less often: those of one source every 100 ms. */
const MANY = 100
const LOOK_MS = 60_000
const BETWEEN_LOOKS_MS = 100

/** The largest age of the time of the last success on disk, in milliseconds. */
const STALE_ON_DISK_MS = 60_000

/** The least time between two writes of that time alone, because thousands of sources would keep a disk busy. */
const BETWEEN_MS = 250

/** How long a listing of the folder is used to find old files, in milliseconds. */
const NAMES_MS = 10_000

/** The file name extension of a roll. */
const ENDING = '.snapshot'

/** A file to write, in pieces. */
export interface FileOf {
  /** Its path in the folder. */
  readonly path: string
  readonly pieces: readonly Uint8Array[]
}

/** The files of a stored list, the roll last. */
export async function filesOf(
  source: string,
  origin: Origin,
  list: Keepable,
  now: Moment,
): Promise<FileOf[]> {
  const roll = { path: source + ENDING, pieces: await sealed(piecesOf(source, origin, list, now)) }
  return [{ path: listName(source, list), pieces: [list.roll.body] }, roll]
}

/**
 * Identifies an inventory.
 * @param addresses its URLs or paths
 */
export function originOf(
  addresses: readonly string[],
  salt = randomBytes(16).toString('hex'),
): Required<Origin> {
  const [origin, ...others] = addresses.map((address) =>
    createHash('sha256').update(`${salt} ${address}`).digest('hex'),
  )
  return { origin: origin ?? '', others, salt }
}

/** Whether two lists are from the same inventory: one URL in common is enough. */
function isSameOrigin(one: Origin, other: Origin): boolean {
  const digests = digestsOf(one)
  return digestsOf(other).some((digest) => digests.includes(digest))
}

function digestsOf({ origin, others = [] }: Origin): string[] {
  return [origin, ...others]
}

function listName(source: string, { digest }: Pick<Keepable, 'digest'>): string {
  return `${source}.${digest.slice(0, 16)}.json`
}

/** The content of the file of a roll, after the seal. */
function piecesOf(source: string, origin: Origin, list: Keepable, now: Moment): Uint8Array[] {
  const head = headOf(listName(source, list), origin, list, now)
  return [lineOf(head), ...numbersOf(list.roll)]
}

/** What is appended to a roll, after the seal; undefined when it differs too much from what is saved. */
function changeOf(before: Saved, origin: Origin, list: Keepable, now: Moment): Uint8Array[] | undefined {
  const left = before.size / 2 - before.appended
  const changes: Splices[] = []
  for (const name of ARRAYS) {
    const change = splicesBetween(asBuffer(before.roll[name]), asBuffer(list.roll[name]), left)
    if (change === undefined) return undefined
    changes.push(change)
  }
  const head: Change = {
    ...headOf(before.file, origin, list, now),
    number: before.changes + 1,
    changes: changes.map(({ splices }) => splices),
  }
  const pieces = [lineOf(head), ...changes.map(({ added }) => added)]
  return bytesIn(pieces) > left ? undefined : pieces
}

function headOf(file: string, origin: Origin, list: Keepable, now: Moment): Head {
  const { roll, digest, changedAtMs, lastSuccessMs } = list
  const { groups, seen, accepted, history } = roll
  return {
    file,
    sha256: digest,
    ...origin,
    changedAtMs,
    lastSuccessMs,
    position: list.position,
    groups,
    targets: roll.keys.length,
    absences: keptAbsences(roll),
    sinceMs: roll.absences.map(({ sinceMs }) => now.wallMs - now.monotonicMs + sinceMs),
    seen,
    accepted,
    history: shifted(history, -now.monotonicMs),
  }
}

function lineOf(head: Head): Buffer {
  return Buffer.from(`${JSON.stringify(head)}\n`)
}

/** A first line, and the bytes after it. */
function headIn<Line extends Head>(part: Buffer): { readonly head: Line; readonly bytes: Buffer } {
  const end = part.indexOf('\n') + 1
  return { head: JSON.parse(part.toString('utf8', 0, end)), bytes: part.subarray(end) }
}

function keptAbsences({ absences }: Roll): KeptAbsence[] {
  return absences.map(({ lastSeen, rollBefore, isUnreadable }) => ({ lastSeen, rollBefore, isUnreadable }))
}

function numbersOf({ keys, absenceOf }: Arrays): Buffer[] {
  return [keys, absenceOf].map(asBuffer)
}

/**
 * Reads the stored list of a source, whichever inventory it is from.
 * @returns undefined when there is none
 * @throws Error when it is incomplete or was modified
 */
export async function readKept(
  files: Pick<Files, 'read'>,
  folder: string,
  source: string,
  now: Moment,
): Promise<(Omit<Kept, 'otherOrigin'> & Pick<Head, 'file'>) | undefined> {
  const path = join(folder, source + ENDING)
  const read = await readSealedParts(files, path)
  if (read === undefined) return undefined
  const [first, ...changes] = read.parts
  const { head: base, bytes: numbers } = headIn(first)
  // Only a plain file name, so that no file outside of the folder is read.
  if (!/^[^/\\]+\.json$/.test(base.file)) throw new Error(`${path} is damaged: file is ${base.file}`)
  const list = join(folder, base.file)
  const groups = await files.read(list)
  if (groups === undefined) throw new Error(`${list} is missing`)
  let head = base
  let arrays = [groups, numbers.subarray(0, 4 * base.targets), numbers.subarray(4 * base.targets)]
  for (const [index, part] of changes.entries()) {
    const { head: change, bytes } = headIn<Change>(part)
    if (change.number !== index + 1) throw new Error(`${path} is damaged: change ${index + 1} is missing`)
    let added = bytes
    arrays = arrays.map((before, index) => {
      const splices = change.changes[index] as readonly Splice[]
      const own = splices.reduce((sum, [, , more]) => sum + more, 0)
      const after = splice(before, { splices, added: added.subarray(0, own) })
      added = added.subarray(own)
      return after
    })
    head = change
  }
  const [body, keys, absenceOf] = arrays as [Buffer, Buffer, Buffer]
  if ((await sha256([body])) !== head.sha256)
    throw new Error(`${list} is not the file that was written: its digest differs`)
  const { seen, accepted, changedAtMs, lastSuccessMs, position, origin, others, salt } = head
  // Earlier versions did not store it.
  const sinceOf = (index: number) => momentAtWall(now, head.sinceMs?.[index] ?? now.wallMs).monotonicMs
  const roll: Roll = {
    body,
    groups: head.groups,
    keys: new Uint32Array(new Uint8Array(keys).buffer),
    absenceOf: new Int32Array(new Uint8Array(absenceOf).buffer),
    absences: head.absences.map((one, index) => countedAnew(one, now.monotonicMs, sinceOf(index))),
    seen,
    accepted,
    history: shifted(head.history, now.monotonicMs),
    held: [],
  }
  return {
    roll,
    changedAtMs,
    lastSuccessMs,
    position,
    origin: { origin, salt, ...(others && { others }) },
    file: base.file,
    isCut: read.isCut,
  }
}

/** The lists of all sources in a folder. */
export interface Shelves {
  /** @param addresses the URLs or paths of the inventory; none: any stored list belongs to the source */
  of(source: string, addresses: readonly string[]): Shelf
  /** The names of the sources with a stored list. */
  sources(): Promise<string[]>
}

/** Stores the lists of sources in a folder. */
export function createShelves(
  files: Pick<Files, 'read' | 'write' | 'append' | 'remove' | 'list' | 'look'>,
  folder: string,
): Shelves {
  let names: Promise<string[]> = Promise.resolve([])
  let readMs = Number.NEGATIVE_INFINITY
  let confirmedMs = Number.NEGATIVE_INFINITY
  const lists = new Map<string, Set<string>>()

  const list = () => files.list(folder).catch((): string[] => [])

  const shared: Folder = {
    files,
    folder,
    list,
    recent(nowMs) {
      if (nowMs - readMs >= NAMES_MS) {
        names = list()
        readMs = nowMs
      }
      return names
    },
    listsOf(source) {
      const own = lists.get(source) ?? new Set()
      lists.set(source, own)
      return own
    },
    lookMs: () => (lists.size > MANY ? Math.max(LOOK_MS, lists.size * BETWEEN_LOOKS_MS) : 0),
    mayConfirm(nowMs) {
      const may = nowMs - confirmedMs >= BETWEEN_MS
      if (may) confirmedMs = nowMs
      return may
    },
  }
  return {
    of: (source, addresses) => createShelf(shared, source, addresses),
    async sources() {
      const rolls = (await list()).filter((name) => name.endsWith(ENDING))
      return rolls.map((name) => name.slice(0, -ENDING.length))
    },
  }
}

/** The state that all shelves of a folder share. */
interface Folder {
  readonly files: Pick<Files, 'read' | 'write' | 'append' | 'remove' | 'list' | 'look'>
  readonly folder: string
  /** The names of its files. */
  list(): Promise<string[]>
  /** The names of its files a moment ago, so that a folder of thousands of sources is not read for each of them. */
  recent(nowMs: number): Promise<string[]>
  /** The files with groups of a source that this process wrote or read and has not removed. */
  listsOf(source: string): Set<string>
  /** How long files are taken to be there after they were seen, in milliseconds. */
  lookMs(): number
  /** Whether the time of the last success alone may be written now. */
  mayConfirm(nowMs: number): boolean
}

/** What is saved of a list. */
type State = Pick<Saved, 'roll' | 'digest' | 'rest' | 'lastSuccessMs'>

function stateOf({ roll, digest, position, lastSuccessMs }: Keepable): State {
  const { body, keys, absenceOf, seen, accepted, history } = roll
  const counts = [history.left, history.returned, history.sizes].map((tallies) =>
    tallies.map(({ count }) => count),
  )
  const rest = JSON.stringify([keptAbsences(roll), seen, accepted, counts, position?.isDetached])
  return { roll: { body, keys, absenceOf }, digest, rest, lastSuccessMs }
}

/** Whether this list is saved; its times may be later. */
function isSaved(saved: Saved, { roll, digest, rest }: State): boolean {
  const numbers = numbersOf(saved.roll)
  const isSame = rest === saved.rest && digest === saved.digest
  return isSame && numbersOf(roll).every((bytes, index) => bytes.equals(numbers[index] as Buffer))
}

function createShelf(
  { files, folder, list: names, recent, listsOf, lookMs, mayConfirm }: Folder,
  source: string,
  addresses: readonly string[],
): Shelf {
  const path = join(folder, source + ENDING)
  const own = originOf(addresses)
  // The files on disk, as far as known.
  let saved: Saved | undefined
  const lists = listsOf(source)

  async function isThere({ mark, file, size }: Saved): Promise<boolean> {
    // Presence is not enough: the file may be that of an older list, or of another process.
    const [roll, list] = [await files.look(path), await files.look(join(folder, file))]
    return roll !== undefined && isSameFile(roll, mark) && list?.size === BigInt(size)
  }

  /** Forgets what was written when it is not there any more. @returns whether it is not */
  async function forgetGone({ monotonicMs }: Moment): Promise<boolean> {
    if (saved === undefined || monotonicMs - saved.seenMs < lookMs()) return false
    const isGone = !(await isThere(saved))
    saved = isGone ? undefined : { ...saved, seenMs: monotonicMs }
    return isGone
  }

  function isStale(before: Saved, lastSuccessMs: number, { monotonicMs }: Moment): boolean {
    return lastSuccessMs - before.lastSuccessMs >= STALE_ON_DISK_MS && mayConfirm(monotonicMs)
  }

  /**
   * Removes the lists that the roll no longer names, and what a killed writer left behind; of the names that are given
   * here only, since others may keep files of theirs in the folder, such as the `file_sd` file of the source. What
   * cannot be removed stays: the list itself has been kept.
   */
  async function removeOthers(there: readonly string[], current?: string): Promise<void> {
    const isOurs = /^\.(?:[0-9a-f]{16}\.json|snapshot)(\.[0-9a-f-]{36}\.tmp)?$/
    const ours = there.filter((name) => name.startsWith(source) && isOurs.test(name.slice(source.length)))
    const old = ours.filter((name) => name !== current && name !== source + ENDING)
    await Promise.allSettled(old.map((name) => removeOne(name)))
  }

  async function removeOne(name: string): Promise<void> {
    await files.remove(join(folder, name))
    lists.delete(name)
  }

  /** @returns undefined when the whole has to be written instead */
  async function append(
    before: Saved,
    list: Keepable,
    state: State,
    now: Moment,
  ): Promise<Saved | undefined> {
    const largest = Math.max(before.roll.body.byteLength, list.roll.body.byteLength)
    const isFit = before.size >= MIN_BYTES_TO_APPEND && largest <= MAX_BYTES_TO_APPEND
    const change = isFit ? changeOf(before, own, list, now) : undefined
    if (change === undefined) return undefined
    const part = Buffer.concat(await sealed(change))
    try {
      const mark = await files.append(path, part, before.mark)
      const [changes, appended] = [before.changes + 1, before.appended + part.length]
      return { ...before, ...state, mark, changes, appended }
    } catch {
      // It may end with part of the change, which is left out when it is read.
      return undefined
    }
  }

  async function writeWhole(file: string, list: Keepable, state: State, now: Moment): Promise<Saved> {
    const mark = await writeSealed(files, path, piecesOf(source, own, list, now))
    const size = list.roll.body.byteLength
    return { ...state, mark, file, size, changes: 0, appended: 0, seenMs: now.monotonicMs }
  }

  return {
    async keep(list, now) {
      const isGone = await forgetGone(now)
      const state = stateOf(list)
      if (saved !== undefined && isSaved(saved, state) && !isStale(saved, list.lastSuccessMs, now))
        return false
      const before = saved?.file
      const appended = saved && append(saved, list, state, now)
      // Nothing is known of the files while they are written, and the list before is not kept in memory.
      saved = undefined
      saved = await appended
      if (saved !== undefined) return false
      const file = listName(source, list)
      // Noted before it is written, because a failed write may leave it.
      lists.add(file)
      if (before !== file) await files.write(join(folder, file), list.roll.body, { makeFolder: true })
      saved = await writeWhole(file, list, state, now)
      // The files of earlier processes are looked for once. The listing may lack files that this process wrote.
      const left = before === undefined ? await recent(now.monotonicMs) : []
      await removeOthers([...new Set([...left, ...lists])], file)
      return isGone
    },
    async load(now) {
      const read = await readKept(files, folder, source, now)
      if (read === undefined) return undefined
      const { file, ...kept } = read
      lists.add(file)
      const { origin, salt } = kept.origin
      const isOurs = addresses.length === 0 || isSameOrigin(kept.origin, originOf(addresses, salt))
      return { ...kept, otherOrigin: isOurs ? undefined : origin.slice(0, 8) }
    },
    async remove() {
      saved = undefined
      await files.remove(path)
      await removeOthers(await names())
      lists.clear()
    },
  }
}
